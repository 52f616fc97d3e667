/** Whatever bytes a server answers, each operation ends with what they justify or with a `KeyStoreError`. */
import { assert, describe, it } from "@effect/vitest"
import { scan } from "@keyfold/canary/Canary"
import { ApiKey, type IssuedKey, type Revocation } from "@keyfold/core/ApiKey"
import * as KeyStore from "@keyfold/core/KeyStore"
import { isKeyStoreError, type KeyStoreError } from "@keyfold/core/KeyStoreError"
import { KeyUsage } from "@keyfold/core/KeyUsage"
import { defaultPolicy, RetryPolicy } from "@keyfold/core/RetryPolicy"
import * as AnyAnswer from "@keyfold/emulators/AnyAnswer"
import { Fetch } from "@keyfold/http/Fetch"
import { tooLong } from "@keyfold/http/NetworkFailure"
import { Transport, type TransportResponse } from "@keyfold/http/Transport"
import * as WhyLabs from "@keyfold/whylabs/WhyLabs"
import * as Arbitrary from "effect/Arbitrary"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { readFileSync } from "node:fs"
import { advancing, baseUrl, listed, organization, owner, ref, start, type Options, type Store } from "./Songbird.ts"

const seed = 20260314
const canary = "Qz7xW4vK9pLm2RtY8sHd"

/**
 * One operation: what it is answered when all is well or usually wrong, and what a success has to rest on.
 *
 * `asks` picks the requests that are answered anything, all of them where it is absent. `count` is given where cases are
 * expensive: a create without a clear answer is looked for over a minute.
 */
interface Subject {
  readonly name: string
  readonly count?: number
  readonly options: Options
  readonly samples: ReadonlyArray<AnyAnswer.Sample>
  readonly run: (store: Store, asked: AnyAnswer.Case) => Effect.Effect<boolean, KeyStoreError>
  readonly asks?: (method: string) => boolean
}

const v0: Options = { apiKey: Redacted.make("credential"), organization, baseUrl, defaults: { owner } }
const v1: Options = { apiKey: Redacted.make("credential"), dialect: "v1", baseUrl }

const sample = (name: string): AnyAnswer.Sample => {
  const text = readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), "utf8")
  const fixture: { readonly status: number; readonly body?: unknown; readonly text?: string } = JSON.parse(text)
  return { status: fixture.status, text: fixture.text ?? ("body" in fixture ? JSON.stringify(fixture.body) : "") }
}

const decoder = new TextDecoder()

const isSuccess = ({ status }: AnyAnswer.Answer): boolean => status >= 200 && status < 300

const jsonOf = ({ body }: AnyAnswer.Answer): unknown => {
  try {
    return JSON.parse(decoder.decode(body))
  } catch {
    return undefined
  }
}

const subject = <A>(
  name: string,
  options: Options,
  samples: ReadonlyArray<string>,
  run: (store: Store) => Effect.Effect<A, KeyStoreError>,
  isJustified: (value: A, json: unknown) => boolean
): Subject => ({
  name,
  options,
  samples: samples.map(sample),
  run: (store, { answer }) => Effect.map(run(store), (value) => isSuccess(answer) && isJustified(value, jsonOf(answer)))
})

const isKey = Schema.is(ApiKey)

const isUsage = Schema.is(KeyUsage)

const own = (json: unknown, name: string): unknown =>
  typeof json === "object" && json !== null && Object.hasOwn(json, name) ? Reflect.get(json, name) : undefined

const idsOf = (json: unknown): ReadonlyArray<unknown> | undefined => {
  const items = own(json, "items")
  return Array.isArray(items) ? items.map((item) => own(item, "keyId")) : undefined
}

const areKeys = (keys: ReadonlyArray<ApiKey>, json: unknown): boolean =>
  idsOf(json) !== undefined && keys.every((key) => isKey(key) && idsOf(json)?.includes(key.id))

const isIssued = ({ key, secret }: IssuedKey, json: unknown): boolean =>
  isKey(key) &&
  key.id === own(json, "keyId") &&
  Redacted.value(secret) === own(json, "key") &&
  JSON.stringify({ secret }) === '{"secret":"<redacted:secret>"}'

const keyId = "FAKEkeyId0"
const presented = Redacted.make("FAKEkeyId0.EXAMPLEsecretNOTrealEXAMPLEsecretNOTrealEXAMPLE000001:org-7Kd3mQ")
const refusals = ["error.unauthenticated", "error.forbidden", "error.location", "error.internal", "error.gateway"]
const creates = ["create.ok", "create.sparse", "create.nulls", "create.quota", "create.invalidScope", "create.unpaid"]
const lists = ["list.ok", "list.byOwner", "list.old", "list.times", "list.empty"]
const revokes = ["revoke.ok", "revoke.notFound", ...refusals]

