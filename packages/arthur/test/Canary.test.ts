/** No operation, in success or failure, lets a secret out; and the watch that says so sees what does get out. */
import { assert, describe, it } from "@effect/vitest"
import { scan, watch } from "@keyfold/canary/Canary"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import type { ArthurEmulator } from "@keyfold/emulators/Arthur"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import {
  advancing,
  baseUrl,
  engine,
  keyId,
  listed,
  otherId,
  ref,
  storeOver,
  type Options,
  type Store
} from "./Engine.ts"

// The admin key has any form the operator chose; these signs make its encoded forms differ from the raw one.
const adminKey = "CANARY+credential^must&never@show$UPinANYplace0000001"
const issuedPart = "CANARY_issued-must_never-show_UPinANYplace1"
// A secret in Arthur's own form, so that identify really reads it.
const issued = btoa(`${keyId}:${issuedPart}`)
/** What validation errors repeat, next to the caller's other input. */
const description = "CANARY description, echoed by every validation error of the server"
const canaries = [adminKey, issued, issuedPart]

/** What a careless server or proxy repeats. */
const echo = `Bearer ${adminKey} ${issued} ${encodeURIComponent(issued)} ${btoa(issued)} ${issuedPart}`

type Run = (store: Store) => Effect.Effect<unknown, KeyStoreError>

const operations: ReadonlyArray<readonly [name: string, run: Run]> = [
  ["create", (store) => store.create({ name: "one" })],
  ["create of a refused role", (store) => store.create({ name: "one", scopes: ["CHAT-USER"] })],
  ["get", (store) => store.get(ref(otherId))],
  ["list", (store) => listed(store)],
  ["listPage", (store) => store.listPage({ limit: 1 })],
  ["usage", (store) => store.usage(ref(otherId))],
  ["verify", (store) => store.verify(Redacted.make(issued))],
  ["identify", (store) => Effect.succeed(store.identify(Redacted.make(issued)))],
  ["get of a secret in place of an id", (store) => store.get(ref(issued))],
  ["revoke", (store) => store.revoke(ref(otherId))]
]

type Situation = readonly [name: string, intervene: (emulator: ArthurEmulator) => void]

const answering = (name: string, status: number, body: string): Situation => [
  name,
  (emulator) => emulator.failNext({ status, body, contentType: "application/json" }, { count: 4 })
]

const json = JSON.stringify({ detail: echo, message: echo })
const dump = JSON.stringify({ detail: `1 validation error:\n  {'input': '${echo}'}\n\n  File "${echo}"` })
const array = JSON.stringify({ detail: [{ loc: [echo], msg: echo, input: echo }] })
const strange = JSON.stringify({ [issued]: echo, id: [echo], key: [echo], roles: echo })

const situations: ReadonlyArray<Situation> = [
  ["success", () => {}],
  ...[400, 401, 403, 404, 405, 422, 429, 500, 503].flatMap((status) => [
    answering(`${status} as JSON`, status, json),
    answering(`${status} as a validation dump`, status, dump),
    answering(`${status} as a list of complaints`, status, array),
    answering(`${status} as text`, status, echo),
    answering(`${status} as HTML`, status, `<html>${echo}</html>`)
  ]),
  answering("200 of another shape", 200, strange),
  answering("200 as a list of another shape", 200, `[${strange}]`),
  answering("200 as text", 200, echo),
  [
    "a redirect",
    (emulator) => emulator.failNext({ status: 307, headers: { location: `/?key=${encodeURIComponent(echo)}` } })
  ],
  ["truncated JSON", (emulator) => emulator.garbleNext("truncated")],
  ["a lost connection", (emulator) => emulator.loseNextResponse({ count: 4 })],
  ["a refused connection", (emulator) => emulator.failNext({ network: "refused" }, { count: 4 })],
  [
    "a failure that quotes the request",
    (emulator) =>
      emulator.answerNext(() => Promise.reject(new TypeError(echo, { cause: new Error(echo) })), { count: 4 })
  ],
  ["silence", (emulator) => emulator.hangNext({ count: 4 })]
]

