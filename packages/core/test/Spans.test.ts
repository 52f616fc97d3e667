import { assert, describe, it } from "@effect/vitest"
import { NotFound, Unavailable } from "@keyfold/core/KeyStoreError"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { inspect } from "node:util"
import {
  doing,
  driverError,
  everyOperation,
  keyWith,
  perform,
  recorded,
  secretText,
  settle,
  storeOf
} from "./RecordedDriver.ts"

interface Seen {
  readonly name: string
  readonly attributes: Record<string, unknown>
  readonly events: Tracer.NativeSpan["events"]
  readonly ended: boolean
}

const tracing = () => {
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  const seen = (): ReadonlyArray<Seen> =>
    spans.map((span) => ({
      name: span.name,
      attributes: Object.fromEntries(span.attributes),
      events: span.events,
      ended: span.status._tag === "Ended"
    }))
  return { seen, traced: Effect.provideService(Tracer.Tracer, tracer) }
}

const expected = (operation: string, backend = "fake"): Seen => ({
  name: `KeyStore.${operation}`,
  attributes: { "keyfold.store": "main", "keyfold.backend": backend, "keyfold.operation": operation },
  events: [],
  ended: true
})

const withError = ({ attributes, ...span }: Seen, type: string): Seen => ({
  ...span,
  attributes: { ...attributes, "error.type": type }
})

describe("spans", () => {
  it.effect.each(everyOperation)("%s has one, with store, backend and operation and nothing else", (operation) =>
    Effect.gen(function* () {
      const { seen, traced } = tracing()
      const store = yield* storeOf(recorded(), { store: "main" })
      yield* traced(perform(store, operation))
      assert.deepStrictEqual(seen(), [expected(operation)])
    })
  )

  it.effect.each(everyOperation)(
    "a failing, retried %s has one that tells of each retry and of the error",
    (operation) =>
      Effect.gen(function* () {
        const { seen, traced } = tracing()
        const down = driverError(new Unavailable({ status: 503 }), "no")
        const store = yield* storeOf(recorded(doing(operation, () => Effect.fail(down))), { store: "main" })
        yield* traced(settle(perform(store, operation)))
        const [span, ...more] = seen()
        assert.deepStrictEqual(more, [])
        if (span === undefined) return assert.fail("there is no span")
        assert.deepStrictEqual({ ...span, events: [] }, withError(expected(operation), "Unavailable"))
        const retry = (attempt: number, delay: number) => ({
          "keyfold.operation": operation,
          "keyfold.attempt": attempt,
          "error.type": "Unavailable",
          "keyfold.delay": delay
        })
        const told = span.events.map(([name, , attributes]) => [name, attributes])
        const delays = span.events.map(([, , attributes]) => Number(attributes?.["keyfold.delay"]))
        assert.deepStrictEqual(
          told,
          delays.map((delay, index) => ["keyfold.retry", retry(index + 1, delay)])
        )
        assert.isAbove(delays.length, 0)
        assert.isTrue(delays.every((delay) => delay > 0))
      })
  )

  it.effect("a page has one span, named list, native or derived", () =>
    Effect.gen(function* () {
      const { seen, traced } = tracing()
      const native = recorded({ list: { kind: "pages", page: () => Effect.succeed({ keys: [] }) } })
      yield* traced((yield* storeOf(native, { store: "main" })).listPage())
      yield* traced((yield* storeOf(recorded(), { store: "main" })).listPage({ limit: 1 }))
      assert.deepStrictEqual(seen(), [expected("list"), expected("list")])
    })
  )

  it.effect("a list's span ends when its consumer stops", () =>
    Effect.gen(function* () {
      const { seen, traced } = tracing()
      const store = yield* storeOf(recorded(), { store: "main" })
      yield* traced(Stream.runDrain(Stream.take(store.list(), 1)))
      assert.deepStrictEqual(seen(), [expected("list")])
    })
  )

  it.effect("an operation refused before any request has one, too; identify has none", () =>
    Effect.gen(function* () {
      const { seen, traced } = tracing()
      const store = yield* storeOf(recorded(), { store: "main" })
      yield* traced(Effect.ignore(store.create({ name: "" })))
      yield* traced(Effect.sync(() => Option.isSome(store.identify(Redacted.make(secretText)))))
      assert.deepStrictEqual(seen(), [withError(expected("create"), "InvalidRequest")])
    })
  )

  it.effect("hold no key id, name, owner, scope, tag, operation id or secret", () =>
    Effect.gen(function* () {
      const { seen, traced } = tracing()
      const canaries = ["canary-id", "canary-name", "canary-owner", "canary-scope", "canary-tag", secretText]
      const store = yield* storeOf(recorded({ usage: () => Effect.fail(driverError(new NotFound({}))) }), {
        store: "main"
      })
      const key = keyWith("canary-id", { name: "canary-name", owner: "canary-owner" })
      yield* traced(
        Effect.gen(function* () {
          yield* store.create({
            name: "canary-name",
            owner: "canary-owner",
            scopes: ["canary-scope"],
            tags: { tag: "canary-tag" }
          })
          yield* store.get(key)
          yield* store.revoke(key)
          yield* Effect.ignore(store.usage(key))
          yield* store.verify(Redacted.make(secretText))
          yield* Stream.runDrain(store.list({ owner: "canary-owner" }))
        })
      )
      assert.strictEqual(seen().length, 6)
      for (const canary of canaries) assert.notInclude(inspect(seen(), { depth: 20 }), canary)
    })
  )

  it.effect("of a partitioned store do not name the tenant", () =>
    Effect.gen(function* () {
      const { seen, traced } = tracing()
      const program = Effect.flatMap(
        storeOf(recorded(MemoryDriver.make()), { store: "main", tenant: "canary-tenant" }),
        (store) => store.create({})
      )
      yield* traced(program)
      assert.deepStrictEqual(seen(), [expected("create", "memory")])
    })
  )
})
