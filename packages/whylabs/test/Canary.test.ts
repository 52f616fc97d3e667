/** No operation, in success or failure, lets a secret out; and the scan that says so sees where it looks. */
import { assert, describe, it } from "@effect/vitest"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import type { WhyLabsEmulator } from "@keyfold/emulators/WhyLabs"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import { Buffer } from "node:buffer"
import { recorder, scan } from "./canary.ts"
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
const watched = Effect.fnUntraced(function* (name: string, effect: Effect.Effect<unknown, unknown>) {
  const { layer, records } = recorder()
  const exit = yield* effect.pipe(
    Effect.tap((value) => Effect.log("done", value)),
    Effect.tapCause((cause) => Effect.logError("failed", cause)),
    Effect.annotateLogs("operation", name),
    Effect.exit,
    Effect.provide(layer),
    (observed) => advancing(observed, 1_000)
  )
  records.push([`exit of ${name}`, exit])
  if (Exit.isSuccess(exit)) records.push([`value of ${name}`, exit.value])
  if (Exit.isFailure(exit)) records.push([`error of ${name}`, Cause.squash(exit.cause)])
  return { exit, records }
})

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

describe("the scan finds a canary planted in", () => {
  const hidden = Object.defineProperty({}, "hidden", { value: issued, enumerable: false })
  const circular: Record<string, unknown> = { issued }
  circular["self"] = circular
  class Json {
    readonly #secret = issued
    toJSON() {
      return this.#secret
    }
  }
  const hexadecimal = Buffer.from(issued).toString("hex")

  const places: ReadonlyArray<readonly [what: string, value: unknown]> = [
    ["a text", `text ${issued} text`],
    ["an error's message", new Error(issued)],
    ["an error's cause", new Error("outer", { cause: new Error(issued) })],
    ["an error's own field", Object.assign(new Error("outer"), { request: { headers: { "x-api-key": issued } } })],
    ["an aggregate", new AggregateError([new Error(issued)])],
    ["a deep object", { a: { b: { c: { d: { e: [issued] } } } } }],
    ["the name of a field", { [issued]: 1 }],
    ["a hidden property", hidden],
    ["a symbol's property", { [Symbol("s")]: issued }],
    [
      "a getter",
      {
        get lazy() {
          return issued
        }
      }
    ],
    ["toJSON", new Json()],
    ["a map and a set", new Map([["x", new Set([issued])]])],
    ["a circular object", circular],
    ["a long array", Array.from({ length: 300 }, (_, index) => (index === 299 ? issued : index))],
    ["a failure's exit", Exit.fail(new Error(issued))],
    ["a defect", Exit.die(new Error(issued))],
    ["a cause", Cause.fail(issued)],
    ["an unwrapped secret", { secret: Redacted.value(Redacted.make(issued)) }],
    ["percent-encoding", encodeURIComponent(issued)],
    ["a query", new URLSearchParams({ key: issued }).toString()],
    ["base64", btoa(issued)],
    ["base64 behind one character", btoa(`x${issued}`)],
    ["base64 behind two characters", btoa(`xx${issued}`)],
    ["base64url", Buffer.from(issued).toString("base64url")],
    ["hexadecimal", hexadecimal],
    ["JSON inside JSON", JSON.stringify({ inner: JSON.stringify({ issued }) })],
    ["its first half only", issued.slice(0, 40)],
    ["its second half only", issued.slice(40)]
  ]
  for (const [what, value] of places) {
    it(what, () => {
      assert.isNotEmpty(scan([["here", value]], canaries))
    })
  }

  const recordedPlaces: ReadonlyArray<readonly [where: string, effect: Effect.Effect<unknown, unknown>]> = [
    ["log message", Effect.log(issued)],
    ["log message", Effect.logDebug({ deep: { issued } })],
    ["log annotations", Effect.log("x").pipe(Effect.annotateLogs("key", issued))],
    ["log line", Effect.log("x").pipe(Effect.annotateLogs("key", issued))],
    ["log cause", Effect.logError("x", Cause.fail(new Error(issued)))],
    ["span ", Effect.void.pipe(Effect.withSpan(issued))],
    ["attributes of span", Effect.void.pipe(Effect.withSpan("x", { attributes: { key: issued } }))],
    ["attributes of span", Effect.annotateCurrentSpan("key", issued).pipe(Effect.withSpan("x"))],
    ["events of span", Effect.log(issued).pipe(Effect.withSpan("x"))],
    ["exit of span", Effect.fail(new Error(issued)).pipe(Effect.withSpan("x"))],
    ["exit of span", Effect.succeed(issued).pipe(Effect.withSpan("x"))]
  ]
  for (const [index, [where, effect]] of recordedPlaces.entries()) {
    it.effect(`what is recorded as ${where.trim()} (${index})`, () =>
      Effect.gen(function* () {
        const { layer, records } = recorder()
        yield* Effect.exit(Effect.provide(effect, layer))
        const findings = scan(records, canaries)
        assert.isTrue(findings.some((finding) => finding.where.startsWith(where)))
      })
    )
  }

  it("but not in a redacted value, in another secret, or in nothing", () => {
    const clean = [
      Redacted.make(issued),
      { deep: [Redacted.make(systemKey)] },
      "CANARY",
      new Error("x"),
      null,
      undefined
    ]
    assert.deepStrictEqual(
      scan(
        clean.map((value, index) => [String(index), value]),
        canaries
      ),
      []
    )
  })
})
