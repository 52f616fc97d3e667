/** The retry engine against generated policies and failures. A failing case prints itself; the seed is fixed. */
import { assert, describe, it } from "@effect/vitest"
import type { Driver, DriverError } from "@keyfold/core/Driver"
import type * as KeyStore from "@keyfold/core/KeyStore"
import {
  Conflict,
  InvalidRequest,
  InvalidResponse,
  type KeyStoreError,
  Network,
  NotFound,
  type Operation,
  OutcomeUnknown,
  PermissionDenied,
  QuotaExceeded,
  RateLimited,
  type Reason,
  Timeout,
  Unauthenticated,
  Unavailable,
  Unsupported
} from "@keyfold/core/KeyStoreError"
import { RetryPolicy } from "@keyfold/core/RetryPolicy"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import {
  capabilitiesWith,
  driverError,
  everyOperation,
  keyWith,
  perform,
  record,
  settle,
  storeOf,
  willing,
  without,
  type Recorded
} from "./RecordedDriver.ts"

const settings = {
  arbitrary: { seed: 20260601, runs: process.env["KEYFOLD_THOROUGH"] === undefined ? 500 : 2_500 }
}

const within = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** A policy in milliseconds. */
const Policy = Schema.Struct({
  attempts: within(0, 6),
  initialDelay: within(0, 3_000),
  maximumDelay: within(0, 10_000),
  retryAfterCap: within(0, 90_000),
  budget: within(0, 180_000)
})

type Policy = typeof Policy.Type

const tags = [
  "NotFound",
  "Conflict",
  "InvalidRequest",
  "Unauthenticated",
  "PermissionDenied",
  "QuotaExceeded",
  "RateLimited",
  "Unavailable",
  "Timeout",
  "Network",
  "InvalidResponse",
  "Unsupported",
  "OutcomeUnknown"
] as const

/** What one attempt meets, and how long it takes. Transient reasons are drawn more often: only they go on. */
const Outcome = Schema.Struct({
  tag: Schema.Literals([...tags, "RateLimited", "RateLimited", "Unavailable", "Unavailable", "Timeout", "Network"]),
  sent: Schema.Literals(["no", "maybe"]),
  retryAfter: Schema.UndefinedOr(within(0, 100_000)),
  takes: Schema.Union([Schema.Literal(0), within(0, 20_000)])
})

type Outcome = typeof Outcome.Type

const Outcomes = Schema.Array(Outcome).check(Schema.isMaxLength(8))

const reasonOf = ({ retryAfter, tag }: Outcome): Reason => {
  const waiting = retryAfter === undefined ? {} : { retryAfter: Duration.millis(retryAfter) }
  const made: { readonly [Tag in (typeof tags)[number]]: () => Reason } = {
    NotFound: () => new NotFound({}),
    Conflict: () => new Conflict({}),
    InvalidRequest: () => new InvalidRequest({ problem: "refused" }),
    Unauthenticated: () => new Unauthenticated({}),
    PermissionDenied: () => new PermissionDenied({}),
    QuotaExceeded: () => new QuotaExceeded({}),
    RateLimited: () => new RateLimited(waiting),
    Unavailable: () => new Unavailable({ status: 503, ...waiting }),
    Timeout: () => new Timeout({ after: Duration.seconds(10) }),
    Network: () => new Network({}),
    InvalidResponse: () => new InvalidResponse({ problem: "not JSON" }),
    Unsupported: () => new Unsupported({ capability: "expiry" }),
    OutcomeUnknown: () => new OutcomeUnknown({ problem: "lost" })
  }
  return made[tag]()
}

/** One way to reach each operation, the derived ones and both kinds of listing included. */
interface Way {
  readonly operation: Operation
  /** The driver's function that the attempts go to. */
  readonly calls: keyof Driver
  readonly driver: (attempt: Effect.Effect<void, DriverError>) => Driver
  readonly run: (store: KeyStore.KeyStore["Service"]) => Effect.Effect<unknown, KeyStoreError>
}

const doing =
  (operation: Exclude<Operation, "list">) =>
  (attempt: Effect.Effect<void, DriverError>): Driver => {
    const parts = {
      create: (request) => Effect.andThen(attempt, willing.create(request)),
      get: (input) => Effect.andThen(attempt, willing.get(input)),
      revoke: (input) => Effect.andThen(attempt, willing.revoke(input)),
      usage: (input) => Effect.andThen(attempt, willing.usage(input)),
      verify: () => Effect.andThen(attempt, willing.verify())
    } satisfies Partial<Driver>
    return { ...willing, [operation]: parts[operation] }
  }

const streaming = (attempt: Effect.Effect<void, DriverError>): Driver => ({
  ...willing,
  list: { kind: "stream", open: () => Stream.unwrap(Effect.as(attempt, Stream.make([keyWith("some-key")]))) }
})

const paging = (attempt: Effect.Effect<void, DriverError>): Driver => ({
  ...willing,
  capabilities: capabilitiesWith({ pagination: "native" }),
  list: { kind: "pages", page: () => Effect.as(attempt, { keys: [keyWith("some-key")] }) }
})

