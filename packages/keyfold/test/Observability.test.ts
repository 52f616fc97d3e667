import { assert, describe, it } from "@effect/vitest"
import { KeyId } from "@keyfold/core/ApiKey"
import { promised } from "@keyfold/core/Capabilities"
import { DriverError, type Driver } from "@keyfold/core/Driver"
import * as Journal from "@keyfold/core/Journal"
import * as KeyStore from "@keyfold/core/KeyStore"
import { Unavailable } from "@keyfold/core/KeyStoreError"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import { OperationId } from "@keyfold/core/OperationId"
import * as RequestBudget from "@keyfold/core/RequestBudget"
import { defaultPolicy, RetryPolicy } from "@keyfold/core/RetryPolicy"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as References from "effect/References"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { globSync, readFileSync } from "node:fs"

const repository = new URL("../../../", import.meta.url)
const page = readFileSync(new URL("docs/observability.md", repository), "utf8")

const section = (title: string): string => page.split(`\n## ${title}\n`)[1]?.split("\n## ")[0] ?? ""

/** The rows of a section's table, cell by cell. */
const rows = (title: string): ReadonlyArray<ReadonlyArray<string>> =>
  section(title)
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split(" | ").map((cell) => cell.replace(/^\| | \|$/g, "")))

const namesIn = (cell = ""): ReadonlyArray<string> => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name)

const documented = (title: string): ReadonlyArray<string> =>
  rows(title)
    .flatMap(([cell]) => namesIn(cell))
    .toSorted()

const everything = (names: Iterable<string>): ReadonlyArray<string> => [...new Set(names)].toSorted()

const collecting = () => {
  const spans: Array<Tracer.NativeSpan> = []
  const events: Array<string> = []
  const texts = new Set<string>()
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  const logger = Logger.make(({ fiber, message }) => {
    texts.add(String(message))
    events.push(String(fiber.getRef(References.CurrentLogAnnotations)["keyfold.event"]))
  })
  const collected = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    effect.pipe(
      Effect.provideService(Tracer.Tracer, tracer),
      Effect.provide(Logger.layer([logger, Logger.tracerLogger]))
    )
  return { spans, events, texts, collected }
}

const down = new DriverError({ reason: new Unavailable({}), sent: "maybe" })
/** A backend that knows a create again by its mark only, and whose first create gets lost. */
const marked = (): Driver => {
  const memory = MemoryDriver.make()
  let creates = 0
  return {
    ...memory,
    capabilities: {
      ...MemoryDriver.capabilities,
      createSafety: "marker",
      consistency: { visibility: promised(0), settle: promised(0) }
    },
    create: (request) =>
      creates++ === 0 ? Effect.fail(down) : memory.create({ ...request, name: creates > 2 ? "no mark" : request.label })
  }
}

const everyCall = Effect.fnUntraced(function* (store: KeyStore.KeyStore["Service"]) {
  const { key, secret } = yield* store.create({})
  yield* store.get(key)
  yield* Stream.runDrain(store.list())
  yield* store.usage(key)
  yield* store.verify(secret)
  yield* store.revoke(key)
  yield* Effect.ignore(store.get({ id: KeyId.make("unknown") }))
})

/** Finds and revokes a key whose sender wrote down that it made it, and nothing after that. */
const tidyUp = Effect.fnUntraced(function* (store: KeyStore.KeyStore["Service"]) {
  const journal = yield* Journal.Journal
  if (journal === undefined) return yield* Effect.die("there is no journal")
  const { key } = yield* store.create({})
  const operationId = OperationId.make("left")
  const request = { store: store.store, operationId, nonce: "00000000", spec: "", lasting: Duration.zero }
  const claim = yield* journal.claim(request)
  if (claim.kind !== "claimed") return yield* Effect.die("the operation is taken")
  yield* journal.minted(claim.lease, request.nonce, key, Duration.zero)
  yield* Effect.repeat(store.recover(operationId), { while: ({ kind }) => kind === "underWay" })
  yield* store.sweepOrphans()
})