const isRevoked = ({ id }: Revocation, json: unknown): boolean => id === keyId && typeof own(json, "keyId") === "string"

const ofV0: ReadonlyArray<Subject> = [
  { count: 5_000, ...subject("create", v0, creates, (store) => store.create({ name: "one" }), isIssued) },
  subject(
    "get",
    v0,
    ["get.ok", "get.unknown", "get.null", ...refusals],
    (store) => store.get(ref(keyId)),
    (key, json) => isKey(key) && key.id === own(own(json, "key"), "keyId")
  ),
  subject("list", v0, [...lists, ...refusals], (store) => listed(store), areKeys),
  subject(
    "list of one owner",
    v0,
    [...lists, ...refusals],
    (store) => listed(store, { owner, status: ["active", "expired", "revoked"] }),
    areKeys
  ),
  subject(
    "listPage",
    v0,
    lists,
    (store) => store.listPage({ limit: 1 }),
    ({ keys }, json) => keys.length <= 1 && areKeys(keys, json)
  ),
  subject(
    "usage",
    v0,
    ["get.ok", "get.unknown", ...refusals],
    (store) => store.usage(ref(keyId)),
    (usage, json) => isUsage(usage) && usage.id === own(own(json, "key"), "keyId")
  ),
  subject("revoke", v0, revokes, (store) => store.revoke(ref(keyId, owner)), isRevoked),
  {
    ...subject("revoke of a key that was looked up", v0, revokes, (store) => store.revoke(ref(keyId)), isRevoked),
    asks: (method) => method === "DELETE"
  },
  {
    ...subject(
      "revoke's lookup",
      v0,
      ["get.ok", "get.unknown", "get.null", ...refusals],
      (store) => store.revoke(ref(keyId)),
      ({ id }, json) => id === keyId && typeof own(own(json, "key"), "userId") === "string"
    ),
    asks: (method) => method === "GET"
  }
]

const ofV1: ReadonlyArray<Subject> = [
  { count: 5_000, ...subject("create of v1", v1, creates, (store) => store.create({ name: "one" }), isIssued) },
  subject(
    "get of v1",
    v1,
    ["list.v1", ...lists, ...refusals],
    (store) => store.get(ref(keyId)),
    (key, json) => key.id === keyId && areKeys([key], json)
  ),
  subject("list of v1", v1, ["list.v1", ...lists, ...refusals], (store) => listed(store), areKeys),
  subject("revoke of v1", v1, revokes, (store) => store.revoke(ref(keyId)), isRevoked),
  {
    name: "verify of v1",
    options: v1,
    samples: ["validate.ok", "validate.refused", ...refusals].map(sample),
    run: (store, { answer }) =>
      Effect.map(store.verify(presented), (verification) => {
        const json = jsonOf(answer)
        return verification.valid
          ? isSuccess(answer) && typeof json === "object" && json !== null
          : answer.status === 403 && decoder.decode(answer.body) === "" && verification.reason === "refused"
      })
  }
]

const subjects = [...ofV0, ...ofV1]

/** What the requests are answered that are not in question. */
const well = (name: string): AnyAnswer.Case => ({
  index: 2,
  answer: { kind: "a good answer", headers: {}, status: 200, body: new TextEncoder().encode(sample(name).text) }
})

/** What a request is answered. */
type Serve = (method: string) => AnyAnswer.Case

const serving =
  ({ asks = () => true }: Subject, current: () => AnyAnswer.Case): Serve =>
  (method) =>
    asks(method) ? current() : well(method === "GET" ? "get.ok" : "revoke.ok")

const respond = ({ body, headers, status }: AnyAnswer.Answer): TransportResponse => ({
  status,
  header: (name) => headers[name],
  text: (limit = Number.POSITIVE_INFINITY) =>
    body.length > limit ? Effect.fail(tooLong(limit)) : Effect.sync(() => decoder.decode(body)),
  bytes: Stream.make(body)
})

/** The answer at the transport's seam, without a client. */
const atTheSeam = (serve: Serve) =>
  Layer.succeed(Transport, () =>
    Effect.succeed({ execute: ({ method }) => Effect.sync(() => respond(serve(method).answer)) })
  )

/** The body in pieces; some break off or stall after the first. */
const streamed = ({ answer: { body }, index }: AnyAnswer.Case) =>
  new ReadableStream<Uint8Array>({
    pull: (controller) => {
      controller.enqueue(body.subarray(0, body.length / 2))
      if (index % 40 === 0) return controller.error(new TypeError(canary))
      if (index % 40 === 1) return new Promise<never>(() => {})
      controller.enqueue(body.subarray(body.length / 2))
      return controller.close()
    }
  })

