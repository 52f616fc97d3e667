/** What was asked for under an idempotency key, and what became of it, so that a repeat never makes a second key. */
import { KeyId, type KeyRef } from "@keyfold/core/ApiKey"
import { OperationId } from "@keyfold/core/OperationId"
import * as SqlDatabase from "@keyfold/sql/SqlDatabase"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { createHash, randomBytes } from "node:crypto"
import type { Keying } from "./keying.ts"

/** What a claim comes to. */
export type Claim =
  | { readonly kind: "claimed"; readonly token: string }
  | { readonly kind: "done"; readonly key: KeyRef | undefined }
  | { readonly kind: "underWay" }
  | { readonly kind: "unknown" }
  | { readonly kind: "other" }

/** How a claimed operation ended. Without a key being made it is `nothing`, and may be tried again. */
export type Ending =
  | { readonly kind: "done"; readonly key: KeyRef }
  | { readonly kind: "unknown" }
  | { readonly kind: "nothing" }

/** The operations of all callers. */
export interface Operations {
  /**
   * Claims an operation for one request. `mayRepeat` says that the store itself makes no second key for an operation, so
   * that one whose outcome is not known may be taken over once its claim is over.
   */
  readonly claim: (id: OperationId, body: string, mayRepeat: boolean) => Effect.Effect<Claim, SqlError>
  readonly end: (id: OperationId, token: string, ending: Ending) => Effect.Effect<void, SqlError>
}

/** Names an operation at the store. One caller's idempotency keys say nothing at another tenant, or of another caller. */
export const operationIdOf = (actor: string, tenant: string, key: string): OperationId => {
  const text = JSON.stringify(["keyfold gateway operation 1", actor, tenant, key])
  return OperationId.make(`gw_${createHash("sha256").update(text).digest("base64url")}`)
}

/** Writes a body so that the order of its members does not matter. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (_name, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([left], [right]) => (left < right ? -1 : 1)))
      : inner
  )

/** Longer than any create lasts, so that nobody takes over what is still at work. */
const lasting = Duration.minutes(5)

interface Row {
  readonly body: string
  readonly keyed: string
  readonly state: string
  readonly claimed_until: unknown
  readonly key_id: string | null
  readonly key_owner: string | null
}

const keyOf = ({ key_id: id, key_owner: owner }: Row): KeyRef | undefined =>
  id === null ? undefined : { id: KeyId.make(id), ...(owner === null ? {} : { owner }) }

const isOther = (keying: Keying, { body, keyed }: Row, asked: string): boolean => {
  const digest = keying.digest(keyed, asked)
  // Under a pepper that is gone nobody can tell, and a second key would be worse than an unhelpful answer.
  return digest !== undefined && digest !== body
}

const makeClaim = (sql: SqlClient, keying: Keying) =>
  Effect.fnUntraced(function* (
    id: OperationId,
    asked: string,
    mayRepeat: boolean,
    token: string
  ): Effect.fn.Return<Claim, SqlError> {
    const now = yield* Clock.currentTimeMillis
    const row = {
      operation_id: id,
      body: keying.digest(keying.current, asked) ?? "",
      keyed: keying.current,
      state: "claimed",
      claim: token,
      claimed_until: now + Duration.toMillis(lasting),
      key_id: null,
      key_owner: null
    }
    const inserted = yield* sql`INSERT INTO keyfold_gateway_operations ${sql.insert(row)}
      ON CONFLICT (operation_id) DO NOTHING RETURNING operation_id`
    if (inserted.length > 0) return { kind: "claimed", token }
    const [found] = yield* sql<Row>`SELECT body, keyed, state, claimed_until, key_id, key_owner
      FROM keyfold_gateway_operations WHERE operation_id = ${id}`
    if (found === undefined) return { kind: "underWay" }
    if (isOther(keying, found, asked)) return { kind: "other" }
    if (found.state === "done") return { kind: "done", key: keyOf(found) }
    if (found.state === "claimed" && Number(found.claimed_until) > now) return { kind: "underWay" }
    if (!mayRepeat || Number(found.claimed_until) > now) return { kind: "unknown" }
    const taken = yield* sql`UPDATE keyfold_gateway_operations
      SET state = 'claimed', claim = ${token}, claimed_until = ${row.claimed_until}
      WHERE operation_id = ${id} AND state <> 'done' AND claimed_until <= ${now} RETURNING operation_id`
    return taken.length > 0 ? { kind: "claimed", token } : { kind: "underWay" }
  })

const end = (sql: SqlClient, id: OperationId, token: string, ending: Ending): Effect.Effect<void, SqlError> => {
  const own = sql.and([sql`operation_id = ${id}`, sql`claim = ${token}`])
  switch (ending.kind) {
    case "nothing":
      return Effect.asVoid(sql`DELETE FROM keyfold_gateway_operations WHERE ${own}`)
    case "unknown":
      return Effect.asVoid(sql`UPDATE keyfold_gateway_operations SET state = 'unknown' WHERE ${own}`)
    case "done":
      return Effect.asVoid(sql`UPDATE keyfold_gateway_operations
        SET state = 'done', key_id = ${ending.key.id}, key_owner = ${ending.key.owner ?? null} WHERE ${own}`)
  }
}

/** Gives back a claim that may have been made although nobody heard of it: nothing was begun under it. */
const release = (sql: SqlClient, id: OperationId, token: string, mayRepeat: boolean): Effect.Effect<void, SqlError> =>
  mayRepeat
    ? // It may be one that was taken over, whose first outcome nobody knows: that is not forgotten.
      Effect.asVoid(sql`UPDATE keyfold_gateway_operations SET state = 'unknown', claimed_until = 0
        WHERE operation_id = ${id} AND claim = ${token}`)
    : end(sql, id, token, { kind: "nothing" })

const again = Schedule.exponential("50 millis").pipe(Schedule.upTo({ times: 4 }))

/** A database that is away is waited for as long as a claim lasts, while others are told that it is under way. */
const insisting = Schedule.spaced("500 millis").pipe(Schedule.upTo({ duration: lasting }))

/** Makes the operations in the gateway's database. The scope's end gives up what could not be written yet. */
export const make = Effect.fnUntraced(function* (
  sql: SqlClient,
  keying: Keying
): Effect.fn.Return<Operations, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const claim = makeClaim(sql, keying)
  const later = (write: Effect.Effect<void, SqlError>) =>
    Effect.forkIn(Effect.ignore(Effect.retry(write, insisting)), scope)
  return {
    claim: (id, body, mayRepeat) =>
      Effect.suspend(() => {
        const token = randomBytes(16).toString("base64url")
        return SqlDatabase.inTransaction(sql, claim(id, body, mayRepeat, token)).pipe(
          Effect.tapError(() => later(release(sql, id, token, mayRepeat)))
        )
      }),
    end: (id, token, ending) => {
      const write = end(sql, id, token, ending)
      return Effect.tapError(Effect.retry(write, again), () => later(write))
    }
  }
})
