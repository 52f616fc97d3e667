/**
 * Runs workflows as one runner of a database until its standard input ends, starts the ones each line of it asks for, and
 * prints a line for each step it does.
 *
 * Run by `SqlWorkflow.test.ts`, which may kill it.
 */
import * as SqlWorkflow from "@keyfold/sql/SqlWorkflow"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { writeSync } from "node:fs"
import { createInterface } from "node:readline"
import { makeWork, work } from "./Work.ts"

const [url = "", name = "", takeOverAfter = "15000"] = process.argv.slice(2)

const say = (...words: ReadonlyArray<string>) => Effect.sync(() => void writeSync(1, `${name} ${words.join(" ")}\n`))

const engine = SqlWorkflow.layer({
  url,
  pollInterval: Duration.millis(200),
  takeOverAfter: Duration.millis(Number(takeOverAfter))
})

/** A line `a 3` asks for the workflows a-0, a-1 and a-2. */
const send = (line: string) => {
  const [prefix = "", count = "0"] = line.split(" ")
  return Effect.forEach(
    Array.from({ length: Number(count) }, (_, index) => `${prefix}-${index}`),
    (id) => work.execute({ id }, { discard: true }),
    { concurrency: 20, discard: true }
  )
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

const program = Effect.gen(function* () {
  yield* say("ready")
  for (;;) {
    const next = yield* Effect.promise(() => lines.next())
    if (next.done === true) return
    yield* send(next.value)
  }
}).pipe(Effect.provide(makeWork(say).pipe(Layer.provideMerge(engine))))

await Effect.runPromise(program)
