/** The storage of bulk revocations in SQL that SQLite and PostgreSQL share. */
import { type BulkStorageError, Outcome, Plan } from "@keyfold/lifecycle/BulkRevocation"
import type { BulkStorage, Claim } from "@keyfold/lifecycle/BulkStorage"
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { SqlClient } from "effect/sql/SqlClient"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import * as databaseClock from "./databaseClock.ts"
import { toBulkError, unreadablePlan } from "./failure.ts"
import { retryingTransaction } from "./transaction.ts"

type Failure = SqlError | BulkStorageError

/** Rows written at once, well below the number of parameters a statement may have. */
const batchSize = 1000

const PlanText = Schema.fromJsonString(Schema.toCodecJson(Plan))

const OutcomeText = Schema.fromJsonString(Schema.toCodecJson(Outcome))

const encodePlan = Schema.encodeSync(PlanText)

const decodePlan = Schema.decodeUnknownEffect(PlanText)

const encodeOutcome = Schema.encodeSync(OutcomeText)

const decodeOutcomes = Schema.decodeUnknownEffect(Schema.Array(OutcomeText))

/** Tells one key of a plan from all others. */
const addressOf = ({ id, store, tenant }: Outcome): string => JSON.stringify([store, tenant ?? null, id])

const save = (sql: SqlClient, plan: Plan) =>
  sql`INSERT INTO keyfold_revocation_plans (digest, plan) VALUES (${plan.digest}, ${encodePlan(plan)})
    ON CONFLICT (digest) DO UPDATE SET plan = excluded.plan`

const load = Effect.fnUntraced(function* (sql: SqlClient, digest: string) {
  const [found] = yield* sql<{
    readonly plan: unknown
  }>`SELECT plan FROM keyfold_revocation_plans WHERE digest = ${digest}`
  if (found === undefined) return undefined
  const rows = yield* sql<{
    readonly outcome: unknown
  }>`SELECT outcome FROM keyfold_revocation_outcomes WHERE digest = ${digest} ORDER BY address`
  return yield* Effect.all({
    plan: decodePlan(found.plan),
    outcomes: decodeOutcomes(rows.map(({ outcome }) => outcome))
  }).pipe(Effect.catchTag("SchemaError", () => Effect.fail(unreadablePlan)))
})

const claim = Effect.fnUntraced(function* (
  sql: SqlClient,
  now: databaseClock.Now,
  digest: string,
  runner: string,
  lasting: number
): Effect.fn.Return<Claim, SqlError> {
  const time = yield* now
  const claimed =
    yield* sql`INSERT INTO keyfold_revocation_runs ${sql.insert({ digest, runner, lease_until: time + lasting })}
    ON CONFLICT (digest) DO UPDATE SET runner = excluded.runner, lease_until = excluded.lease_until
      WHERE keyfold_revocation_runs.runner = excluded.runner OR keyfold_revocation_runs.lease_until <= ${time}
    RETURNING digest`
  if (claimed.length > 0) return { held: true }
  const [other] = yield* sql<{
    readonly until: unknown
  }>`SELECT lease_until AS until FROM keyfold_revocation_runs WHERE digest = ${digest}`
  // Given up in the meantime: the next attempt has it.
  return other === undefined
    ? yield* claim(sql, now, digest, runner, lasting)
    : { held: false, until: Number(other.until) }
})

const record = Effect.fnUntraced(function* (
  sql: SqlClient,
  digest: string,
  outcomes: ReadonlyArray<Outcome>
): Effect.fn.Return<void, SqlError> {
  // One statement may not write a row twice; the later outcome of a key counts.
  const byAddress = new Map(outcomes.map((outcome) => [addressOf(outcome), outcome]))
  const rows = Array.from(byAddress, ([address, outcome]) => ({ digest, address, outcome: encodeOutcome(outcome) }))
  for (const batch of Arr.chunksOf(rows, batchSize)) {
    yield* sql`INSERT INTO keyfold_revocation_outcomes ${sql.insert(batch)}
      ON CONFLICT (digest, address) DO UPDATE SET outcome = excluded.outcome`
  }
})

const asBulkError = (error: Failure): BulkStorageError => (isSqlError(error) ? toBulkError(error) : error)

/** Makes the storage on an open client whose database has the latest schema; tests may bring a clock of their own. */
export const make = (sql: SqlClient, now: databaseClock.Now = databaseClock.make(sql)): BulkStorage => {
  const inOne = <A>(effect: Effect.Effect<A, Failure>) => Effect.mapError(retryingTransaction(sql, effect), asBulkError)
  return {
    save: (plan) => Effect.asVoid(inOne(save(sql, plan))),
    load: (digest) => inOne(load(sql, digest)),
    claim: (digest, runner, lasting) => inOne(claim(sql, now, digest, runner, Duration.toMillis(lasting))),
    record: (digest, outcomes) => inOne(record(sql, digest, outcomes)),
    release: (digest, runner) =>
      Effect.asVoid(inOne(sql`DELETE FROM keyfold_revocation_runs WHERE digest = ${digest} AND runner = ${runner}`))
  }
}
