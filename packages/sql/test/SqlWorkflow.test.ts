/** Durable workflows on SQLite and PostgreSQL, in this process and shared by several. */
import { assert, it } from "@effect/vitest"
import * as Migrations from "@keyfold/sql/Migrations"
import * as SqlWorkflow from "@keyfold/sql/SqlWorkflow"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as SqlClient from "effect/sql/SqlClient"
import * as Activity from "effect/workflow/Activity"
import * as DurableClock from "effect/workflow/DurableClock"
import * as Workflow from "effect/workflow/Workflow"
import * as ChildProcess from "./ChildProcess.ts"
import { client, contents, edit, onEachDialect, type Dialect } from "./Dialects.ts"
import { makeWork, work } from "./Work.ts"

interface Line {
  readonly runner: string
  readonly word: string
  readonly id: string
}

/** Collects the lines of many programs and waits for what they say. */
const makeWatch = () => {
  const lines: Array<Line> = []
  const waiting = new Set<() => void>()
  return {
    ids: (word: string, runner?: string) =>
      lines
        .filter((line) => line.word === word && (runner === undefined || line.runner === runner))
        .map(({ id }) => id),
    onLine: (text: string) => {
      const [runner = "", word = "", id = ""] = text.split(" ")
      lines.push({ runner, word, id })
      for (const check of waiting) check()
    },
    until: (condition: () => boolean) =>
      Effect.callback<void>((resume) => {
        const check = () => {
          if (condition()) resume(Effect.void)
        }
        waiting.add(check)
        check()
        return Effect.sync(() => waiting.delete(check))
      })
  }
}

/** Starts two runners of one database and gives them work until both have done some. */
const startTwo = Effect.fnUntraced(function* (url: string, takeOverAfter: number) {
  const watch = makeWatch()
  const start = (name: string) =>
    ChildProcess.start("workflowRunner.ts", [url, name, String(takeOverAfter)], watch.onLine)
  const [first, second] = yield* Effect.all([start("r0"), start("r1")])
  yield* watch.until(() => watch.ids("ready").length === 2)
  const sent: Array<string> = []
  const send = (count: number) => {
    const batch = `batch${sent.length}`
    first.tell(`${batch} ${count}`)
    sent.push(...Array.from({ length: count }, (_, index) => `${batch}-${index}`))
  }
  const isEnded = () => new Set(watch.ids("end")).size === sent.length
  while (watch.ids("begin", "r0").length === 0 || watch.ids("begin", "r1").length === 0) {
    send(4)
    yield* watch.until(isEnded)
  }
  return { first, second, watch, sent, send, isEnded }
})

/** Waits for something that happens in this process. */
const until = (condition: () => boolean) =>
  Effect.callback<void>((resume) => {
    const timer = setInterval(() => condition() && resume(Effect.void), 5)
    return Effect.sync(() => clearInterval(timer))
  })

const count = 24

