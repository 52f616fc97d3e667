/** Databases as backends: the truth is read from their tables, and secrets are checked as the store would check them. */
import * as Sql from "@keyfold/sql/Sql"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { Postgres } from "./postgres.ts"
import type { Server } from "./server.ts"

type Rows = ReadonlyArray<ReadonlyArray<string>>

type Read = (sql: string) => Promise<Rows>

const serve = (url: string, read: Read): Server => {
  const pepper = randomBytes(32).toString("base64url")
  const ownersOf = Effect.fnUntraced(function* (secrets: ReadonlyArray<string>) {
    const { verify } = yield* Sql.make({ url, pepper: Redacted.make(pepper) })
    if (verify === undefined) return []
    return yield* Effect.forEach(secrets, (secret) =>
      Effect.map(verify(Redacted.make(secret)), (found) => (found.valid ? found.key?.id : undefined))
    )
  }, Effect.scoped)
  return {
    url,
    credential: pepper,
    live: async () => {
      const rows = await read("SELECT id, operation_id FROM keyfold_keys WHERE revoked_at IS NULL")
      return rows.map(([id = "", operationId = ""]) => ({ id, operationId }))
    },
    owners: (secrets) => Effect.runPromise(ownersOf(secrets)),
    made: async () => Number((await read("SELECT count(*) FROM keyfold_keys"))[0]?.[0] ?? 0),
    commits: () => new Map(),
    faults: () => new Map(),
    otherFaults: () => new Map(),
    calm: () => {},
    close: async () => {}
  }
}

/** A SQLite file in a folder. */
export const serveSqlite = (folder: string): Server => {
  const path = join(folder, "keys.db")
  return serve(`sqlite:${path}`, async (sql) => {
    const database = new DatabaseSync(path, { readOnly: true })
    try {
      return database
        .prepare(sql)
        .all()
        .map((row) => Object.values(row).map(String))
    } finally {
      database.close()
    }
  })
}

/** A database of a running PostgreSQL. */
export const servePostgres = async (postgres: Postgres, name: string): Promise<Server> => {
  const url = await postgres.database(name)
  return serve(url, (sql) => postgres.query(url, sql))
}