const listPage = (store: KeyStore.KeyStore["Service"]) => store.listPage()

const ways: Readonly<Record<string, Way>> = {
  ...Object.fromEntries(
    everyOperation
      .filter((operation) => operation !== "list")
      .map((operation) => [
        operation,
        {
          operation,
          calls: operation,
          driver: doing(operation),
          run: (store) => perform(store, operation)
        } satisfies Way
      ])
  ),
  "create in an hour": {
    operation: "create",
    calls: "create",
    driver: doing("create"),
    run: (store) => store.create({ name: "ci" }, { within: "1 hour" })
  },
  "get from a list": {
    operation: "get",
    calls: "list",
    driver: (attempt) => ({
      ...without(streaming(attempt), "get"),
      capabilities: capabilitiesWith({}, { get: "derived" })
    }),
    run: (store) => perform(store, "get")
  },
  "usage from a key": {
    operation: "usage",
    calls: "get",
    driver: (attempt) => ({
      ...without(doing("get")(attempt), "usage"),
      capabilities: capabilitiesWith({ usage: "lastUsedOnly" }, { usage: "derived" })
    }),
    run: (store) => perform(store, "usage")
  },
  list: { operation: "list", calls: "list", driver: streaming, run: (store) => perform(store, "list") },
  "list by pages": { operation: "list", calls: "list", driver: paging, run: (store) => perform(store, "list") },
  "a page of a list": { operation: "list", calls: "list", driver: streaming, run: listPage },
  "a native page": { operation: "list", calls: "list", driver: paging, run: listPage }
}

interface Run {
  /** When each attempt began. */
  readonly starts: ReadonlyArray<number>
  readonly end: number
  readonly result: Result.Result<unknown, KeyStoreError>
}

/** Meets the outcomes in turn, and then no failure any more. */
const attempts = (outcomes: ReadonlyArray<Outcome>) => {
  let next = 0
  return Effect.suspend(() => {
    const outcome = outcomes[next++]
    return outcome === undefined
      ? Effect.void
      : Effect.andThen(Effect.sleep(outcome.takes), Effect.fail(driverError(reasonOf(outcome), outcome.sent)))
  })
}

const runUnder = Effect.fnUntraced(function* (
  { driver, calls: name, run }: Way,
  policy: Policy,
  outcomes: ReadonlyArray<Outcome>,
  seed: number
) {
  const calls: Recorded = record(driver(attempts(outcomes)))
  const store = yield* Effect.provideService(storeOf(calls), RetryPolicy, {
    attempts: policy.attempts,
    initialDelay: Duration.millis(policy.initialDelay),
    maximumDelay: Duration.millis(policy.maximumDelay),
    retryAfterCap: Duration.millis(policy.retryAfterCap),
    budget: Duration.millis(policy.budget)
  })
  const timed = Effect.flatMap(Effect.result(run(store)), (result) =>
    Effect.map(Clock.currentTimeMillis, (end): Run => ({ result, end, starts: calls.times(name) }))
  )
  const settled = yield* settle(Random.withSeed(timed, seed), "3 hours")
  return yield* Effect.fromResult(settled)
})

const transient: ReadonlySet<string> = new Set(["RateLimited", "Unavailable", "Timeout", "Network"])
const ambiguous: ReadonlySet<string> = new Set(["Unavailable", "Timeout", "Network", "InvalidResponse"])

/** The rule by which an operation may be repeated, written once more from its words. */
const mayRepeat = (operation: Operation, { sent, tag }: Outcome) =>
  transient.has(tag) && (operation !== "create" || tag === "RateLimited" || sent === "no")

/** Times are sums of fractions. */
const slack = 0.001

/** What may follow one failed attempt. */
const prospects = (policy: Policy, deadline: number, number: number, outcome: Outcome, end: number) => {
  const asked = outcome.tag === "RateLimited" || outcome.tag === "Unavailable" ? (outcome.retryAfter ?? 0) : 0
  const backoff = Math.min(policy.initialDelay * 2 ** (number - 1), policy.maximumDelay)
  const remaining = deadline - end
  return {
    asked,
    least: Math.max(asked, backoff / 2),
    most: Math.max(asked, backoff),
    remaining,
    isTooLong: asked > 0 && (asked > policy.retryAfterCap || asked >= remaining)
  }
}

const judgeError = (way: Way, outcome: Outcome, number: number, error: KeyStoreError) => {
  const isLost = way.operation === "create" && outcome.sent === "maybe" && ambiguous.has(outcome.tag)
  assert.strictEqual(error.reason._tag, isLost ? "OutcomeUnknown" : outcome.tag)
  assert.strictEqual(error.operation, way.operation)
  const isLocal = number === 1 && outcome.sent === "no" && ["InvalidRequest", "Unsupported"].includes(outcome.tag)
  assert.strictEqual(error.attempts, isLocal ? 0 : number)
}

