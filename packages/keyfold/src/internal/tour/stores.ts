/** The backends that the tour visits. A new one is a new entry of `tourStores`. */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { emulated, entryOf, type EmulatedName } from "../emulators.ts"

/** One backend, running and ready to be named in a configuration. */
export interface TourStore {
  readonly adapter: string
  /** What it is, for the reader. */
  readonly about: string
  /** Its entry in keyfold.yaml, without indentation. */
  readonly entry: ReadonlyArray<string>
  /** How many requests it has seen; absent where there are none to see. */
  readonly requests?: () => number
}

type Start = (folder: string) => Effect.Effect<TourStore, ConfigurationError, Scope.Scope>

const writeSecret = Effect.fnUntraced(function* (folder: string, name: string, secret: string) {
  const SecretFile = yield* Effect.promise(() => import("@keyfold/node/SecretFile"))
  yield* SecretFile.write(join(folder, "secrets", name), Redacted.make(secret))
})

const local: Start = Effect.fnUntraced(function* (folder) {
  yield* writeSecret(folder, "pepper", randomBytes(32).toString("base64url"))
  return {
    adapter: "sql",
    about: "an embedded SQLite database, real SQL",
    entry: [
      "adapter: sql",
      "url: sqlite:data/keyfold.db",
      "pepper: { file: ./secrets/pepper }",
      "defaults: { owner: platform-bot, scopes: [write] }"
    ]
  }
})

const emulation = (adapter: EmulatedName, about: string): Start =>
  Effect.fnUntraced(function* (folder) {
    const running = yield* emulated[adapter].start({ port: 0, seed: 3 })
    yield* writeSecret(folder, adapter, running.credential)
    return {
      adapter,
      about: `${emulated[adapter].title}, emulated: real HTTP, ${about}`,
      entry: entryOf(adapter, running, `{ file: ./secrets/${adapter} }`),
      requests: () => running.requests.count()
    }
  })

/** The tour's stores, by their name in its keyfold.yaml. */
export const tourStores: Readonly<Record<string, Start>> = {
  local,
  monitoring: emulation("whylabs", "lists that lag"),
  guard: emulation("arthur", "one admin key"),
  policies: emulation("occam", "a token fetched first")
}