/** An emulator that knows the canary admin key and answers the canary in place of the secret it drew. */
const planted = Effect.gen(function* () {
  const { emulator } = yield* engine({ credentials: [{ kind: "master", value: adminKey }] })
  emulator.seed({ id: otherId })
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const response = await emulator.fetch(input, init)
    if (response.status === 204) return response
    const text = await response.text()
    return new Response(
      text.replaceAll(/"key":"[A-Za-z0-9]{107}="/g, () => `"key":"${issued}"`),
      response
    )
  }
  return { emulator, fetch }
})

const options: Options = { apiKey: Redacted.make(adminKey), baseUrl }

/** Runs an operation with everything watched, and keeps what it gave. */
const watched = (name: string, effect: Effect.Effect<unknown, unknown>) => advancing(watch(name, effect), 1_000)

describe("no secret comes out of any operation", () => {
  for (const [situation, intervene] of situations) {
    it.effect(`after ${situation}`, () =>
      Effect.gen(function* () {
        const { emulator, fetch } = yield* planted
        const store = yield* storeOver(fetch, options)
        for (const [name, run] of operations) {
          intervene(emulator)
          const { exit, records } = yield* watched(name, run(store))
          emulator.clearInterventions()
          if (situation === "success" && name === "create") {
            assert.isTrue(Exit.isSuccess(exit))
            const { secret } = (exit as Exit.Success<Effect.Success<ReturnType<Store["create"]>>>).value
            assert.strictEqual(Redacted.value(secret), issued, "the canary is really there")
          }
          assert.isTrue(records.some(([where]) => where === "log line"))
          assert.deepStrictEqual(scan(records, canaries), [], name)
        }
        const kept = [
          ["request log", emulator.requests.all],
          ["store", store],
          ["options", options]
        ] as const
        assert.deepStrictEqual(scan(kept, canaries), [])
      })
    )
  }

  for (const [what, apiKey] of [
    ["cannot be sent", Redacted.make(`${adminKey}\n`)],
    ["cannot be obtained", Effect.fail(new Error(echo))],
    ["breaks its effect", Effect.fail(echo)]
  ] as const) {
    it.effect(`where the credential ${what}`, () =>
      Effect.gen(function* () {
        const { emulator, fetch } = yield* planted
        const store = yield* storeOver(fetch, { ...options, apiKey })
        for (const [name, run] of operations) {
          const { records } = yield* watched(name, run(store))
          assert.deepStrictEqual(scan(records, canaries), [])
        }
        assert.strictEqual(emulator.requests.count(), 0)
      })
    )
  }
})

it.effect("a validation error's echo of the caller's own description stays out as well", () =>
  Effect.gen(function* () {
    const { emulator, fetch } = yield* planted
    const store = yield* storeOver(fetch, options)
    const dumped = JSON.stringify({ detail: `1 validation error:\n  {'input': '${description}'}\n` })
    for (const status of [400, 422, 500]) {
      const failure = { status, body: dumped, contentType: "application/json" }
      emulator.failNext(failure, { operation: "create", count: 4 })
      const { exit, records } = yield* watched("create", store.create({ name: description }))
      assert.isTrue(Exit.isFailure(exit))
      emulator.clearInterventions()
      assert.deepStrictEqual(scan(records, [description]), [])
    }
  })
)

it.effect("a store that does not boot lets no secret out", () =>
  Effect.gen(function* () {
    const { fetch } = yield* planted
    for (const change of [
      { baseUrl: `https://ann:${encodeURIComponent(adminKey)}@engine.test` },
      { baseUrl: `https://engine.test/?key=${encodeURIComponent(adminKey)}` },
      { proxy: Redacted.make(`http://ann:${adminKey}@proxy.test`) },
      { require: { verify: true } },
      { cursorSecret: Redacted.make(adminKey), defaults: { owner: "ann" } }
    ] satisfies ReadonlyArray<Partial<Options>>) {
      const { exit, records } = yield* watched("boot", Effect.scoped(storeOver(fetch, { ...options, ...change })))
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(scan(records, canaries), [])
    }
  })
)

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
