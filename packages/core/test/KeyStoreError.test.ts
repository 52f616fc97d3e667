import { assert, describe, it } from "@effect/vitest"
import { KeyId } from "@keyfold/core/ApiKey"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { DriverError } from "@keyfold/core/Driver"
import {
  Conflict,
  InvalidRequest,
  InvalidResponse,
  KeyStoreError,
  Network,
  NotFound,
  OutcomeUnknown,
  PermissionDenied,
  QuotaExceeded,
  RateLimited,
  Reason,
  Timeout,
  Unauthenticated,
  Unavailable,
  Unsupported,
  isKeyStoreError
} from "@keyfold/core/KeyStoreError"
import { OperationId } from "@keyfold/core/OperationId"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { inspect } from "node:util"
import {
  doing,
  driverError,
  everyOperation,
  perform,
  recorded,
  ref,
  secretText,
  settleFailure,
  storeOf
} from "./RecordedDriver.ts"

const reasons: ReadonlyArray<readonly [Reason, string]> = [
  [new NotFound({}), "no such key"],
  [new Conflict({ existing: { id: KeyId.make("k1") } }), "this operation id was used before (existing key k1)"],
  [new Conflict({}), "this operation id was used before"],
  [new InvalidRequest({ field: "name", problem: "expected text" }), "name: expected text"],
  [new InvalidRequest({ problem: "expected text" }), "expected text"],
  [new Unauthenticated({}), "the backend did not accept the store's credential"],
  [new PermissionDenied({}), "the store's credential may not do this"],
  [new QuotaExceeded({ limit: 25 }), "the limit of 25 keys is reached"],
  [new QuotaExceeded({}), "the key limit is reached"],
  [new RateLimited({ retryAfter: Duration.seconds(3) }), "the backend asks for fewer requests"],
  [new Unavailable({ status: 503 }), "the backend is unavailable (status 503)"],
  [new Unavailable({ problem: "it is down for the night" }), "it is down for the night"],
  [new Network({ code: "ECONNRESET" }), "the connection failed (ECONNRESET)"],
  [new Network({}), "the connection failed"],
  [new InvalidResponse({ problem: "expected a list of keys" }), "expected a list of keys"],
  [new Unsupported({ capability: "usage" }), "this backend does not support usage"],
  [new Unsupported({ capability: "tags", problem: "leave tags out" }), "leave tags out"],
  [
    new OutcomeUnknown({ problem: "no answer" }),
    "the outcome is unknown: no answer; a key may exist whose secret is lost"
  ]
]

const timeout = new Timeout({ after: Duration.seconds(10) })

const wrapped = (reason: Reason, exhausted = false) =>
  new KeyStoreError({
    store: "main",
    backend: "whylabs",
    operation: "create",
    reason,
    attempts: 2,
    exhausted,
    operationId: "deploy-42",
    requestId: "request-7"
  })

describe("KeyStoreError", () => {
  it.each(reasons)("says where and what happened: %s", (reason, message) => {
    assert.strictEqual(reason.message, message)
    const error = wrapped(reason)
    assert.strictEqual(
      error.message,
      `create on store "main" (whylabs): ${reason._tag}: ${message} [operation deploy-42]`
    )
    assert.include(String(error), message)
  })

  it("says how long it waited for an answer", () => {
    assert.match(timeout.message, /^no answer within 10/)
  })

  it("has no operation in its message where there is no operation id", () => {
    const error = new KeyStoreError({
      store: "main",
      backend: "whylabs",
      operation: "get",
      reason: new NotFound({}),
      attempts: 1,
      exhausted: false
    })
    assert.strictEqual(error.message, 'get on store "main" (whylabs): NotFound: no such key')
  })

  it("is retryable for exactly the transient reasons, and never once exhausted", () => {
    const all = [...reasons.map(([reason]) => reason), timeout]
    const retryable = all.filter((reason) => wrapped(reason).isRetryable).map((reason) => reason._tag)
    assert.deepStrictEqual([...new Set(retryable)], ["RateLimited", "Unavailable", "Network", "Timeout"])
    assert.isTrue(all.every((reason) => !wrapped(reason, true).isRetryable))
  })

  it("shows the backend's Retry-After, exhausted or not", () => {
    const retryAfter = Duration.seconds(3)
    assert.deepStrictEqual(wrapped(new RateLimited({ retryAfter })).retryAfter, retryAfter)
    assert.deepStrictEqual(wrapped(new Unavailable({ retryAfter }), true).retryAfter, retryAfter)
    assert.isUndefined(wrapped(new RateLimited({})).retryAfter)
    assert.isUndefined(wrapped(new NotFound({})).retryAfter)
  })

  it("is told from anything else, also where it comes from another copy of this package", () => {
    const foreign = { "~@keyfold/core/KeyStoreError": "~@keyfold/core/KeyStoreError" }
    assert.isTrue(isKeyStoreError(wrapped(new NotFound({}))))
    assert.isTrue(isKeyStoreError(foreign))
    for (const other of [
      undefined,
      null,
      "KeyStoreError",
      {},
      new Error("no"),
      new NotFound({}),
      { _tag: "KeyStoreError" }
    ]) {
      assert.isFalse(isKeyStoreError(other))
    }
  })

  it("is an Error with a tag", () => {
    const error = wrapped(new NotFound({}))
    assert.instanceOf(error, Error)
    assert.strictEqual(error._tag, "KeyStoreError")
  })

  it("has a closed union of 13 reasons that survives encoding", () => {
    const all = [...reasons.map(([reason]) => reason), timeout]
    assert.strictEqual(new Set(all.map((reason) => reason._tag)).size, 13)
    for (const reason of all) {
      const encoded: unknown = JSON.parse(JSON.stringify(Schema.encodeUnknownSync(Schema.toCodecJson(Reason))(reason)))
      const decoded = Schema.decodeUnknownSync(Schema.toCodecJson(Reason))(encoded)
      assert.strictEqual(decoded._tag, reason._tag)
      assert.strictEqual(decoded.message, reason.message)
    }
  })
})

