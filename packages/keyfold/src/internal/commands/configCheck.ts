/** `keyfold config check`. */
import type { Inspection } from "@keyfold/config/Configuration"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { type Output, Shell } from "../../Shell.ts"
import * as ExitCode from "../exitCode.ts"
import { outcome } from "../outcome.ts"
import { fit, note, print, printJson } from "../print.ts"
import { root } from "../root.ts"
import { checkConfiguration, wholeFile } from "../stores.ts"
import { paint } from "../style.ts"
import { escape } from "../text.ts"

const flags = {
  secrets: Flag.Boolean("secrets").pipe(
    Flag.withDescription("Obtain every secret too, as a program does when it starts: files are read, commands run"),
    Flag.withDefault(false),
    Flag.withoutNegation
  )
}

const render = (text: string, output: Output): string => {
  const [place = "", ...problem] = text.split("\n").map(escape)
  return [paint(output, "bold", place), ...problem.map((line) => fit(line, output))].map((line) => `${line}\n`).join("")
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`

const tell = Effect.fnUntraced(function* ({ findings, stores, tenants }: Inspection) {
  const { stdout } = yield* Shell
  const { format } = yield* Effect.promise(() => import("@keyfold/config/Finding"))
  yield* print(findings.map((finding) => render(format(finding), stdout)).join(""))
  const parts = `${counted(stores.length, "store")} and ${counted(tenants.length, "tenant")}`
  yield* note(
    findings.length === 0
      ? `The configuration has no mistakes: ${parts}.`
      : `The configuration has ${counted(findings.length, "mistake")}.`
  )
})

/** Checks the configuration. */
export const configCheck = Command.make(
  "check",
  flags,
  Effect.fnUntraced(function* ({ secrets }) {
    const settings = yield* root
    yield* wholeFile(settings, "config check")
    const inspection = yield* checkConfiguration(settings, secrets)
    const { findings } = inspection
    yield* settings.json ? Effect.forEach(findings, printJson, { discard: true }) : tell(inspection)
    yield* outcome(findings.length === 0 ? ExitCode.ok : ExitCode.usage)
  })
).pipe(
  Command.withDescription(
    "Check the configuration file and the environment variables that override it, and tell every mistake at once: its " +
      "line and member, what was found, what is accepted and the nearest right spelling; with --json one object per " +
      "line. No store is opened and, without --secrets, no secret is read. A mistake is exit code 2."
  ),
  Command.withShortDescription("Tell every mistake in the configuration"),
  Command.withExamples([
    { command: "keyfold config check" },
    { command: "keyfold config check --secrets", description: "Before a restart: is every secret there?" }
  ])
)
