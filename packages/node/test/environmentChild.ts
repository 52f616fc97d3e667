/**
 * Sets a variable to one secret after another without end. Run by `SecretSinkEnvironmentFile.test.ts`, which kills it.
 */
import * as SecretSink from "@keyfold/node/SecretSink"
import * as Effect from "effect/Effect"
import { writeSync } from "node:fs"
import { deliver, issue } from "./Sinks.ts"

const [folder = ""] = process.argv.slice(2)
const sink = SecretSink.environmentFile(".env", "KEY", { folder, replace: true })

const work = Effect.gen(function* () {
  for (let number = 1; ; number++) {
    yield* deliver(sink, issue(`k${number}`, `secret-${number}-`.repeat(500)))
    if (number === 1) yield* Effect.sync(() => void writeSync(1, "written\n"))
  }
})

await Effect.runPromise(work)
