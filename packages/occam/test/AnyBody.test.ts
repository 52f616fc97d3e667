/** Whatever bytes a server answers, each operation ends with what they justify or with a `KeyStoreError`. */
import { assert, describe, it } from "@effect/vitest"
import { scan } from "@keyfold/canary/Canary"
import { ApiKey } from "@keyfold/core/ApiKey"
import * as KeyStore from "@keyfold/core/KeyStore"
import { isKeyStoreError, type KeyStoreError } from "@keyfold/core/KeyStoreError"
import { KeyUsage } from "@keyfold/core/KeyUsage"
import { defaultPolicy, RetryPolicy } from "@keyfold/core/RetryPolicy"
import * as AnyAnswer from "@keyfold/emulators/AnyAnswer"
import { Fetch } from "@keyfold/http/Fetch"
import { tooLong } from "@keyfold/http/NetworkFailure"
import { Transport, type TransportResponse } from "@keyfold/http/Transport"
import * as Occam from "@keyfold/occam/Occam"
import * as Arbitrary from "effect/Arbitrary"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { readFileSync } from "node:fs"
import { advancing, baseUrl, email, listed, password, ref, start, type Options, type Store } from "./OccamHost.ts"

const seed = 20260314
const canary = "Qz7xW4vK9pLm2RtY8sHd"

type Route = "exchange" | "login" | "refresh" | "keys"

/** Where a request goes: three routes hand out tokens. */
const routeOf = (method: string, { pathname }: URL): Route => {
  if (pathname === "/auth/refresh-token") return "refresh"
  if (pathname !== "/auth/access-token") return "keys"
  return method === "GET" ? "exchange" : "login"
}

type Another = Effect.Effect<Store, unknown, Scope.Scope>

/**
 * One operation: the route that answers anything, what it answers when all is well or usually wrong, and what a success
 * has to rest on.
 *
 * `count` is given where cases are expensive: a create without a clear answer is looked for over a minute, and a login
 * needs a store of its own.
 */
interface Subject {
  readonly name: string
  readonly count?: number
  readonly route: Route
  readonly options: Options
  readonly samples: ReadonlyArray<AnyAnswer.Sample>
  readonly run: (store: Store, asked: AnyAnswer.Case, another: Another) => Effect.Effect<boolean, KeyStoreError>
}

const byKey: Options = { apiKey: Redacted.make("credential"), baseUrl }
const byPassword: Options = {
  username: email,
  password: Redacted.make(password),
  verifyByTokenExchange: true,
  baseUrl
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
  route: "keys",
  options: byKey,
  samples: samples.map(sample),
  run: (store, { answer }) => Effect.map(run(store), (value) => isSuccess(answer) && isJustified(value, jsonOf(answer)))
})

const isKey = Schema.is(ApiKey)

const isUsage = Schema.is(KeyUsage)

const own = (json: unknown, name: string): unknown =>
  typeof json === "object" && json !== null && Object.hasOwn(json, name) ? Reflect.get(json, name) : undefined

const idsOf = (json: unknown): ReadonlyArray<unknown> | undefined =>
  Array.isArray(json) ? json.map((item) => own(item, "uuid")) : undefined

const areKeys = (keys: ReadonlyArray<ApiKey>, json: unknown): boolean =>
  idsOf(json) !== undefined && keys.every((key) => isKey(key) && idsOf(json)?.includes(key.id))

const isToken = (answer: AnyAnswer.Answer): boolean => {
  const token = own(jsonOf(answer), "access_token")
  return isSuccess(answer) && typeof token === "string" && token !== ""
}

const keyId = "8c1f4b7e-2d93-4a06-b5e8-71f0c39a6d24"
const refusals = ["error.tokenExpired", "error.tokenInvalid", "error.host", "error.internal", "error.gateway"]
const lists = ["list.ok", "list.masks", "list.oddTimes", "list.empty"]
const tokens = ["token.key", "token.password", "token.nulls", "token.badPassword", "token.noKey"]

/** A new store logs in, and lists. */
const listAnew = (another: Another) => Effect.scoped(Effect.flatMap(Effect.orDie(another), listed))

