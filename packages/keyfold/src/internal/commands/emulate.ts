/** `keyfold emulate`. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Shell } from "../../Shell.ts"
import { emulated, emulatedNames, entryOf, type EmulatedName, type RunningEmulator } from "../emulators.ts"
import { usage } from "../failure.ts"
import { fit, print, printJson } from "../print.ts"
import { root, type Settings } from "../root.ts"
import { untilEnded } from "../serving.ts"
import { paint } from "../style.ts"

const flags = {
  backend: Argument.Literals("backend", emulatedNames).pipe(
    Argument.withDescription(`The backend to emulate: ${emulatedNames.join(", ")}`)
  ),
  port: Flag.Int("port").pipe(
    Flag.withMetavar("NUMBER"),
    Flag.withDescription("The port on this machine; any free one when omitted"),
    Flag.withDefault(0)
  ),
  seed: Flag.Int("seed").pipe(
    Flag.withMetavar("NUMBER"),
    Flag.withDescription("Put this many example keys into it"),
    Flag.withDefault(0)
  )
}

const mostSeeds = 10_000

const plainName = /^[A-Za-z][A-Za-z0-9_-]*$/
const yamlWords = /^(true|false|null)$/i

const snippet = (name: string, backend: EmulatedName, running: RunningEmulator): string =>
  [
    "stores:",
    `  ${yamlWords.test(name) ? JSON.stringify(name) : name}:`,
    ...entryOf(backend, running, `{ env: ${emulated[backend].variable} }`).map((line) => `    ${line}`),
    ""
  ].join("\n")

const render = (
  name: string,
  backend: EmulatedName,
  running: RunningEmulator,
  { command, stdout: output }: Shell["Service"]
): string =>
  [
    `${emulated[backend].title}, emulated on ${paint(output, "bold", running.baseUrl)} until you press Ctrl-C.`,
    fit(
      "It serves this machine only, keeps everything in memory and behaves like the real one, delays included.",
      output
    ),
    "",
    paint(output, "dim", "# keyfold.yaml"),
    snippet(name, backend, running),
    paint(output, "dim", "# in your shell: a demo credential, good for this emulator only"),
    `export ${emulated[backend].variable}='${running.credential}'`,
    "",
    paint(output, "dim", "# then"),
    `${command} create --store ${name} --name hello`,
    ""
  ].join("\n")

const check = (settings: Settings, { port, seed }: { readonly port: number; readonly seed: number }) => {
  if (port < 0 || port > 65_535) return usage("--port takes a number from 0 to 65535; 0 is any free port.")
  if (seed < 0 || seed > mostSeeds) return usage(`--seed takes a number from 0 to ${mostSeeds}.`)
  if (Option.isSome(settings.store) && !plainName.test(settings.store.value)) {
    return usage("--store, the name in the configuration shown, takes letters, digits, - and _.")
  }
  return Option.isSome(settings.config) ? usage("emulate reads no configuration; leave --config out.") : undefined
}

/** Serves an emulated backend until it is stopped. */
export const emulate = Command.make(
  "emulate",
  flags,
  Effect.fnUntraced(function* ({ backend, port, seed }) {
    const settings = yield* root
    const shell = yield* Shell
    const mistake = check(settings, { port, seed })
    if (mistake !== undefined) return yield* mistake
    const running = yield* emulated[backend].start({ port, seed })
    const name = Option.getOrElse(settings.store, () => "demo")
    const { baseUrl, credential } = running
    const configuration = snippet(name, backend, running)
    yield* settings.json
      ? printJson({ backend, baseUrl, credential, variable: emulated[backend].variable, configuration })
      : print(render(name, backend, running, shell))
    return yield* untilEnded
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Serve a local stand-in for a backend on this machine until Ctrl-C, and show the configuration to use it with. It " +
      "needs no account and no network."
  ),
  Command.withShortDescription("Serve a local stand-in for a backend"),
  Command.withExamples([
    { command: "keyfold emulate whylabs --port 7070 --seed 25" },
    { command: "keyfold emulate occam --store policies", description: "Named as your own configuration names it" }
  ])
)