/** The answer from a `fetch`, under the default transport. */
const underKy = (serve: Serve) =>
  Layer.succeed(Fetch, (input, init) => {
    const asked = serve(new Request(input, init).method)
    const { headers, status } = asked.answer
    const body = [204, 205, 304].includes(status) ? null : streamed(asked)
    return Promise.resolve(new Response(body, { status, headers }))
  })

const openStore = (options: Options, server: Layer.Layer<never>) =>
  WhyLabs.layer(options).pipe(
    Layer.provide(server),
    Layer.build,
    Effect.map(Context.get(KeyStore.KeyStore)),
    Effect.provideService(RetryPolicy, { ...defaultPolicy, attempts: 1 })
  )

const longestWait = Duration.toMillis(Duration.days(365))

/** What is wrong with an error, or undefined. */
const flawOf = (error: KeyStoreError, index: number): string | undefined => {
  if (!isKeyStoreError(error)) return "another error"
  const text = `${error.message}\n${JSON.stringify(error)}`
  if (text.length > 2_000) return "an error without an end"
  if ([0, 7, 12].some((at) => text.includes(canary.slice(at, at + 8)))) return "an error that quotes the answer"
  if (Duration.toMillis(error.retryAfter ?? Duration.zero) > longestWait) return "a wait without an end"
  // Every form of the canary in every way an error can be shown, where there is time for it.
  return index % 400 === 0 && scan([["error", error]], [canary]).length > 0
    ? "an error that hides the answer"
    : undefined
}

const judge = (exit: Exit.Exit<boolean, KeyStoreError>, { index }: AnyAnswer.Case) => {
  if (exit._tag === "Success") {
    return { ending: "success", flaw: exit.value ? undefined : "a success that the answer does not justify" }
  }
  const [reason, ...others] = exit.cause.reasons
  return reason === undefined || others.length > 0 || !Cause.isFailReason(reason)
    ? { ending: "defect", flaw: "a defect" }
    : { ending: reason.error.reason._tag, flaw: flawOf(reason.error, index) }
}

/** Runs an effect without the stack traces of its errors, which take a third of the time and which nobody reads. */
const withoutTraces = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const limit = Error.stackTraceLimit
      Error.stackTraceLimit = 0
      return limit
    }),
    () => effect,
    (limit) => Effect.sync(() => void (Error.stackTraceLimit = limit))
  )

/** All cases take a minute or two; `npm run test:thorough` runs them all, other runs every fifth. */
const thinning = process.env["KEYFOLD_THOROUGH"] === undefined ? 5 : 1

/** Runs many cases of one operation and reports the smallest that went wrong. */
const flood = Effect.fnUntraced(function* (
  each: Subject,
  first: number,
  count: number,
  under: (serve: Serve) => Layer.Layer<never>
) {
  yield* TestClock.setTime(start)
  const any = yield* Arbitrary.sampleEffect(Arbitrary.schema(Schema.Json), { seed, count: 1_000, size: 30 })
  const answers = AnyAnswer.make({
    seed,
    samples: each.samples,
    canary,
    json: any.map((value) => JSON.stringify(value))
  })
  const open = (current: () => AnyAnswer.Case) =>
    Effect.map(
      openStore(each.options, under(serving(each, current))),
      (store) => (asked: AnyAnswer.Case) => each.run(store, asked)
    )
  const thinned = (index: number) => answers(index * thinning)
  const all = AnyAnswer.flood({ answers: thinned, first, count, open, judge })
  const { endings, flaws } = yield* withoutTraces(advancing(all, 200))
  assert.strictEqual(flaws[0] ?? "", "", `${flaws.length} of ${count} cases of seed ${seed}, every ${thinning}`)
  const ended = [...endings.values()].reduce((sum, size) => sum + size, 0)
  assert.strictEqual(ended, count)
  assert.isAbove(endings.get("success") ?? 0, 0)
  assert.isAbove(endings.size, 1)
  assert.deepStrictEqual(Object.keys(Object.prototype), [])
})

const total = 100_000 / thinning
const light = subjects.filter(({ count }) => count === undefined)
const heavy = subjects.reduce((sum, { count = 0 }) => sum + count, 0) / thinning
const share = Math.ceil((total - heavy) / light.length)

describe(`any of ${total} answers ends in a justified success or a KeyStoreError`, () => {
  for (const each of subjects) {
    it.effect(
      `of ${each.name}`,
      () => flood(each, 0, each.count === undefined ? share : each.count / thinning, atTheSeam),
      600_000
    )
  }
})

describe("any of 2,000 answers does so under the default transport, broken and stalled bodies included", () => {
  for (const each of subjects) {
    it.effect(`of ${each.name}`, () => flood(each, total, Math.ceil(2_000 / subjects.length), underKy), 600_000)
  }
})
