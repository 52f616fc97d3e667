/** One runner process: works on rotations until its standard input ends. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { writeSync } from "node:fs"
import { layerOf } from "./world.ts"

const [url = "", folder = "", name = "", takeOverAfter = ""] = process.argv.slice(2)

const ended = Effect.callback<void>((resume) => void process.stdin.resume().on("end", () => resume(Effect.void)))

await Effect.gen(function* () {
  yield* Layer.build(layerOf({ url, folder, name, takeOverAfter: Number(takeOverAfter) }, "runner"))
  yield* Effect.sync(() => writeSync(1, "ready\n"))
  yield* ended
  // A server that is gone must not keep a runner that nobody waits for.
  yield* Effect.sync(() => void setTimeout(() => process.exit(1), 60_000).unref())
}).pipe(Effect.scoped, Effect.runPromise)
