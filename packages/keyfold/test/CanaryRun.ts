/** One situation of the campaign: every operation in it, and everything that was to be seen on the way. */
import { scan, watch, type Finding, type Records } from "@keyfold/canary/Canary"
import { files, metrics, processes } from "@keyfold/canary/Places"
import * as Journal from "@keyfold/core/Journal"
import * as KeyStore from "@keyfold/core/KeyStore"
import * as RetryPolicy from "@keyfold/core/RetryPolicy"
import { Fetch } from "@keyfold/http/Fetch"
import * as FetchServer from "@keyfold/node/FetchServer"
import * as SqlJournal from "@keyfold/sql/SqlJournal"
import * as UndiciTransport from "@keyfold/undici/UndiciTransport"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Stream from "effect/Stream"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { observed, type Backend, type World } from "./CanaryBackends.ts"
import { exporters, type Collector, type Encoding } from "./CanaryCollector.ts"
import { operationsWith, type Material, type Operation, type Store } from "./CanaryOperations.ts"
import { given, redacted, type Canaries } from "./CanaryPlants.ts"
import { isTarget, makeSinks } from "./CanarySinks.ts"
import { isSound, success, type Situation } from "./CanarySituations.ts"

export interface Setting {
  readonly backend: Backend
  readonly situation: Situation
  readonly encoding: Encoding
  readonly transport: "ky" | "undici"
  readonly collector: Collector
  readonly folder: string
  /** Done at the end, besides all operations there are. */
  readonly also?: ReadonlyArray<Operation>
  readonly store?: string
}

export interface Outcome {
  readonly findings: ReadonlyArray<Finding>
  readonly exits: ReadonlyMap<string, Exit.Exit<unknown, unknown>>
  /** Everything that was looked at, each with the title of the situation before it. */
  readonly records: Records
}

const impatient = Layer.succeed(RetryPolicy.RetryPolicy, {
  attempts: 2,
  initialDelay: Duration.millis(1),
  maximumDelay: Duration.millis(2),
  retryAfterCap: Duration.millis(10),
  budget: Duration.seconds(1)
})

/** Fails as a client does that puts all it knows into its error, until it is told to behave. */
const makeQuotingFetch = () => {
  let isQuoting = true
  const quoting: typeof fetch = (input, init) => {
    if (!isQuoting) return fetch(input, init)
    const request = new Request(input, init)
    const all = `${request.url} ${JSON.stringify([...request.headers])} ${typeof init?.body === "string" ? init.body : ""}`
    return Promise.reject(new TypeError(all, { cause: Object.assign(new Error(all), { code: all, request, init }) }))
  }
  return { fetch: quoting, stop: () => void (isQuoting = false) }
}

/** An address of this machine where nobody listens any more. */
const deadAddress = Effect.map(
  Effect.scoped(FetchServer.serve({ fetch: () => Promise.resolve(new Response()) })),
  ({ url }) => url
)

const filesOf = (folder: string) => ({
  keys: join(folder, "data", "keys.db"),
  journal: join(folder, "data", "journal.db")
})

const journalOf = ({ folder, situation }: Setting) => {
  if (situation.journal === "none") return Effect.undefined
  if (situation.journal === "memory") return Journal.memory
  return SqlJournal.make({
    url: `sqlite:${filesOf(folder).journal}`,
    secret: redacted(given.journalSecret),
    busyTimeout: Duration.millis(5)
  })
}

const optionsOf = (setting: Setting, { owner }: World): KeyStore.StoreOptions => ({
  store: setting.store ?? "campaign",
  cursorSecret: redacted(given.cursorSecret),
  // Without one of its own the store takes the journal's.
  ...(setting.encoding === "JSON" ? {} : { labelSecret: redacted(given.labelSecret) }),
  ...(owner === undefined ? {} : { defaults: { owner } })
})

const interrupting = Effect.fnUntraced(function* (effect: Effect.Effect<unknown, unknown>, { emulator }: World) {
  const arrived = Deferred.makeUnsafe<void>()
  // Only the first: what finishes an interrupted create must get through.
  emulator?.answerNext(() => {
    Deferred.doneUnsafe(arrived, Effect.void)
    return new Promise<Response>(() => {})
  })
  const fiber = yield* Effect.forkChild(effect)
  // Without requests to wait for, some turns: far enough in to have begun.
  const begun = emulator === undefined ? Effect.forEach([1, 2, 3, 4], () => Effect.yieldNow) : Deferred.await(arrived)
  yield* Effect.raceFirst(begun, Fiber.await(fiber))
  yield* Fiber.interrupt(fiber)
  return yield* Fiber.join(fiber)
})

