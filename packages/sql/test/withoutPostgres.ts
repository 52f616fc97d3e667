/** Opens a database where the driver for PostgreSQL cannot be loaded and prints what came of it. */
import * as Effect from "effect/Effect"
import { registerHooks } from "node:module"
import { openUrl } from "./TestDatabase.ts"

const [url = ""] = process.argv.slice(2)

registerHooks({
  resolve: (specifier, context, next) => {
    if (specifier.startsWith("@effect/sql-pg")) throw new Error("the driver was asked for")
    return next(specifier, context)
  }
})

const outcome = await Effect.runPromise(
  openUrl(url).pipe(Effect.scoped, Effect.match({ onFailure: (error) => error.message, onSuccess: () => "opened" }))
)
console.log(outcome)
