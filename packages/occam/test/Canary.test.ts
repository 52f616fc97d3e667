/** No operation, in success or failure, lets a secret out; and the watch that says so sees what does get out. */
import { assert, describe, it } from "@effect/vitest"
import { scan, watch } from "@keyfold/canary/Canary"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import type { Target } from "@keyfold/emulators/Emulator"
import type { OccamEmulator } from "@keyfold/emulators/Occam"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import { advancing, baseUrl, email, host, listed, ref, storeOver, type Options, type Store } from "./OccamHost.ts"

const credential = "sk-occam-CANARY-credential-must-never-show-anywhere-0001"
const issued = "sk-occam-CANARY-issued-must-never-show-anywhere-00000002"
const presented = "sk-occam-CANARY+presented&must=never^show anywhere-00003"
// The signs a password may hold, so that the encoded forms differ from the raw one.
const password = "CANARY+password^must&never@show$UP in=any/place#0000004"
const accessToken = "eyJCANARY.access-token-must-never-show-anywhere.00000005"
const refreshToken = "CANARY-refresh-token-must-never-show-anywhere-000000006"
const canaries = [credential, issued, presented, password, accessToken, refreshToken]

/** What a careless server or proxy repeats. */
const echo = [...canaries, ...canaries.map(encodeURIComponent), btoa(credential), `?key=${credential}`].join(" ")

const keyId = "8c1f4b7e-2d93-4a06-b5e8-71f0c39a6d24"

type Run = (store: Store) => Effect.Effect<unknown, KeyStoreError>

const operations: ReadonlyArray<readonly [name: string, run: Run]> = [
  ["create", (store) => store.create({ name: "one" })],
  ["get", (store) => store.get(ref(keyId))],
  ["list", (store) => listed(store)],
  ["listPage", (store) => store.listPage({ limit: 1 })],
  ["usage", (store) => store.usage(ref(keyId))],
  ["verify", (store) => store.verify(Redacted.make(presented))],
  ["verify of a valid secret", (store) => store.verify(Redacted.make(credential))],
  ["identify", (store) => Effect.succeed(store.identify(Redacted.make(issued)))],
  ["revoke", (store) => store.revoke(ref(keyId))]
]

const tokenRoutes = ["exchange", "login", "refresh"]
const keyRoutes = ["create", "list", "usage", "revoke"]

type Situation = readonly [name: string, intervene: (emulator: OccamEmulator, target: Target) => void]

const answering = (name: string, status: number, body: string): Situation => [
  name,
  (emulator, target) => emulator.failNext({ status, body, contentType: "application/json" }, target)
]

const json = JSON.stringify({ message: echo, detail: echo, type: echo })
const dump = JSON.stringify({ detail: [{ loc: ["query", echo], msg: echo, type: echo, input: echo, url: echo }] })
const strange = JSON.stringify({
  [issued]: echo,
  uuid: [echo],
  api_key: [echo],
  access_token: [echo],
  expires_at: echo
})

const situations: ReadonlyArray<Situation> = [
  ["success", () => {}],
  ...[400, 401, 403, 404, 409, 422, 429, 500].flatMap((status) => [
    answering(`${status} as JSON`, status, json),
    answering(`${status} with an array`, status, dump),
    answering(`${status} as text`, status, echo)
  ]),
  answering("503 as HTML", 503, `<html>${echo}</html>`),
  answering("200 of another shape", 200, strange),
  answering("200 as text", 200, echo),
  [
    "a redirect",
    (emulator, target) =>
      emulator.failNext({ status: 307, headers: { location: `/?key=${encodeURIComponent(echo)}` } }, target)
  ],
  ["truncated JSON", (emulator, target) => emulator.garbleNext("truncated", target)],
  ["a lost connection", (emulator, target) => emulator.loseNextResponse(target)],
  ["a refused connection", (emulator, target) => emulator.failNext({ network: "refused" }, target)],
  [
    "a failure that quotes the request",
    (emulator, target) =>
      emulator.answerNext(
        ({ request }) =>
          Promise.reject(
            new TypeError(`${request.url} ${echo}`, { cause: Object.assign(new Error(echo), { code: echo, request }) })
          ),
        target
      )
  ],
  ["silence", (emulator, target) => emulator.hangNext(target)]
]

/** An emulator that hands out canaries in place of the secrets and tokens it drew, and takes them back. */
const planted = Effect.gen(function* () {
  const { emulator } = yield* host({ users: [{ email, password, keys: [credential] }] })
  emulator.seed({ email, name: "old", id: keyId })
  const real = new Map<string, string>()
  let drawn = 0
  const swap = (canary: string) => (_: string, before: string, value: string) => {
    const shown = `${canary}${drawn++}`
    real.set(shown, value)
    return `${before}${shown}`
  }
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init)
    const headers = new Headers(request.headers)
    const bearer = headers.get("authorization")?.slice("Bearer ".length)
    if (bearer !== undefined) headers.set("authorization", `Bearer ${real.get(bearer) ?? bearer}`)
    let body = await request.text()
    for (const [shown, value] of real) body = body.replace(shown, value)
    const { method, signal, url } = request
    const response = await emulator.fetch(url, { method, headers, signal, ...(body === "" ? {} : { body }) })
    const text = (await response.text())
      .replace(/("api_key":")(sk-occam-[0-9a-f]{32})/, `$1${issued}`)
      .replace(/("access_token":")(eyJ[^"]+)/, swap(accessToken))
      .replace(/("refresh_token":")([^"]+)/, swap(refreshToken))
    return new Response(text === "" ? null : text, response)
  }
  return { emulator, fetch }
})

