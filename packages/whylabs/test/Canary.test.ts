/** No operation, in success or failure, lets a secret out; and the watch that says so sees what does get out. */
import { assert, describe, it } from "@effect/vitest"
import { scan, watch } from "@keyfold/canary/Canary"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import type { WhyLabsEmulator } from "@keyfold/emulators/WhyLabs"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import {
  advancing,
  baseUrl,
  callerOrganization,
  listed,
  organization,
  owner,
  ref,
  songbird,
  storeOver,
  type Options,
  type Store
} from "./Songbird.ts"

// The signs older keys may hold, so that the encoded forms differ from the raw one.
const credentialPart = "CANARY+credential^must&never@show$UPinANYplace0000001"
const issuedPart = "CANARY+issued^must&never@show$UPinANYplace00000000002"
const canaries = [credentialPart, issuedPart]
const systemKey = `systemKey0.${credentialPart}`
const callerKey = `callerKey0.${credentialPart}`
const issued = `issuedKey0.${issuedPart}`

/** What a careless server or proxy repeats. */
const echo = `${systemKey} ${callerKey} ${issued} ${encodeURIComponent(issued)} ${btoa(issued)}`

type Run = (store: Store) => Effect.Effect<unknown, KeyStoreError>

const operations: ReadonlyArray<readonly [name: string, run: Run]> = [
  ["create", (store) => store.create({ name: "one" })],
  ["get", (store) => store.get(ref("aaaaaaaaaa"))],
  ["list", (store) => listed(store)],
  ["listPage", (store) => store.listPage({ limit: 1 })],
  ["usage", (store) => store.usage(ref("aaaaaaaaaa"))],
  ["verify", (store) => store.verify(Redacted.make(issued))],
  ["verify of a valid secret", (store) => store.verify(Redacted.make(callerKey))],
  ["identify", (store) => Effect.succeed(store.identify(Redacted.make(issued)))],
  ["revoke", (store) => store.revoke(ref("aaaaaaaaaa", owner))],
  ["revoke by id", (store) => store.revoke(ref("aaaaaaaaaa"))]
]

type Situation = readonly [name: string, intervene: (emulator: WhyLabsEmulator) => void]

const answering = (name: string, status: number, body: string): Situation => [
  name,
  (emulator) => emulator.failNext({ status, body, contentType: "application/json" }, { count: 4 })
]

const json = JSON.stringify({ message: echo, detail: echo, requestId: echo, type: echo, _links: { self: echo } })
const strange = JSON.stringify({ [issued]: echo, items: [{ keyId: [echo] }], key: [echo], keyId: [echo] })

const situations: ReadonlyArray<Situation> = [
  ["success", () => {}],
  ...[400, 401, 403, 404, 409, 415, 429, 500, 503].flatMap((status) => [
    answering(`${status} as JSON`, status, json),
    answering(`${status} as text`, status, echo),
    answering(`${status} as HTML`, status, `<html>${echo}</html>`)
  ]),
  answering("200 of another shape", 200, strange),
  answering("200 as text", 200, echo),
  [
    "a redirect",
    (emulator) => emulator.failNext({ status: 303, headers: { location: `/?key=${encodeURIComponent(echo)}` } })
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

/** An emulator that knows the canary credentials and answers the canary in place of the secret it drew. */
const planted = Effect.gen(function* () {
  const { emulator } = yield* songbird({
    credentials: [
      { kind: "system", value: systemKey },
      { kind: "caller", value: callerKey, organization: callerOrganization, scopes: [":administrator"] }
    ]
  })
  emulator.seed({ organization, userId: owner, keyId: "aaaaaaaaaa" })
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const response = await emulator.fetch(input, init)
    const text = await response.text()
    return new Response(text.replaceAll(/[A-Za-z0-9]{10}\.[A-Za-z0-9]{53}/g, issued), response)
  }
  return { emulator, fetch }
})

const optionsOf = (dialect: "v0" | "v1"): Options =>
  dialect === "v0"
    ? { apiKey: Redacted.make(systemKey), organization, baseUrl, defaults: { owner } }
    : { apiKey: Redacted.make(callerKey), dialect, baseUrl }

/** Runs an operation with everything watched, and keeps what it gave. */
const watched = (name: string, effect: Effect.Effect<unknown, unknown>) => advancing(watch(name, effect), 1_000)

for (const dialect of ["v0", "v1"] as const) {
  describe(`the ${dialect} dialect lets no secret out of any operation`, () => {
    for (const [situation, intervene] of situations) {
      it.effect(`after ${situation}`, () =>
        Effect.gen(function* () {
          const { emulator, fetch } = yield* planted
          const store = yield* storeOver(fetch, optionsOf(dialect))
          for (const [name, run] of operations) {
            intervene(emulator)
            const { exit, records } = yield* watched(name, run(store))
            emulator.clearInterventions()
            if (situation === "success" && name === "create" && Exit.isSuccess(exit)) {
              const { secret } = exit.value as Effect.Success<ReturnType<Store["create"]>>
              assert.include(Redacted.value(secret), issuedPart, "the canary is really there")
            }
            assert.isTrue(records.some(([where]) => where === "log line"))
            assert.deepStrictEqual(scan(records, canaries), [])
          }
          assert.deepStrictEqual(
            scan(
              [
                ["request log", emulator.requests.all],
                ["store", store],
                ["options", optionsOf(dialect)]
              ],
              canaries
            ),
            []
          )
        })
      )
    }

    for (const [what, apiKey] of [
      ["cannot be sent", Redacted.make(`${systemKey}\n`)],
      ["cannot be obtained", Effect.fail(new Error(echo))],
      ["breaks its effect", Effect.fail(echo)]
    ] as const) {
      it.effect(`where the credential ${what}`, () =>
        Effect.gen(function* () {
          const { emulator, fetch } = yield* planted
          const store = yield* storeOver(fetch, { ...optionsOf(dialect), apiKey })
          for (const [name, run] of operations) {
            const { records } = yield* watched(name, run(store))
            assert.deepStrictEqual(scan(records, canaries), [])
          }
          // Only v1's verify sends something: the presented secret.
          assert.strictEqual(emulator.requests.count(), dialect === "v0" ? 0 : 2)
        })
      )
    }
  })
}

it.effect("a store that does not boot lets no secret out", () =>
  Effect.gen(function* () {
    const { fetch } = yield* planted
    const options = optionsOf("v0")
    for (const change of [
      { baseUrl: `https://ann:${encodeURIComponent(credentialPart)}@songbird.test` },
      { baseUrl: `https://songbird.test/?key=${encodeURIComponent(credentialPart)}` },
      { proxy: Redacted.make(`http://ann:${credentialPart}@proxy.test`) },
      { require: { verify: true } },
      { cursorSecret: Redacted.make(credentialPart), defaults: {} }
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
