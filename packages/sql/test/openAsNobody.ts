/** Opens a SQLite file without a superuser's rights and prints what came of it. */
import * as SqliteClient from "@keyfold/sql/SqliteClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

const [folder = "", filename = ""] = process.argv.slice(2)

if (process.getuid?.() === 0) process.setuid?.(65534)

const outcome = await Effect.runPromise(
  Layer.build(SqliteClient.layer({ filename, folder })).pipe(
    Effect.scoped,
    Effect.match({ onFailure: (error) => error.message, onSuccess: () => "opened" })
  )
)
console.log(outcome)
