/** The flags that end the command by themselves: help, version, completions. */
import * as Completions from "effect/cli/Completions"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Shell } from "../Shell.ts"

const help: typeof GlobalFlag.Help = GlobalFlag.Action({
  flag: Flag.withDescription(GlobalFlag.Help.flag, "Explain the command and show an example"),
  run: GlobalFlag.Help.run
})

const version: typeof GlobalFlag.Version = GlobalFlag.Action({
  flag: Flag.withDescription(GlobalFlag.Version.flag, "Print the version"),
  run: GlobalFlag.Version.run
})

const shells: ReadonlyArray<readonly [name: string, shell: Completions.Shell]> = [
  ["bash", "bash"],
  ["zsh", "zsh"],
  ["fish", "fish"],
  ["powershell", "powershell"]
]

const completions = ({ stdout }: Shell["Service"]): typeof GlobalFlag.Completions =>
  GlobalFlag.Action({
    flag: Flag.ChoiceWithValue("completions", shells).pipe(
      Flag.withMetavar("SHELL"),
      Flag.withDescription("Print the completion script of a shell"),
      Flag.optional
    ),
    run: (shell, { command }) =>
      Option.isNone(shell)
        ? Effect.void
        : Effect.ignore(
            stdout.write(`${Completions.generate(command.name, shell.value, Completions.fromCommand(command))}\n`)
          )
  })

/** The built-in flags, writing to a shell. */
export const builtIns = (shell: Shell["Service"]): ReadonlyArray<GlobalFlag.BuiltIn> => [
  help,
  version,
  completions(shell)
]
