/** The sinks of the campaign: every kind there is, sound ones and ones that fail once they have been given a secret. */
import type { Sink } from "@keyfold/core/Sink"
import * as SecretSink from "@keyfold/node/SecretSink"
import * as Effect from "effect/Effect"
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/** Where sound sinks put secrets, and where what a program was started with is written down. */
export const targets = "targets"
const witnesses = "witnesses"

/** What the programs that are fed a secret see of themselves. */
export const witnessNames = ["cmdline", "environ"]

/** Keeps its standard input as a file, and writes down what others could see of it meanwhile. */
const keeper = `
umask 077
cat > "$1"
for part in ${witnessNames.join(" ")}; do cat "/proc/$$/$part" >> "$2/$part"; done
`

const fileNames = ["plain.key", "with-id.key", "with-id.key.id", ".env", "kept.key"]

/** A program that is fed a secret, with its arguments. */
export const keeperCommand = (
  folder: string,
  ...more: ReadonlyArray<string>
): readonly [string, ...ReadonlyArray<string>] => [
  ...(["/bin/sh", "-c", keeper, "keeper"] as const),
  join(folder, targets, "kept.key"),
  join(folder, witnesses),
  ...more
]

const sound = (folder: string): ReadonlyArray<Sink> => {
  const at = { folder: join(folder, targets) }
  return [
    SecretSink.callback("a callback", () => Effect.void),
    SecretSink.file("plain.key", at),
    SecretSink.file("with-id.key", { ...at, keyId: true }),
    SecretSink.environmentFile(".env", "API_KEY", at),
    SecretSink.standardInput(keeperCommand(folder), at)
  ]
}

/** Something takes the place that was free when the sink was opened. */
const overtaken = (sink: Sink, path: string, content: string): Sink => ({
  ...sink,
  open: Effect.tap(sink.open, () => Effect.sync(() => writeFileSync(path, content)))
})

const repeats = 'secret=$(cat); echo "$secret"; echo "$secret" >&2; exit 7'

const broken = (folder: string): ReadonlyArray<Sink> => {
  const at = { folder: join(folder, targets) }
  const path = (name: string) => join(folder, targets, name)
  return [
    SecretSink.callback("a callback", (issued) => Effect.fail({ issued })),
    SecretSink.callback("a callback with a bug", ({ secret }) => Effect.die(secret)),
    overtaken(SecretSink.file("taken.key", at), path("taken.key"), "somebody else's"),
    overtaken(SecretSink.environmentFile("taken.env", "API_KEY", at), path("taken.env"), "API_KEY=other\n"),
    SecretSink.file(join("nowhere", "plain.key"), at),
    SecretSink.standardInput(["/bin/sh", "-c", repeats], at),
    SecretSink.standardInput(["/bin/sh", "-c", "cat"], { ...at, confirms: "keyId" }),
    SecretSink.standardInput(["/bin/sh", "-c", "cat > /dev/null; sleep 60"], { ...at, within: "100 millis" }),
    SecretSink.standardInput(["/nowhere/program"], at)
  ]
}

/** Makes the sinks of one situation, and the folders they need. */
export const makeSinks = (folder: string, areBroken: boolean): ReadonlyArray<Sink> => {
  for (const name of [targets, witnesses]) mkdirSync(join(folder, name), { recursive: true })
  return areBroken ? broken(folder) : sound(folder)
}

/** Tells whether a file is one that holds a secret on purpose. */
export const isTarget = (where: string): boolean =>
  fileNames.some((name) => where.endsWith(`file ${join(targets, name)}`))

/** How many secrets stand in a text. One may be a part of another: a key with and without its organization. */
const countIn = (text: string, canaries: ReadonlyArray<string>): number => {
  let rest = text
  let count = 0
  for (const canary of canaries.toSorted((left, right) => right.length - left.length)) {
    const parts = rest.split(canary)
    count += parts.length - 1
    rest = parts.join("\0")
  }
  return count
}

/** What is wrong with the files that hold secrets: readable by others, more than one secret, or a file too many. */
export const targetProblems = (folder: string, canaries: ReadonlyArray<string>): ReadonlyArray<string> =>
  readdirSync(join(folder, targets)).flatMap((name) => {
    const path = join(folder, targets, name)
    const text = readFileSync(path, "utf8")
    const secrets = countIn(text, canaries)
    if (name.startsWith("taken.")) return secrets === 0 ? [] : [`${name} holds a secret`]
    const mode = statSync(path).mode & 0o777
    return [
      ...(fileNames.includes(name) ? [] : [`${name} was left behind`]),
      ...(mode === 0o600 ? [] : [`${name} has mode ${mode.toString(8)}`]),
      ...(secrets === (name.endsWith(".id") ? 0 : 1) ? [] : [`${name} holds ${secrets} secrets`])
    ]
  })

/** The files that sound sinks write, as far as they are not there. */
export const missingTargets = (folder: string): ReadonlyArray<string> => {
  const there = readdirSync(join(folder, targets))
  return fileNames.filter((name) => !there.includes(name))
}