const logins: ReadonlyArray<Subject> = [
  {
    name: "the exchange of a key",
    count: 3_000,
    route: "exchange",
    options: byKey,
    samples: tokens.map(sample),
    run: (_, { answer }, another) => Effect.map(listAnew(another), (keys) => isToken(answer) && keys.length > 0)
  },
  {
    name: "a login with a password",
    count: 3_000,
    route: "login",
    options: byPassword,
    samples: tokens.map(sample),
    run: (_, { answer }, another) => Effect.map(listAnew(another), (keys) => isToken(answer) && keys.length > 0)
  },
  {
    name: "a renewed login",
    count: 3_000,
    route: "refresh",
    options: byPassword,
    samples: tokens.map(sample),
    // Whatever the answer, the password is there to go on with.
    run: (_, __, another) =>
      Effect.scoped(
        Effect.gen(function* () {
          const store = yield* Effect.orDie(another)
          yield* listed(store)
          yield* Effect.sleep("1 second")
          return (yield* listed(store)).length > 0
        })
      )
  },
  {
    name: "verify",
    route: "exchange",
    options: byPassword,
    samples: [...tokens, "error.keyNotFound", "error.notFound"].map(sample),
    run: (store, { answer }) =>
      Effect.map(store.verify(Redacted.make("presented")), (verification) =>
        verification.valid
          ? isToken(answer)
          : [400, 401, 404].includes(answer.status) && jsonOf(answer) !== undefined && verification.reason === "refused"
      )
  }
]

const subjects: ReadonlyArray<Subject> = [
  {
    count: 5_000,
    ...subject(
      "create",
      ["create.ok", "create.unknownFields", "create.noSecret", "create.invalidName", "error.tokenInvalid"],
      (store) => store.create({ name: "one" }),
      ({ key, secret }, json) =>
        isKey(key) &&
        key.id === own(json, "uuid") &&
        Redacted.value(secret) === own(json, "api_key") &&
        JSON.stringify({ secret }) === '{"secret":"<redacted:secret>"}'
    )
  },
  subject(
    "get",
    [...lists, ...refusals],
    (store) => store.get(ref(keyId)),
    (key, json) => areKeys([key], json) && key.id === keyId
  ),
  subject("list", [...lists, ...refusals], listed, areKeys),
  subject(
    "listPage",
    lists,
    (store) => store.listPage({ limit: 1 }),
    ({ keys }, json) => keys.length <= 1 && areKeys(keys, json)
  ),
  subject(
    "usage",
    ["usage.ok", "usage.overflow", "usage.nulls", "usage.floats", "error.keyNotFound", ...refusals],
    (store) => store.usage(ref(keyId)),
    (usage, json) => isUsage(usage) && usage.id === keyId && typeof json === "object" && json !== null
  ),
  subject(
    "revoke",
    ["revoke.noContent", "revoke.object", "revoke.null", "error.keyNotFound", ...refusals],
    (store) => store.revoke(ref(keyId)),
    ({ id }) => id === keyId
  ),
  ...logins
]

/** What the routes answer that are not in question: a login that lasts for a second, and one key. */
const well = (text: string): AnyAnswer.Case => ({
  index: 2,
  answer: { kind: "a good answer", status: 200, headers: {}, body: new TextEncoder().encode(text) }
})
const short = well('{"access_token":"first","refresh_token":"refresh-1","expires_at":1}')
const lasting = well('{"access_token":"first"}')

/** What a request is answered. */
type Serve = (method: string, url: URL) => AnyAnswer.Case

const serving =
  ({ route }: Subject, current: () => AnyAnswer.Case): Serve =>
  (method, url) => {
    const asked = routeOf(method, url)
    if (asked === route) return current()
    if (asked === "keys") return well(sample("list.ok").text)
    return route === "refresh" ? short : lasting
  }

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
    Effect.succeed({ execute: ({ method, url }) => Effect.sync(() => respond(serve(method, url).answer)) })
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
    const { method, url } = new Request(input, init)
    const asked = serve(method, new URL(url))
    const { headers, status } = asked.answer
    const body = [204, 205, 304].includes(status) ? null : streamed(asked)
    return Promise.resolve(new Response(body, { status, headers }))
  })

const openStore = (options: Options, server: Layer.Layer<never>) =>
  Occam.layer(options).pipe(
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
  const open = (current: () => AnyAnswer.Case) => {
    const another = openStore(each.options, under(serving(each, current)))
    return Effect.map(another, (store) => (asked: AnyAnswer.Case) => each.run(store, asked, another))
  }
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

it.effect("a mask is read at once, however long it is", () =>
  Effect.gen(function* () {
    const text = JSON.stringify([
      { uuid: keyId, api_key: "*".repeat(200_000) },
      { uuid: keyId, api_key: "***0000" }
    ])
    const keys = yield* listed(
      yield* openStore(
        byKey,
        atTheSeam((_, url) => (url.pathname === "/keys/" ? well(text) : lasting))
      )
    )
    assert.deepStrictEqual(
      keys.map(({ hint }) => hint),
      [undefined, "0000"]
    )
  })
)