describe("catching reasons", () => {
  it.effect("catchReason handles one reason and leaves the others", () =>
    Effect.gen(function* () {
      const limited = driverError(new RateLimited({ retryAfter: Duration.minutes(5) }))
      const store = yield* storeOf(
        recorded({ get: ({ id }) => Effect.fail(id === "a" ? limited : driverError(new NotFound({}))) })
      )
      const read = (id: string) =>
        store
          .get(ref(id))
          .pipe(
            Effect.catchReason("KeyStoreError", "RateLimited", (reason, error) =>
              Effect.succeed({ wait: reason.retryAfter, from: error.store })
            )
          )
      assert.deepStrictEqual(yield* read("a"), { wait: Duration.minutes(5), from: "fake" })
      const other = yield* Effect.flip(read("b"))
      assert.strictEqual(other.reason._tag, "NotFound")
    })
  )

  it.effect("catchReasons takes a default branch for the reasons it does not name", () =>
    Effect.gen(function* () {
      const store = yield* storeOf(recorded({ get: () => Effect.fail(driverError(new PermissionDenied({}))) }))
      const answer = yield* store
        .get(ref("a"))
        .pipe(
          Effect.catchReasons("KeyStoreError", { NotFound: () => Effect.succeed("missing") }, (reason) =>
            Effect.succeed(`other: ${reason._tag}`)
          )
        )
      assert.strictEqual(answer, "other: PermissionDenied")
    })
  )
})

describe("secrets and errors", () => {
  const texts = (value: unknown) => [
    JSON.stringify(value) ?? "",
    String(value),
    inspect(value, { depth: 20, showHidden: true }),
    value instanceof Error ? `${value.message}\n${value.stack ?? ""}` : ""
  ]

  it("are looked for where a leak would show", () => {
    assert.isTrue(
      texts(wrapped(new InvalidResponse({ problem: secretText }))).every((text) => text.includes(secretText))
    )
    assert.isTrue(texts({ deep: { secret: secretText } })[2]?.includes(secretText))
  })

  it.effect("no error of any reason and operation holds the secret that was handed in", () =>
    Effect.gen(function* () {
      for (const [reason] of [...reasons, [timeout] as const]) {
        for (const operation of everyOperation) {
          const options = { cursorSecret: Redacted.make(secretText) }
          const store = yield* storeOf(recorded(doing(operation, () => Effect.fail(driverError(reason)))), options)
          const error = yield* settleFailure(perform(store, operation))
          for (const text of texts(error)) assert.notInclude(text, secretText)
          assert.isUndefined(error.cause)
        }
      }
    })
  )

  it.effect("shows what happened in JSON, in full", () =>
    Effect.gen(function* () {
      const store = yield* storeOf(
        recorded({ create: () => Effect.fail(driverError(new QuotaExceeded({ limit: 25 }))) })
      )
      const error = yield* Effect.flip(store.create({}, { operationId: OperationId.make("deploy-42") }))
      const shown: unknown = JSON.parse(JSON.stringify(error))
      assert.deepInclude(shown, {
        _tag: "KeyStoreError",
        store: "fake",
        operation: "create",
        operationId: "deploy-42",
        attempts: 1
      })
      assert.deepNestedInclude(shown, { "reason._tag": "QuotaExceeded", "reason.limit": 25 })
    })
  )
})

describe("the errors beside it", () => {
  it("ConfigurationError names store and field, the problem and how to mend it", () => {
    const error = new ConfigurationError({ store: "main", field: "apiKey", problem: "it is empty.", fix: "Set it." })
    assert.strictEqual(error.message, 'store "main", apiKey: it is empty. Set it.')
    assert.strictEqual(new ConfigurationError({ problem: "no stores." }).message, "no stores.")
    assert.strictEqual(new ConfigurationError({ field: "a", problem: "no." }).message, "a: no.")
  })

  it("DriverError shows its reason", () => {
    assert.strictEqual(new DriverError({ reason: new NotFound({}), sent: "maybe" }).message, "NotFound: no such key")
  })
})