const logins: ReadonlyArray<readonly [name: string, options: Options]> = [
  ["an API key", { apiKey: Redacted.make(credential), baseUrl, verifyByTokenExchange: true }],
  ["a password", { username: email, password: Redacted.make(password), baseUrl, verifyByTokenExchange: true }]
]

/** Runs an operation with everything watched, and keeps what it gave. */
const watched = (name: string, effect: Effect.Effect<unknown, unknown>) => advancing(watch(name, effect), 1_000)

const assertIssued = (exit: Exit.Exit<unknown, unknown>) => {
  assert.isTrue(Exit.isSuccess(exit))
  if (!Exit.isSuccess(exit)) return
  const { secret } = exit.value as Effect.Success<ReturnType<Store["create"]>>
  assert.strictEqual(Redacted.value(secret), issued, "the canary is really there")
}

for (const [login, options] of logins) {
  for (const [routes, names] of [
    ["the token routes", tokenRoutes],
    ["the key routes", keyRoutes]
  ] as const) {
    describe(`with ${login}, no operation lets a secret out where ${routes}`, () => {
      for (const [situation, intervene] of situations) {
        it.effect(`answer ${situation}`, () =>
          Effect.gen(function* () {
            const { emulator, fetch } = yield* planted
            const store = yield* storeOver(fetch, options)
            for (const [name, run] of operations) {
              // Each operation has to renew its token, so that the token routes are used every time.
              emulator.rotateSigningKey()
              for (const operation of names) intervene(emulator, { operation, count: 9 })
              const { exit, records } = yield* watched(name, run(store))
              emulator.clearInterventions()
              if (situation === "success" && name === "create") assertIssued(exit)
              assert.isTrue(records.some(([where]) => where === "log line"))
              assert.deepStrictEqual(scan(records, canaries), [])
            }
            assert.isAbove(emulator.requests.all.filter(({ operation }) => names.includes(operation ?? "")).length, 0)
            const rest = [
              ["request log", emulator.requests.all],
              ["store", store],
              ["options", options]
            ] as const
            assert.deepStrictEqual(scan(rest, canaries), [])
          })
        )
      }
    })
  }
}

describe("a login that cannot be used lets no secret out", () => {
  const unusable: ReadonlyArray<readonly [what: string, options: Options]> = [
    ["a key with a line break", { apiKey: Redacted.make(`${credential}\n`), baseUrl }],
    ["a key with a lone surrogate", { apiKey: Redacted.make(`${credential}\ud800`), baseUrl }],
    ["a key that cannot be obtained", { apiKey: Effect.fail(new Error(echo)), baseUrl }],
    ["a password with a lone surrogate", { username: email, password: Redacted.make(`${password}\ud800`), baseUrl }],
    ["a password that cannot be obtained", { username: email, password: Effect.fail(echo), baseUrl }]
  ]
  for (const [what, options] of unusable) {
    it.effect(what, () =>
      Effect.gen(function* () {
        const { fetch } = yield* planted
        const store = yield* storeOver(fetch, options)
        for (const [name, run] of operations) {
          const { records } = yield* watched(name, run(store))
          assert.deepStrictEqual(scan(records, canaries), [])
        }
      })
    )
  }

  it.effect("a token that no header can carry", () =>
    Effect.gen(function* () {
      const fetch = () => Promise.resolve(Response.json({ access_token: `${accessToken}\n` }))
      const store = yield* storeOver(fetch, { apiKey: Redacted.make(credential), baseUrl })
      const { exit, records } = yield* watched("list", listed(store))
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(scan(records, canaries), [])
    })
  )

  it.effect("a store that does not boot", () =>
    Effect.gen(function* () {
      const { fetch } = yield* planted
      for (const change of [
        { baseUrl: `https://ann:${encodeURIComponent(password)}@occam.test` },
        { baseUrl: `https://occam.test/auth/access-token?key=${credential}` },
        { proxy: Redacted.make(`http://ann:${credential}@proxy.test`) },
        { username: email },
        { username: email, password: Redacted.make(password) },
        { cursorSecret: Redacted.make(credential), require: { verify: true } }
      ] satisfies ReadonlyArray<Partial<Options>>) {
        const options = { apiKey: Redacted.make(credential), baseUrl, ...change }
        const { exit, records } = yield* watched("boot", Effect.scoped(storeOver(fetch, options)))
        assert.isTrue(Exit.isFailure(exit))
        assert.deepStrictEqual(scan(records, canaries), [])
      }
    })
  )
})

it.effect("the watch over an operation sees a canary that gets out", () =>
  Effect.gen(function* () {
    const { records } = yield* watched("leak", Effect.fail(new Error(issued)))
    for (const where of ["log cause", "exit of leak", "error of leak"]) {
      assert.isTrue(
        scan(records, canaries).some((finding) => finding.where.startsWith(where)),
        where
      )
    }
  })
)
