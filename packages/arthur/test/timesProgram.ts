/** Runs as a process of its own under some TZ: creates and gets keys, and prints what it read as JSON. */
import * as Arthur from "@keyfold/arthur/Arthur"
import { KeyId } from "@keyfold/core/ApiKey"
import * as KeyStore from "@keyfold/core/KeyStore"
import { Fetch } from "@keyfold/http/Fetch"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { readFileSync } from "node:fs"

const answers = ["create.ok", "get.deactivated", "get.wholeSecond"].map(
  (name): unknown => JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), "utf8")).body
)

const fetch: typeof globalThis.fetch = () => Promise.resolve(Response.json(answers.shift()))

const program = Effect.gen(function* () {
  const store = yield* KeyStore.KeyStore
  const { key } = yield* store.create({})
  const reference = { id: KeyId.make(key.id) }
  return {
    offset: new Date("2026-01-01T00:00:00Z").getTimezoneOffset(),
    bare: new Date("2026-01-01T00:00:00").getTime(),
    created: key,
    found: [yield* store.get(reference), yield* store.get(reference)]
  }
})

const layer = Arthur.layer({ apiKey: Redacted.make("credential"), baseUrl: "http://localhost:3030" }).pipe(
  Layer.provide(Layer.succeed(Fetch, fetch))
)

process.stdout.write(JSON.stringify(await Effect.runPromise(Effect.provide(program, layer))))
