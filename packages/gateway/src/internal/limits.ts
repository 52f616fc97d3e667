/** How many requests callers and tenants may send: counted in memory, or in the database that several processes share. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RateLimiter from "effect/persistence/RateLimiter"
import type { SqlClient } from "effect/sql/SqlClient"
import { make as problem, type Problem } from "../Problem.ts"
import { tooMany } from "./problems.ts"

/** So many requests within so much time. */
export interface Limit {
  readonly requests: number
  readonly within: Duration.Duration
}

/** Counts a request, or refuses it. */
export interface Limits {
  readonly caller: (actor: string) => Effect.Effect<void, Problem>
  readonly tenant: (tenant: string) => Effect.Effect<void, Problem>
}

const failed = new RateLimiter.RateLimiterError({
  reason: new RateLimiter.RateLimitStoreError({ message: "the database failed" })
})

type FixedWindow = RateLimiter.RateLimiterStore["Service"]["fixedWindow"]

/** Counts in one statement, so that two processes never count over each other. */
const fixedWindow =
  (sql: SqlClient): FixedWindow =>
  ({ key, limit = 1, refillRate, tokens }) =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const ends = now + Math.ceil(Duration.toMillis(refillRate) * limit)
      const [row] = yield* sql<{ readonly used: unknown; readonly ends_at: unknown }>`
        INSERT INTO keyfold_gateway_limits (id, used, ends_at) VALUES (${key}, ${tokens}, ${ends})
        ON CONFLICT (id) DO UPDATE SET
          used = CASE WHEN keyfold_gateway_limits.ends_at <= ${now} THEN ${tokens}
            ELSE keyfold_gateway_limits.used + ${tokens} END,
          ends_at = CASE WHEN keyfold_gateway_limits.ends_at <= ${now} THEN ${ends}
            ELSE keyfold_gateway_limits.ends_at END
        RETURNING used, ends_at`
      return [Number(row?.used ?? 0), Math.max(0, Number(row?.ends_at ?? now) - now)] as const
    }).pipe(Effect.mapError(() => failed))

const unused = Effect.fail(failed)

const inDatabase = (sql: SqlClient) =>
  Layer.succeed(
    RateLimiter.RateLimiterStore,
    RateLimiter.RateLimiterStore.of({
      fixedWindow: fixedWindow(sql),
      tokenBucket: () => unused,
      adaptiveConsume: () => unused,
      adaptiveFeedback: () => unused
    })
  )

/** Makes the limits; with a client they are counted in the database. */
export const make = Effect.fnUntraced(function* (
  { caller, tenant }: { readonly caller: Limit; readonly tenant: Limit },
  sql: SqlClient | undefined
): Effect.fn.Return<Limits> {
  const store = sql === undefined ? RateLimiter.layerStoreMemory : inDatabase(sql)
  const limiter = yield* Effect.provide(RateLimiter.make, store)
  const consume = (kind: string, id: string, { requests, within }: Limit) =>
    limiter.consume({ key: `${kind}:${id}`, limit: requests, window: within }).pipe(
      Effect.asVoid,
      Effect.mapError(({ reason }) =>
        reason._tag === "RateLimitExceeded"
          ? tooMany(`This ${kind} may send ${requests} requests in ${Duration.format(within)}.`, reason.retryAfter)
          : problem("unavailable", "Requests cannot be counted at the moment.")
      )
    )
  return {
    caller: (actor) => consume("caller", actor, caller),
    tenant: (name) => consume("tenant", name, tenant)
  }
})
