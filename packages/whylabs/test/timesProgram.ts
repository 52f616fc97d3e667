/** Runs as a process of its own under some TZ: sends an expiry, reads times back, prints both as JSON. */
import * as WhyLabs from "@keyfold/whylabs/WhyLabs"
import * as KeyStore from "@keyfold/core/KeyStore"
import { Fetch } from "@keyfold/http/Fetch"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { readFileSync } from "node:fs"

const fixture = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), "utf8")).body

const sent: Array<string | null> = []

const fetch: typeof globalThis.fetch = (input, init) => {
  const request = new Request(input, init)
  const isCreate = request.method === "POST"
  if (isCreate) sent.push(new URL(request.url).searchParams.get("expiration_time"))
  return Promise.resolve(Response.json(fixture(isCreate ? "create.ok" : "list.times")))
}

const program = Effect.gen(function* () {
  const store = yield* KeyStore.KeyStore
  const { key } = yield* store.create({ expiresAt: DateTime.makeUnsafe("2100-03-28T02:30:00.123Z") })
  const listed = yield* Stream.runCollect(store.list())
  return {
    offset: new Date("2026-01-01T00:00:00Z").getTimezoneOffset(),
    bare: new Date("2026-01-01T00:00:00").getTime(),
    sent,
    created: key.createdAt?.epochMilliseconds,
    expires: key.expiresAt?.epochMilliseconds,
    listed: listed.map(({ createdAt }) => createdAt?.epochMilliseconds)
  }
})

const layer = WhyLabs.layer({
  apiKey: Redacted.make("credential"),
  organization: "org-7Kd3mQ",
  defaults: { owner: "user-123" }
}).pipe(Layer.provide(Layer.succeed(Fetch, fetch)))

process.stdout.write(JSON.stringify(await Effect.runPromise(Effect.provide(program, layer))))