/** Keeps records by where they come from; what is still running may add to them. */
const makeBook = (title: string) => {
  const pages: Array<readonly [name: string, records: Records]> = []
  return {
    add: (name: string, records: Records) => void pages.push([name, records]),
    all: (): Records =>
      pages.flatMap(([name, records]) =>
        records
          // The exit of a span is on record too, and is all that its status has besides times.
          .filter(([where]) => !where.startsWith("status of span") && !isTarget(where))
          .map(([where, value]) => [`${title}, ${name}: ${where}`, value] as const)
      )
  }
}

/** What one situation runs on, and what it adds to as it goes. */
interface Stage {
  readonly setting: Setting
  readonly world: World
  readonly canaries: Canaries
  readonly book: ReturnType<typeof makeBook>
  readonly exits: Map<string, Exit.Exit<unknown, unknown>>
}

const perform = Effect.fnUntraced(function* (
  { book, canaries, exits, setting, world }: Stage,
  [name, run]: Operation,
  store: Store,
  material: Material
) {
  const { folder, situation } = setting
  const { emulator } = world
  world.forgetTokens?.()
  const undo = situation.intervene?.({ emulator, echo: canaries.echo(world.sent), ...filesOf(folder) })
  const effect = Effect.suspend(() => run(store, material))
  const { exit, records } = yield* watch(
    name,
    situation.interrupted === true ? interrupting(effect, world) : effect,
    situation.level
  )
  if (undo !== undefined) undo()
  emulator?.clearInterventions()
  exits.set(name, exit)
  book.add(name, records)
})

const snapshots = Effect.fnUntraced(function* (
  { setting, world }: Stage,
  store: Store,
  journal: Journal.Journal | undefined
) {
  const read = <A, E>(stream: Stream.Stream<A, E>) => Effect.exit(Stream.runCollect(stream))
  const records: Records = [
    ["store", store],
    // Printing it prints the database client with all it holds, which takes long and stays the same.
    ...(setting.situation.name === success.name ? [["journal", journal] as const] : []),
    ...(journal === undefined
      ? []
      : [
          ["entries of the journal", yield* read(journal.entries({}))] as const,
          ["operations of the journal", yield* read(journal.operations({}))] as const
        ]),
    ...world.values(),
    ...(yield* metrics),
    ["this process", { title: process.title, arguments: [...process.argv], environment: { ...process.env } }],
    ...processes(process.pid)
  ]
  return records
})

/** Runs every operation on a store that is closed again at the end. */
const operate = Effect.fnUntraced(function* (stage: Stage) {
  const { book, canaries, setting, world } = stage
  const { folder, situation } = setting
  const journal = yield* journalOf(setting)
  const quoting = makeQuotingFetch()
  const open = (changes?: Situation["changes"]) =>
    world.driver(changes).pipe(
      Effect.flatMap((driver) => KeyStore.make(observed(driver, canaries), optionsOf(setting, world))),
      Effect.provideService(Journal.Journal, journal)
    )
  const first = yield* Effect.flatMap(open(), (store) => store.create({ name: "first" }))
  const store = yield* situation.quoting === true
    ? Effect.provideService(open(), Fetch, quoting.fetch)
    : open(situation.isUnreachable === true ? { baseUrl: yield* deadAddress } : situation.changes)
  const sinks = makeSinks(folder, situation.brokenSinks === true)
  const isQuick = !isSound(situation) && situation.brokenSinks !== true
  const within = isQuick ? "60 millis" : "30 seconds"
  for (const operation of [...operationsWith(sinks), ...(setting.also ?? [])]) {
    yield* perform(stage, operation, store, { first, within, sinks, owner: world.owner })
  }
  book.add("at the end", yield* snapshots(stage, store, journal))
  book.add("while open", files(folder))
  quoting.stop()
}, Effect.scoped)

/** Runs one situation and looks for every secret in everything it left. */
export const run = Effect.fnUntraced(function* (setting: Setting, canaries: Canaries) {
  const { backend, collector, encoding, folder, situation, transport } = setting
  mkdirSync(join(folder, "data"), { recursive: true })
  const book = makeBook(`${backend.name}, ${situation.name}`)
  const world = yield* backend.world(folder, canaries)
  const stage: Stage = { setting, world, canaries, book, exits: new Map() }
  const { exit, records } = yield* watch("the whole situation", operate(stage)).pipe(
    Effect.provide(transport === "undici" && situation.quoting !== true ? UndiciTransport.layer : Layer.empty),
    Effect.provide(impatient),
    Effect.provide(exporters(encoding, collector.url)),
    // The exporters read it too: metrics of another situation are none of this one's.
    Effect.provideService(Metric.MetricRegistry, new Map())
  )
  stage.exits.set("the whole situation", exit)
  book.add("around", records)
  book.add("after closing", files(folder))
  book.add(
    "exported",
    collector.received.splice(0).map(([signal, body]) => [`OTLP ${signal} as ${encoding}`, body] as const)
  )
  const all = book.all()
  const outcome: Outcome = { findings: scan(all, canaries.all()), exits: stage.exits, records: all }
  return outcome
}, Effect.scoped)
