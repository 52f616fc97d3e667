/** Where a secret goes, or may have gone before a crash: the flags that name a place, and the sinks behind them. */
import type { KeyStore } from "@keyfold/core/KeyStore"
import type { Sink } from "@keyfold/core/Sink"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { Shell } from "../Shell.ts"
import { type CommandError, usage } from "./failure.ts"
import { escape } from "./text.ts"

const flag = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.optional)

// Not --env-file: Node takes that for itself, wherever it stands on the command line.

/** Names a file for a new secret. */
export const deliveryFlags = {
  secretFile: flag(
    "secret-file",
    "PATH",
    "Write the secret to this new file, readable by you only, and print it nowhere"
  ),
  environmentFile: flag(
    "environment-file",
    "PATH",
    "Write the secret to this environment file, as the variable that --variable names, and print it nowhere"
  ),
  variable: flag("variable", "NAME", "With --environment-file: the variable, which must not be in the file yet")
}

/** Names a file that may hold the secret already. */
export const holderFlags = {
  secretFile: flag(
    "secret-file",
    "PATH",
    "Where the secret may have been written: a key whose secret is there is kept"
  ),
  environmentFile: flag("environment-file", "PATH", "The environment file the secret may have been written to"),
  variable: flag("variable", "NAME", "With --environment-file: the variable")
}

/** What the flags say. */
export interface Named {
  readonly secretFile: Option.Option<string>
  readonly environmentFile: Option.Option<string>
  readonly variable: Option.Option<string>
}

/**
 * A place for one secret, and how results name it: for people, and as members of a JSON object.
 *
 * `sink` makes the sink for a store's secrets. A `file` that is the secret's own gets a second one beside it, with the
 * key's id, where the secrets do not carry it: without that nobody could tell after a crash whose secret it is.
 */
export interface Place {
  readonly sink: (store: KeyStore["Service"]) => Sink
  readonly file?: string
  readonly sentence: string
  readonly members: Readonly<Record<string, string>>
}

const loadSinks = Effect.promise(() => import("@keyfold/node/SecretSink"))

const inFile = Effect.fnUntraced(function* (path: string) {
  const { folder } = yield* Shell
  const SecretSink = yield* loadSinks
  const absolute = resolve(folder, path)
  const place: Place = {
    sink: ({ capabilities }) => SecretSink.file(path, { folder, keyId: !capabilities.identify }),
    file: absolute,
    sentence: `The secret is in ${escape(absolute)}, which only you can read.`,
    members: { secretFile: absolute }
  }
  return place
})

const inEnvironmentFile = Effect.fnUntraced(function* (path: string, variable: string) {
  const { folder } = yield* Shell
  const SecretSink = yield* loadSinks
  const absolute = resolve(folder, path)
  const place: Place = {
    sink: () => SecretSink.environmentFile(path, variable, { folder }),
    sentence: `The secret is in ${escape(absolute)}, as ${escape(variable)}.`,
    members: { environmentFile: absolute, variable }
  }
  return place
})

/** Makes the place of a program's standard input; no shell reads the command. */
export const inCommand = Effect.fnUntraced(function* (program: string, commandArguments: ReadonlyArray<string>) {
  const { environment, folder } = yield* Shell
  const SecretSink = yield* loadSinks
  const place: Place = {
    sink: () => SecretSink.standardInput([program, ...commandArguments], { folder, env: environment }),
    sentence: `The secret went to the standard input of ${escape(program)}.`,
    members: { command: program }
  }
  return place
})

/** Finds the file that the flags name, if they name one. */
export const placeIn = Effect.fnUntraced(function* ({
  environmentFile,
  secretFile,
  variable
}: Named): Effect.fn.Return<Place | undefined, CommandError, Shell> {
  if (Option.isSome(secretFile) && Option.isSome(environmentFile)) {
    return yield* usage("--secret-file and --environment-file exclude each other.")
  }
  if (Option.isSome(environmentFile) && Option.isSome(variable)) {
    return yield* inEnvironmentFile(environmentFile.value, variable.value)
  }
  if (Option.isSome(environmentFile) || Option.isSome(variable)) {
    return yield* usage(
      "--environment-file and --variable belong together.",
      "Example: --environment-file .env --variable API_KEY"
    )
  }
  return Option.isSome(secretFile) ? yield* inFile(secretFile.value) : undefined
})

/** Options of `recover` and `sweepOrphans`: the sink that may hold the secret. */
export type Holder = { readonly sink?: Sink }

/** Makes the sink that may hold a secret. A file that does not tell whose secret it holds would cost a good key. */
export const holderOf = Effect.fnUntraced(function* (
  place: Place | undefined,
  store: KeyStore["Service"]
): Effect.fn.Return<Holder, CommandError> {
  if (place === undefined) return {}
  const sink = place.sink(store)
  if (place.file === undefined || !existsSync(place.file)) return { sink }
  const holds = yield* Effect.mapError(sink.holds(store.identify), ({ message }) => usage(message))
  return Option.isSome(holds)
    ? { sink }
    : yield* usage(
        `the file ${place.file} does not tell which key's secret it holds.`,
        `Write the key's id to ${place.file}.id, or leave --secret-file out: then a key that was not confirmed is revoked.`
      )
})
