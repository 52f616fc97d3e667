import { assert, describe, it } from "@effect/vitest"
import { KeyId } from "@keyfold/core/ApiKey"
import {
  Conflict,
  InvalidRequest,
  InvalidResponse,
  Network,
  NotFound,
  OutcomeUnknown,
  PermissionDenied,
  QuotaExceeded,
  RateLimited,
  Timeout,
  Unauthenticated,
  Unavailable,
  Unsupported,
  type Operation,
  type Reason
} from "@keyfold/core/KeyStoreError"
import { isAmbiguous, isRetryable } from "@keyfold/core/RetryPolicy"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import {
  assertReason,
  doing,
  driverError,
  everyOperation,
  failingFirst,
  perform,
  recorded,
  settleFailure,
  settleSuccess,
  storeOf
} from "./RecordedDriver.ts"

const transient: ReadonlyArray<Reason> = [
  new RateLimited({}),
  new Unavailable({ status: 503 }),
  new Timeout({ after: Duration.seconds(10) }),
  new Network({ code: "ECONNRESET" })
]

const final: ReadonlyArray<Reason> = [
  new NotFound({}),
  new Conflict({ existing: { id: KeyId.make("other") } }),
  new InvalidRequest({ field: "name", problem: "too long" }),
  new Unauthenticated({}),
  new PermissionDenied({}),
  new QuotaExceeded({ limit: 25 }),
  new InvalidResponse({ problem: "not JSON" }),
  new Unsupported({ capability: "expiry" }),
  new OutcomeUnknown({ problem: "lost" })
]

interface Row {
  readonly operation: Operation
  readonly reason: Reason
  readonly sent: "no" | "maybe"
  readonly retried: boolean
  readonly becomes: Reason["_tag"]
}

const rows: ReadonlyArray<Row> = everyOperation.flatMap((operation) =>
  [...transient, ...final].flatMap((reason) =>
    (["no", "maybe"] as const).map((sent): Row => {
      const repeatable = operation !== "create" || sent === "no" || reason._tag === "RateLimited"
      const lost =
        operation === "create" &&
        sent === "maybe" &&
        ["Unavailable", "Timeout", "Network", "InvalidResponse"].includes(reason._tag)
      return {
        operation,
        reason,
        sent,
        retried: transient.includes(reason) && repeatable,
        becomes: lost ? "OutcomeUnknown" : reason._tag
      }
    })
  )
)

const tagsOf = (some: ReadonlyArray<Row>) => some.map((row) => `${row.reason._tag} (sent: ${row.sent})`)

describe("the retry table", () => {
  it("has a row for each of 6 operations, 13 reasons and 2 answers to whether it was sent", () => {
    assert.strictEqual(rows.length, 6 * 13 * 2)
    assert.strictEqual(rows.filter((row) => row.retried).length, 5 * 4 * 2 + 5)
    assert.strictEqual(rows.filter((row) => row.becomes === "OutcomeUnknown").length, 4 + 6 * 2)
  })

  it.effect.each(everyOperation)("decides how often %s is tried and what its error says", (operation) =>
    Effect.forEach(
      rows.filter((row) => row.operation === operation),
      Effect.fnUntraced(function* ({ becomes, reason, retried, sent }) {
        const label = `${reason._tag} (sent: ${sent})`
        const calls = recorded(doing(operation, () => Effect.fail(driverError(reason, sent))))
        const store = yield* storeOf(calls)
        const error = yield* settleFailure(perform(store, operation))
        assert.strictEqual(calls.count(operation), retried ? 4 : 1, label)
        assertReason(error, becomes)
        assert.strictEqual(error.exhausted, retried, label)
        assert.isFalse(error.isRetryable && retried, `${label}: exhausted errors are not retryable`)
        if (sent === "maybe" || retried) assert.strictEqual(error.attempts, retried ? 4 : 1, label)
        assert.strictEqual(error.operation, operation)
      }),
      { discard: true }
    )
  )

  it.effect.each(everyOperation)("lets %s succeed on its last attempt", (operation) =>
    Effect.gen(function* () {
      const refusal = driverError(new RateLimited({}))
      const calls = recorded(failingFirst(operation, refusal, refusal, refusal))
      const store = yield* storeOf(calls)
      yield* settleSuccess(perform(store, operation))
      assert.strictEqual(calls.count(operation), 4)
    })
  )

  it("is the public guard's answer, too", () => {
    for (const { operation, reason, retried, sent } of rows) {
      assert.strictEqual(
        isRetryable(operation, driverError(reason, sent)),
        retried,
        `${operation} ${reason._tag} ${sent}`
      )
    }
  })

  it("calls an attempt ambiguous where it may have been sent and no refusal came back", () => {
    const ambiguous = rows.filter((row) => row.operation === "get" && isAmbiguous(driverError(row.reason, row.sent)))
    assert.deepStrictEqual(tagsOf(ambiguous), [
      "Unavailable (sent: maybe)",
      "Timeout (sent: maybe)",
      "Network (sent: maybe)",
      "InvalidResponse (sent: maybe)"
    ])
  })
})
