import { assert, describe, it } from "@effect/vitest"
import { scan, watch } from "@keyfold/canary/Canary"
import type { Dialect, Host } from "@keyfold/gateway/Dialect"
import * as Dialects from "@keyfold/gateway/Dialects"
import * as DialectTokens from "@keyfold/gateway/DialectTokens"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { makeHost, memory, origin, root } from "./DialectHost.ts"

const signing = "a signing secret that must never be seen anywhere"

const options: Dialects.Options = {
  whylabs: { organizations: { "org-1": "acme" }, owner: "ann" },
  arthur: { tenant: "acme" },
  occam: { tenant: "acme", secret: Redacted.make(signing) }
}

const json = { "content-type": "application/json" }

/** Requests with a secret in each place where a protocol has one; `token` is Occam's. */
const requests = (secret: string, token: string): ReadonlyArray<readonly [path: string, init: RequestInit]> => [
  ["/whylabs/v0/organizations/org-1/api-key?user_id=ann", { method: "POST", headers: { "x-api-key": secret } }],
  ["/whylabs/v0/organizations/org-1/api-key", { headers: { cookie: `X-API-Key=${secret}` } }],
  ["/whylabs/v1/api-key/validate", { headers: { "x-api-key": secret } }],
  ["/arthur/auth/api_keys/", { method: "POST", headers: { ...json, authorization: `Bearer ${secret}` }, body: "{}" }],
  ["/arthur/auth/api_keys/", { headers: { cookie: `ACCESS_TOKEN=Bearer ${secret}` } }],
  [`/occam/auth/access-token?key=${secret}`, {}],
  ["/occam/auth/access-token", { method: "POST", body: new URLSearchParams({ username: "root", password: secret }) }],
  [
    "/occam/auth/refresh-token",
    { method: "POST", headers: json, body: JSON.stringify({ refresh_token: `kfr_${secret}` }) }
  ],
  ["/occam/keys/", { method: "PUT", headers: { ...json, authorization: `Bearer ${token}` }, body: '{"name":"x"}' }],
  [`/occam/${secret}`, {}]
]

const issued = /"(?:key|api_key|access_token|refresh_token)":"([^"*{]{20,})"/g

const run = Effect.fnUntraced(function* (dialects: ReadonlyArray<Dialect>, path: string, init: RequestInit) {
  const request = new Request(`${origin}${path}`, init)
  const dialect = Dialects.find(dialects, request)
  if (dialect === undefined) return yield* Effect.die("no dialect")
  let text = ""
  const answered = Effect.flatMap(dialect.handle(request), (response) => Effect.promise(() => response.text()))
  const { records } = yield* watch(
    dialect.routeOf(request),
    Effect.map(answered, (body) => {
      text = body
    })
  )
  const canaries = [...text.matchAll(issued)].flatMap(([, secret]) => (secret === undefined ? [] : [secret]))
  return { text, records, canaries }
})

describe("no secret gets from a dialect into a log, a span or an error", () => {
  for (const [situation, host] of [
    ["everything goes well", {}],
    ["the host fails and quotes it", { authenticate: (secret) => Effect.fail(new Error(Redacted.value(secret))) }],
    ["the host breaks and quotes it", { authenticate: (secret) => Effect.die(Redacted.value(secret)) }],
    ["the store fails to open", { store: () => Effect.fail(new Error(root.secret)) }]
  ] satisfies ReadonlyArray<readonly [string, Partial<Host>]>) {
    it.effect(`where ${situation}`, () =>
      Effect.gen(function* () {
        const store = yield* memory()
        const storage = Effect.succeed(yield* DialectTokens.inMemory)
        const good = yield* Dialects.make(options, makeHost({ acme: store }), storage)
        const { text } = yield* run(good, `/occam/auth/access-token?key=${root.secret}`, {})
        const token: string = JSON.parse(text).access_token
        const dialects = yield* Dialects.make(options, makeHost({ acme: store }, [root], host), storage)
        const seen: Array<string> = []
        for (const secret of [root.secret, "a-wrong-secret-of-somebody"]) {
          for (const [path, init] of requests(secret, token)) {
            const { canaries, records } = yield* run(dialects, path, init)
            seen.push(...canaries)
            assert.isTrue(records.some(([where]) => where.startsWith("span")))
            assert.deepStrictEqual(scan(records, [secret, token, signing, ...canaries]), [], path)
          }
        }
        if (situation === "everything goes well") assert.isAtLeast(seen.length, 4)
      })
    )
  }
})