const inProcess = ({ database }: Dialect) => {
  it.live("go on after a restart where they were, in the very database of a store", () =>
    Effect.gen(function* () {
      const url = yield* database
      const said: Array<string> = []
      const say = (...words: ReadonlyArray<string>) => Effect.sync(() => void said.push(words.join(" ")))
      const options = { url, pollInterval: Duration.millis(50) }
      const engine = makeWork(say).pipe(Layer.provideMerge(SqlWorkflow.layer(options)))
      const id = yield* work
        .execute({ id: "w" }, { discard: true })
        .pipe(Effect.andThen(until(() => said.length > 0)), Effect.as("w"), Effect.provide(engine))
      assert.deepStrictEqual(said, ["begin w"])
      assert.strictEqual(yield* work.execute({ id }).pipe(Effect.provide(engine)), "begun w")
      assert.deepStrictEqual(said, ["begin w", "end w"])
      assert.strictEqual(yield* work.execute({ id }).pipe(Effect.provide(engine)), "begun w")
      assert.lengthOf(said, 2)
      const sql = yield* client(url)
      const version = Effect.provideService(Migrations.version, SqlClient.SqlClient, sql)
      assert.strictEqual(yield* version, Migrations.latest)
    }).pipe(Effect.scoped)
  )

  it.live("are run by runners and by no client, which awaits them", () =>
    Effect.gen(function* () {
      const url = yield* database
      const said: Array<string> = []
      const steps = (name: string) =>
        makeWork((...words) => Effect.sync(() => void said.push(`${name} ${words.join(" ")}`)))
      const options = { url, pollInterval: Duration.millis(50) }
      const runner = yield* Layer.build(steps("runner").pipe(Layer.provideMerge(SqlWorkflow.layer(options))))
      const other = yield* Layer.build(steps("client").pipe(Layer.provideMerge(SqlWorkflow.layerClient(options))))
      assert.isDefined(runner)
      const results = yield* Effect.forEach(["a", "b", "c"], (id) => work.execute({ id }), {
        concurrency: "unbounded"
      }).pipe(Effect.provide(other))
      assert.deepStrictEqual(results, ["begun a", "begun b", "begun c"])
      assert.deepStrictEqual(
        said.toSorted(),
        ["a", "b", "c"].flatMap((id) => [`runner begin ${id}`, `runner end ${id}`]).toSorted()
      )
      const sql = yield* client(url)
      assert.lengthOf(yield* sql`SELECT address FROM keyfold_workflow_runners`, 1)
    }).pipe(Effect.scoped)
  )

  it.live("are worked on a few at a time, and wait for their timers without taking anybody's turn", () =>
    Effect.gen(function* () {
      const url = yield* database
      const begun: Array<string> = []
      let [atWork, most] = [0, 0]
      const busy = Workflow.make("Busy", { payload: { id: Schema.String }, idempotencyKey: ({ id }) => id })
      const layer = busy.toLayer(
        Effect.fnUntraced(function* ({ id }) {
          yield* Activity.make({
            name: "step",
            execute: Effect.gen(function* () {
              begun.push(id)
              most = Math.max(most, (atWork += 1))
              yield* Effect.sleep("30 millis")
              atWork -= 1
            })
          })
          yield* DurableClock.sleep({ name: "wait", duration: Duration.hours(1), inMemoryThreshold: 0 })
        })
      )
      const engine = SqlWorkflow.layer({ url, pollInterval: Duration.millis(50), concurrency: 2 })
      yield* Effect.forEach(["a", "b", "c", "d", "e", "f"], (id) => busy.execute({ id }, { discard: true }), {
        concurrency: "unbounded"
      }).pipe(Effect.andThen(until(() => begun.length === 6)), Effect.provide(layer.pipe(Layer.provideMerge(engine))))
      assert.strictEqual(most, 2)
    }).pipe(Effect.scoped)
  )

  it.effect("refuse a database from a newer Keyfold and change nothing", () =>
    Effect.gen(function* () {
      const url = yield* database
      yield* Effect.scoped(Layer.build(SqlWorkflow.layer({ url })))
      yield* edit(url, `INSERT INTO keyfold_migrations (migration_id, name) VALUES (${Migrations.latest + 1}, 'later')`)
      const before = yield* contents(url)
      const error = yield* Effect.flip(Effect.scoped(Layer.build(SqlWorkflow.layer({ url }))))
      assert.include(error.message, "newer Keyfold")
      assert.strictEqual(yield* contents(url), before)
    }).pipe(Effect.scoped)
  )
}

const shared = ({ database, name }: Dialect) => {
  it.live(
    "are shared by two processes, and no step is done twice",
    () =>
      Effect.gen(function* () {
        const { first, isEnded, second, send, sent, watch } = yield* startTwo(yield* database, 15_000)
        send(count)
        yield* watch.until(isEnded)
        for (const { stop } of [first, second]) assert.strictEqual(yield* stop, 0)
        for (const word of ["begin", "end"]) {
          assert.deepStrictEqual(watch.ids(word).toSorted(), sent.toSorted())
          assert.isNotEmpty(watch.ids(word, "r0"))
          assert.isNotEmpty(watch.ids(word, "r1"))
        }
      }).pipe(Effect.scoped),
    90_000
  )

  // What is different on SQLite, how a lock ends whose holder is dead, is the same for both kinds of end.
  if (name === "sqlite") return
  it.live(
    "go on in another process where one is killed",
    () =>
      Effect.gen(function* () {
        const { first, isEnded, second, send, watch } = yield* startTwo(yield* database, 6000)
        const before = watch.ids("begin", "r1").length
        send(count)
        yield* watch.until(() => watch.ids("begin", "r1").length > before)
        yield* second.kill
        const unfinished = watch.ids("begin", "r1").filter((id) => !watch.ids("end", "r1").includes(id))
        assert.isNotEmpty(unfinished)
        yield* watch.until(isEnded)
        assert.includeMembers(watch.ids("end", "r0"), unfinished)
        assert.strictEqual(yield* first.stop, 0)
      }).pipe(Effect.scoped),
    90_000
  )
}

onEachDialect("workflows", (dialect) => {
  inProcess(dialect)
  shared(dialect)
  if (dialect.name !== "sqlite") return
  it.effect("decode their options from a file", () =>
    Effect.gen(function* () {
      const decode = Schema.decodeUnknownEffect(SqlWorkflow.Options)
      const decoded = yield* decode({ url: "sqlite::memory:", pollInterval: "2 seconds", takeOverAfter: "1 minute" })
      assert.deepStrictEqual(decoded.takeOverAfter, Duration.minutes(1))
    })
  )
})
