/** Whatever bytes a server answers, each operation ends with what they justify or with a `KeyStoreError`. */
import { assert, describe, it } from "@effect/vitest"
import { scan } from "@keyfold/canary/Canary"
import { ApiKey } from "@keyfold/core/ApiKey"
import * as KeyStore from "@keyfold/core/KeyStore"
import { isKeyStoreError, type KeyStoreError } from "@keyfold/core/KeyStoreError"
import { defaultPolicy, RetryPolicy } from "@keyfold/core/RetryPolicy"
import * as Arthur from "@keyfold/arthur/Arthur"
import * as AnyAnswer from "@keyfold/emulators/AnyAnswer"
import { Fetch } from "@keyfold/http/Fetch"
import { tooLong } from "@keyfold/http/NetworkFailure"
import { Transport, type TransportResponse } from "@keyfold/http/Transport"
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
import { advancing, baseUrl, keyId, listed, ref, start, type Store } from "./Engine.ts"

const seed = 20260314
const canary = "Qz7xW4vK9pLm2RtY8sHd"

/**
 * One operation: what its server answers when all is well or usually wrong, and what a success has to rest on.
 *
 * `count` is given where cases are expensive: a create without a clear answer is looked for over a minute.
 */
interface Subject {
  readonly name: string
  readonly count?: number
  readonly samples: ReadonlyArray<AnyAnswer.Sample>
  readonly run: (store: Store, asked: AnyAnswer.Case) => Effect.Effect<boolean, KeyStoreError>
}

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
  samples: ReadonlyArray<string>,
  run: (store: Store) => Effect.Effect<A, KeyStoreError>,
  isJustified: (value: A, json: unknown) => boolean
): Subject => ({
  name,
  samples: samples.map(sample),
  run: (store, asked) =>
    Effect.map(run(store), (value) => isSuccess(asked.answer) && isJustified(value, jsonOf(asked.answer)))
})

const isKey = Schema.is(ApiKey)

const own = (json: unknown, name: string): unknown =>
  typeof json === "object" && json !== null && Object.hasOwn(json, name) ? Reflect.get(json, name) : undefined

const idsOf = (json: unknown): ReadonlyArray<unknown> | undefined =>
  Array.isArray(json) ? json.map((item) => own(item, "id")) : undefined

const areKeys = (keys: ReadonlyArray<ApiKey>, json: unknown): boolean =>
  idsOf(json) !== undefined && keys.every((key) => isKey(key) && idsOf(json)?.includes(key.id))

const refusals = ["error.missing", "error.forbidden", "error.internal", "error.gateway", "get.unknown"]

const subjects: ReadonlyArray<Subject> = [
  {
    count: 6_000,
    ...subject(
      "create",
      ["create.ok", "create.sparse", "create.nulls", "create.quota", "create.tenantUser", "create.validation"],
      (store) => store.create({ name: "one" }),
      ({ key, secret }, json) =>
        isKey(key) &&
        key.id === own(json, "id") &&
        Redacted.value(secret) === own(json, "key") &&
        JSON.stringify({ secret }) === '{"secret":"<redacted:secret>"}'
    )
  },
  subject(
    "get",
    ["get.ok", "get.deactivated", ...refusals],
    (store) => store.get(ref(keyId)),
    (key, json) => isKey(key) && key.id === own(json, "id")
  ),
  subject("list", ["list.ok", "list.odd", "list.empty", ...refusals], listed, areKeys),
  subject(
    "listPage",
    ["list.ok", "list.odd"],
    (store) => store.listPage({ limit: 1 }),
    ({ keys }, json) => keys.length <= 1 && areKeys(keys, json)
  ),
  subject(
    "revoke",
    ["revoke.noContent", "revoke.object", "revoke.unknown", ...refusals],
    (store) => store.revoke(ref(keyId)),
    ({ id }) => id === keyId
  )
]

type Current = () => AnyAnswer.Case

const respond = ({ body, headers, status }: AnyAnswer.Answer): TransportResponse => ({
  status,
  header: (name) => headers[name],
  text: (limit = Number.POSITIVE_INFINITY) =>
    body.length > limit ? Effect.fail(tooLong(limit)) : Effect.sync(() => decoder.decode(body)),
  bytes: Stream.make(body)
})

/** The answer at the transport's seam, without a client. */
const atTheSeam = (current: Current) =>
  Layer.succeed(Transport, () => Effect.succeed({ execute: () => Effect.sync(() => respond(current().answer)) }))

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
const underKy = (current: Current) =>
  Layer.succeed(Fetch, () => {
    const { headers, status } = current().answer
    const body = [204, 205, 304].includes(status) ? null : streamed(current())
    return Promise.resolve(new Response(body, { status, headers }))
  })

const openStore = (server: Layer.Layer<never>) =>
  Arthur.layer({ apiKey: Redacted.make("credential"), baseUrl }).pipe(
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
  { run, samples }: Subject,
  first: number,
  count: number,
  serve: (current: Current) => Layer.Layer<never>
) {
  yield* TestClock.setTime(start)
  const any = yield* Arbitrary.sampleEffect(Arbitrary.schema(Schema.Json), { seed, count: 1_000, size: 30 })
  const answers = AnyAnswer.make({ seed, samples, canary, json: any.map((value) => JSON.stringify(value)) })
  const open = (current: Current) =>
    Effect.map(openStore(serve(current)), (store) => (asked: AnyAnswer.Case) => run(store, asked))
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
