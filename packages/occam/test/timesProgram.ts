/** Runs as a process of its own under some TZ: reads times and an expiring token, prints them as JSON. */
import * as KeyStore from "@keyfold/core/KeyStore"
import { Fetch } from "@keyfold/http/Fetch"
import * as Occam from "@keyfold/occam/Occam"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { readFileSync } from "node:fs"

const list: unknown = JSON.parse(readFileSync(new URL("fixtures/list.times.json", import.meta.url), "utf8")).body

let exchanges = 0

const fetch: typeof globalThis.fetch = (input, init) => {
  const isExchange = new URL(new Request(input, init).url).pathname.startsWith("/auth/")
  if (isExchange) exchanges++
  // Three hours ahead: a local clock taken for UTC would see it past, or renew it at each call.
  const token = { access_token: "token", expires_at: Math.floor(Date.now() / 1000) + 3 * 3600 }
  return Promise.resolve(Response.json(isExchange ? token : list))
}

const program = Effect.gen(function* () {
  const store = yield* KeyStore.KeyStore
  const listed = yield* Stream.runCollect(store.list())
  yield* Stream.runCollect(store.list())
  return {
    offset: new Date("2026-01-01T00:00:00Z").getTimezoneOffset(),
    bare: new Date("2026-01-01T00:00:00").getTime(),
    exchanges,
    listed: listed.map(({ createdAt, lastUsedAt }) => [
      createdAt?.epochMilliseconds ?? null,
      lastUsedAt?.epochMilliseconds ?? null
    ])
  }
})

const layer = Occam.layer({ apiKey: Redacted.make("sk-occam-1") }).pipe(Layer.provide(Layer.succeed(Fetch, fetch)))

process.stdout.write(JSON.stringify(await Effect.runPromise(Effect.provide(program, layer))))
