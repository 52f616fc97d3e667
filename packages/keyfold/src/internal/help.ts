/** Help and usage errors, as the command shows them. */
import type * as CliError from "effect/cli/CliError"
import type * as CliOutput from "effect/cli/CliOutput"
import type { ArgDoc, ExampleDoc, FlagDoc, HelpDoc } from "effect/cli/HelpDoc"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Output, Shell } from "../Shell.ts"
import * as ExitCode from "./exitCode.ts"
import { render, report, type Report, usage } from "./failure.ts"
import { paint } from "./style.ts"
import { pad, width, wrap } from "./text.ts"

type Row = readonly [left: string, right: string]

const rows = (title: string, list: ReadonlyArray<Row>, output: Output): string => {
  if (list.length === 0) return ""
  const left = Math.min(30, Math.max(...list.map(([text]) => width(text))))
  const room = Math.max(30, Math.min(output.columns, 100) - left - 4)
  const lines = list.map(([name, text]) => {
    const wrapped = wrap(text, room)
    const first = width(name) > left ? `${name}\n${" ".repeat(left + 4)}` : `${pad(name, left)}  `
    return `  ${first}${wrapped.join(`\n${" ".repeat(left + 4)}`)}`
  })
  return section(title, lines, output)
}

const section = (title: string, lines: ReadonlyArray<string>, output: Output): string =>
  `\n${paint(output, "bold", title)}\n${lines.join("\n")}\n`

const flagRow = ({ aliases, description, name, type }: FlagDoc): Row => [
  [`--${name}`, ...aliases].join(", ") + (type === "boolean" ? "" : ` ${type}`),
  Option.getOrElse(description, () => "")
]

const argumentRow = ({ description, name, required }: ArgDoc): Row => [
  name,
  Option.getOrElse(description, () => "") + (required ? "" : " (optional)")
]

const examples = (list: ReadonlyArray<ExampleDoc>, output: Output): string =>
  list.length === 0
    ? ""
    : section(
        list.length === 1 ? "Example" : "Examples",
        list.flatMap(({ command, description }) => [
          ...(description === undefined ? [] : [paint(output, "dim", `  # ${description}`)]),
          `  ${paint(output, "cyan", command)}`
        ]),
        output
      )

/** Writes the help of one command. */
export const format = (doc: HelpDoc, output: Output): string => {
  const room = Math.max(30, Math.min(output.columns, 100))
  const isRoot = (doc.commandPath ?? []).length <= 1
  const shared = [...(doc.inheritedFlags ?? []), ...(doc.globalFlags ?? [])]
  const commands = (doc.subcommands ?? []).flatMap((group) => group.commands)
  return [
    `${wrap(doc.description, room).join("\n")}\n`,
    section("Usage", [`  ${doc.usage.replace("<subcommand>", isRoot ? "<command>" : "[<command>]")}`], output),
    rows("Arguments", (doc.args ?? []).map(argumentRow), output),
    rows(
      "Commands",
      commands.map((command): Row => [command.name, command.shortDescription ?? command.description]),
      output
    ),
    isRoot ? "" : rows("Flags", doc.flags.map(flagRow), output),
    rows("Flags of every command", (isRoot ? [...doc.flags, ...shared] : shared).map(flagRow), output),
    isRoot
      ? rows(
          "Exit codes",
          ExitCode.meanings.map(([code, meaning]): Row => [`${code}`, meaning]),
          output
        )
      : "",
    examples(doc.examples ?? [], output)
  ].join("")
}

/** Never repeats a stray argument: it may be a secret that was meant for standard input. */
const describe = (error: CliError.NonShowHelpErrors): string =>
  error._tag === "UnexpectedArgument"
    ? `${error.arguments.length === 1 ? "there is an argument" : `there are ${error.arguments.length} arguments`} too many`
    : error._tag === "UnknownSubcommand"
      ? `there is no such command${error.suggestions.length === 0 ? "" : `; did you mean ${error.suggestions.join(" or ")}?`}`
      : error._tag === "UserError"
        ? "the command line could not be read"
        : error.message.replace(/\s*\n\s*/g, " ").replace(/^./, (first) => first.toLowerCase())

const usageReport = (path: ReadonlyArray<string>, errors: ReadonlyArray<CliError.NonShowHelpErrors>): Report =>
  report(usage(errors.map(describe).join("; "), `See: ${path.join(" ")} --help`))

/** Shows help on standard output and usage errors on standard error. */
export const presenter = (shell: Shell["Service"], json: boolean): CliOutput.Presenter => ({
  present: (event) => {
    const { stderr, stdout } = shell
    switch (event._tag) {
      case "Version":
        return Effect.ignore(stdout.write(`${event.version}\n`))
      case "Help": {
        const output = event.reason === "Requested" ? stdout : stderr
        return Effect.ignore(output.write(format(event.helpDoc, output)))
      }
      case "InvalidInvocation":
        return Effect.ignore(stderr.write(render(usageReport(event.commandPath, event.errors), stderr, json)))
    }
  }
})