const program = Effect.gen(function* () {
  const budget = RequestBudget.make({ requests: 1, per: "20 millis", reserved: 0 })
  yield* everyCall(yield* KeyStore.make(MemoryDriver.make(), { budget }))
  const store = yield* KeyStore.make(marked())
  yield* store.create({})
  yield* store.create({})
  yield* tidyUp(yield* KeyStore.make(MemoryDriver.make()))
}).pipe(
  Effect.scoped,
  Effect.provideService(RetryPolicy, { ...defaultPolicy, initialDelay: Duration.millis(1) }),
  Effect.provide(Journal.layer(Journal.memory))
)

const unitOf = (attributes: Metric.Metric.AttributeSet | undefined): ReadonlyArray<string> =>
  Object.entries({ ...attributes }).flatMap(([name, value]) => (name === "unit" ? [value] : []))

const labels = (snapshots: ReadonlyArray<Metric.Metric.Snapshot>) =>
  snapshots.flatMap(({ attributes, id }) => Object.keys({ ...attributes }).map((name) => [id, name] as const))

describe("docs/observability.md", () => {
  it.live("names every span, event, metric and attribute that the code emits, and no others", () =>
    Effect.gen(function* () {
      const { collected, spans, texts } = collecting()
      const snapshots = yield* collected(Effect.andThen(program, Metric.snapshot)).pipe(
        Effect.provideService(Metric.MetricRegistry, new Map())
      )
      const events = spans.flatMap(({ events }) => events).filter(([name]) => !texts.has(name))
      assert.deepStrictEqual(everything(spans.map(({ name }) => name)), documented("Spans"))
      assert.deepStrictEqual(everything(events.map(([name]) => name)), documented("Span events"))
      for (const [cell, , attributes] of rows("Span events")) {
        const [name] = namesIn(cell)
        const found = events.filter(([event]) => event === name).flatMap(([, , found]) => Object.keys(found))
        assert.deepStrictEqual(everything(found), namesIn(attributes).toSorted(), name)
      }
      const shared = ["keyfold.backend", "keyfold.store", "unit"]
      assert.deepStrictEqual(everything(snapshots.map(({ id }) => id)), documented("Metrics"))
      for (const [cell, kind = "", unit, , attributes] of rows("Metrics")) {
        const [name] = namesIn(cell)
        const series = snapshots.filter(({ id }) => id === name)
        assert.deepStrictEqual(everything(series.map(({ type }) => type.toLowerCase())), [kind])
        assert.deepStrictEqual(everything(series.flatMap(({ attributes }) => unitOf(attributes))), namesIn(unit))
        const names = everything(labels(series).map(([, label]) => label))
        assert.deepStrictEqual(names, everything([...namesIn(attributes), ...shared]), name)
      }
      const attributes = everything([
        ...spans.flatMap((span) => [...span.attributes.keys()]),
        ...events.flatMap(([, , attributes]) => Object.keys(attributes)),
        ...labels(snapshots).map(([, label]) => label)
      ])
      assert.deepStrictEqual(attributes, documented("Attributes"))
    })
  )

  it("names the event of every log line in the sources, and no others", () => {
    const named: Array<string> = []
    for (const file of globSync("packages/*/src/**/*.ts", { cwd: repository })) {
      const source = readFileSync(new URL(file, repository), "utf8")
      const lines = source.match(/Effect\.log(?:Trace|Debug|Info|Warning|Error|Fatal)?\(/g) ?? []
      const events = [...source.matchAll(/(?:"keyfold\.event"[,:]\s*|(?:logged|event)\(\s*(?:[\w.]+,\s*)?)"([^"]+)"/g)]
      // Tools for tests log whatever they are given.
      if (/^packages\/(?:canary|conformance)\//.test(file)) continue
      assert.isTrue(lines.length === 0 || events.length > 0, file)
      named.push(...events.map(([, name = ""]) => name))
    }
    assert.deepStrictEqual(everything(named), documented("Log lines"))
  })
})
