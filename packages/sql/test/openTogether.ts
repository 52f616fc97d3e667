/** Opens a database together with other processes, creates some keys and prints their ids. Run by `Processes.test.ts`. */
import * as Effect from "effect/Effect"
import { create, openUrl } from "./TestDatabase.ts"

const [url = "", count = "0", start = "0"] = process.argv.slice(2)

const work = Effect.gen(function* () {
  // Everybody starts at the same moment, however long loading took.
  yield* Effect.sleep(Math.max(0, Number(start) - Date.now()))
  const driver = yield* openUrl(url)
  const keys = yield* Effect.replicateEffect(create(driver), Number(count))
  return keys.map((issued) => issued.key.id)
})

console.log((await Effect.runPromise(Effect.scoped(work))).join("\n"))
