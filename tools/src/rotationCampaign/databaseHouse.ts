/** A database as the backend: the truth is read from its table, and secrets are checked as the store would check them. */
import * as Sql from "@keyfold/sql/Sql"
import * as SqliteClient from "@keyfold/sql/SqliteClient"
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import type { SqlClient } from "effect/sql/SqlClient"
import { randomBytes } from "node:crypto"
import { realNow } from "../chaos/scale.ts"
import { runIn, type House } from "./house.ts"

interface Key {
  readonly id: string
  readonly name: string
}

const clientOf = (url: string): Effect.Effect<SqlClient, unknown, Scope.Scope | Reactivity.Reactivity> =>
  url.startsWith("sqlite:")
    ? SqliteClient.make({ filename: url.slice("sqlite:".length), readOnly: true })
    : PgClient.make({ url: Redacted.make(url), maxConnections: 2 })

/** Opens an empty database until it is closed. */
export const databaseHouse = async (url: string): Promise<House> => {
  const pepper = randomBytes(32).toString("base64url")
  const scope = Scope.makeUnsafe()
  const opening = Effect.gen(function* () {
    const driver = yield* Sql.make({ url, pepper: Redacted.make(pepper) })
    return { driver, sql: yield* clientOf(url) }
  }).pipe(Effect.provideServiceEffect(Reactivity.Reactivity, Reactivity.make))
  const { driver, sql } = await Effect.runPromise(Scope.provide(opening, scope))
  const rows = () => Effect.runPromise(sql<Key>`SELECT id, name FROM keyfold_keys`)
  const verify = (secret: string) =>
    driver.verify === undefined
      ? Promise.resolve(false)
      : Effect.runPromise(Effect.map(driver.verify(Redacted.make(secret)), ({ valid }) => valid))
  const revoked = new Map<string, number>()
  let before: ReadonlySet<string> = new Set()
  return {
    url,
    credential: pepper,
    live: async () => {
      const found = await Effect.runPromise(sql<Pick<Key, "id">>`SELECT id FROM keyfold_keys WHERE revoked_at IS NULL`)
      const live = new Set(found.map(({ id }) => id))
      // Who revokes writes the time by its own clock, which is off; this one is the prober's.
      const now = realNow()
      for (const id of before) if (!live.has(id)) revoked.set(id, now)
      before = live
      return live
    },
    idOf: async (secret) => Option.getOrUndefined(driver.identify?.(Redacted.make(secret)) ?? Option.none())?.id,
    letsIn: verify,
    revocations: async () => revoked,
    keys: async () =>
      new Map(
        [...Map.groupBy(await rows(), ({ name }) => runIn(name) ?? "")].map(([run, keys]) => [
          run,
          keys.map(({ id }) => id)
        ])
      ),
    learn: () => {},
    close: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
}