/** Checks everything that was seen of one call. */
const judge = (way: Way, policy: Policy, outcomes: ReadonlyArray<Outcome>, { end, result, starts }: Run) => {
  const [begin = Number.NaN] = starts
  const deadline = begin + policy.budget
  assert.isAtMost(starts.length, Math.max(1, policy.attempts))
  for (const [index, start] of starts.entries()) {
    const outcome = outcomes[index]
    if (outcome === undefined) {
      assert.strictEqual(result._tag, "Success", "nothing failed any more")
      assert.strictEqual(index, starts.length - 1)
      return
    }
    const number = index + 1
    const over = start + outcome.takes
    const { asked, isTooLong, least, most, remaining } = prospects(policy, deadline, number, outcome, over)
    const next = starts[number]
    if (next !== undefined) {
      assert.isTrue(mayRepeat(way.operation, outcome), `${outcome.tag} (sent: ${outcome.sent}) is not repeated`)
      assert.isFalse(isTooLong, "a wait too long is not begun")
      const pause = next - over
      assert.isAtLeast(pause, least - slack)
      assert.isAtMost(pause, most + slack)
      if (asked >= most) assert.approximately(pause, asked, slack, "a server-given delay is taken as it is")
      assert.isAtMost(next, deadline + slack, "an attempt begins within the budget")
      continue
    }
    if (result._tag === "Success") return assert.fail("a success after a failure that nothing followed")
    const error = result.failure
    judgeError(way, outcome, number, error)
    assert.approximately(end, over, slack, "a failure is told at once")
    if (!mayRepeat(way.operation, outcome)) return assert.isFalse(error.exhausted, "the engine had nothing to give up")
    // Where the two are the same number but for fractions, either is right.
    if (asked > 0 && Math.abs(asked - remaining) < slack) return
    assert.strictEqual(error.exhausted, !isTooLong)
    assert.strictEqual(error.isRetryable, isTooLong, "an outer policy goes on exactly where the engine did not try")
    if (isTooLong) return assert.deepStrictEqual(error.retryAfter, Duration.millis(asked))
    assert.isTrue(number >= policy.attempts || most + slack >= remaining, "the limits leave no further attempt")
  }
}

describe("the retry engine", () => {
  for (const [name, way] of Object.entries(ways)) {
    // A create has 30 seconds of its own; the budget rules where that is longer.
    const longest = name === "create" ? 30_000 : Number.POSITIVE_INFINITY
    it.effect.prop(
      `keeps to the table and to the policy: ${name}`,
      [Policy, Outcomes, Schema.Int],
      Effect.fnUntraced(function* ([given, outcomes, seed]) {
        const policy = { ...given, budget: Math.min(given.budget, longest) }
        const instant = name === "create" ? outcomes.map((outcome) => ({ ...outcome, takes: 0 })) : outcomes
        judge(way, policy, instant, yield* runUnder(way, policy, instant, seed))
      }),
      settings
    )
  }

  it.effect.prop(
    "ends a create within its own time, attempts in flight included",
    [Policy, Outcomes, within(1, 60_000), Schema.Int],
    Effect.fnUntraced(function* ([policy, outcomes, limit, seed]) {
      const way: Way = {
        operation: "create",
        calls: "create",
        driver: doing("create"),
        run: (store) => store.create({ name: "ci" }, { within: limit })
      }
      const { end, result, starts } = yield* runUnder(way, policy, outcomes, seed)
      const [begin = Number.NaN] = starts
      assert.isAtMost(end - begin, limit + slack)
      assert.isAtMost(starts.length, Math.max(1, policy.attempts))
      for (const [index] of starts.slice(1).entries()) {
        assert.isTrue(mayRepeat("create", outcomes[index] ?? { tag: "NotFound", sent: "no", retryAfter: 0, takes: 0 }))
      }
      const last = outcomes[starts.length - 1]
      const isCut = last !== undefined && (starts.at(-1) ?? 0) + last.takes > begin + limit + slack
      if (isCut) {
        assert.strictEqual(result._tag === "Failure" && result.failure.reason._tag, "OutcomeUnknown")
        assert.isTrue(result._tag === "Failure" && result.failure.exhausted)
      }
    }),
    settings
  )

  it.effect("waits as long as the server asks, however many attempts there were", () =>
    Effect.gen(function* () {
      const outcomes = Array.from({ length: 1_100 }, (): Outcome => ({
        tag: "RateLimited",
        sent: "maybe",
        retryAfter: 10,
        takes: 0
      }))
      const policy = { attempts: 2_000, initialDelay: 0, maximumDelay: 5_000, retryAfterCap: 1_000, budget: 180_000 }
      const way = ways["get"]
      assert.isDefined(way)
      if (way === undefined) return
      const { result, starts } = yield* runUnder(way, policy, outcomes, 1)
      assert.strictEqual(result._tag, "Success")
      const pauses = starts.slice(1).map((start, index) => start - (starts[index] ?? 0))
      assert.deepStrictEqual([...new Set(pauses)], [10])
    })
  )
})
