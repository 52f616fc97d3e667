/** Who is signed in: sessions in the gateway's database, so that every process knows them and signing out ends them. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto"

/** A session: what its cookie holds, and whose it is. */
export interface Session {
  readonly token: string
  readonly actor: string
}

/** The sessions of all processes. */
export interface Sessions {
  readonly begin: (actor: string) => Effect.Effect<Session, SqlError>
  /** Finds a session that is not over, and notes that it is used. */
  readonly find: (token: string) => Effect.Effect<Session | undefined, SqlError>
  readonly end: (token: string) => Effect.Effect<void, SqlError>
}

const lasting = Duration.toMillis(Duration.hours(8))

const idle = Duration.toMillis(Duration.minutes(30))

/** A use is written down this long after the last, so that reading pages writes little. */
const noted = Duration.toMillis(Duration.minutes(1))

const digestOf = (token: string): string => createHash("sha256").update(token).digest("base64url")

/** What only pages of this session can hold: proof that a form, or a notice, is of the console's own making. */
export const sealOf = ({ token }: Session, what: string): string =>
  createHmac("sha256", token).update(`keyfold console ${what}`).digest("base64url")

/** Tells whether a seal is the session's own. */
export const isSealed = (session: Session, what: string, seal: string): boolean => {
  const expected = Buffer.from(sealOf(session, what))
  const given = Buffer.from(seal)
  return given.length === expected.length && timingSafeEqual(given, expected)
}

interface Row {
  readonly actor: string
  readonly seen_at: unknown
}

/** Makes the sessions in the gateway's database. */
export const make = (sql: SqlClient): Sessions => ({
  begin: Effect.fnUntraced(function* (actor: string) {
    const now = yield* Clock.currentTimeMillis
    const token = randomBytes(32).toString("base64url")
    yield* sql`DELETE FROM keyfold_gateway_sessions WHERE ends_at <= ${now} OR seen_at <= ${now - idle}`
    const row = { id: digestOf(token), actor, seen_at: now, ends_at: now + lasting }
    yield* sql`INSERT INTO keyfold_gateway_sessions ${sql.insert(row)}`
    return { token, actor }
  }),
  find: Effect.fnUntraced(function* (token: string) {
    const now = yield* Clock.currentTimeMillis
    const id = digestOf(token)
    const [row] = yield* sql<Row>`SELECT actor, seen_at FROM keyfold_gateway_sessions
      WHERE id = ${id} AND ends_at > ${now} AND seen_at > ${now - idle}`
    if (row === undefined) return undefined
    if (Number(row.seen_at) <= now - noted) {
      const note = sql`UPDATE keyfold_gateway_sessions SET seen_at = ${now} WHERE id = ${id}`
      // A database that cannot be written keeps nobody from reading.
      yield* Effect.ignore(note)
    }
    return { token, actor: row.actor }
  }),
  end: (token) => Effect.asVoid(sql`DELETE FROM keyfold_gateway_sessions WHERE id = ${digestOf(token)}`)
})
