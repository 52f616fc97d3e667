/**
 * The deployment's pepper: the secret every stored hash is keyed with, in versions so that it can be rotated.
 *
 * A database holds the fingerprint of each pepper it was used with, never a pepper. Losing the pepper kills every key.
 *
 * @since 0.1.0
 */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Secret } from "@keyfold/core/Secret"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from "node:crypto"
import * as secretText from "./internal/secretText.ts"
import { inTransaction } from "./internal/transaction.ts"

const fingerprintText = "keyfold pepper fingerprint v1"

/**
 * Holds one pepper, ready to key hashes, and the fingerprint a database knows it by.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pepper {
  readonly key: KeyObject
  readonly fingerprint: string
}

/**
 * Holds the peppers of one deployment: `current` hashes new keys, `previous` still verify older ones.
 *
 * @category models
 * @since 0.1.0
 */
export interface Peppers {
  readonly current: Pepper
  readonly previous: ReadonlyArray<Pepper>
}

/**
 * Holds the peppers under the versions one database gave them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Keyring {
  readonly current: { readonly version: number; readonly pepper: Pepper }
  readonly find: (version: number) => Pepper | undefined
}

const failure = (field: string, problem: string, fix: string) => new ConfigurationError({ field, problem, fix })

const read = Effect.fnUntraced(function* (field: string, secret: Secret): Effect.fn.Return<Pepper, ConfigurationError> {
  const value = yield* secretText.read(field, "pepper", secret)
  const key = createSecretKey(Redacted.value(value), "utf8")
  const fingerprint = createHmac("sha256", key).update(fingerprintText).digest("hex").slice(0, 32)
  return { key, fingerprint }
})

/**
 * Reads the peppers a configuration supplies; each needs at least 32 bytes of text.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (options: {
  readonly pepper: Secret
  readonly previousPeppers?: ReadonlyArray<Secret> | undefined
}): Effect.fn.Return<Peppers, ConfigurationError> {
  const current = yield* read("pepper", options.pepper)
  const previous = yield* Effect.forEach(options.previousPeppers ?? [], (secret, index) =>
    read(`previousPeppers[${index}]`, secret)
  )
  return { current, previous }
})

/**
 * Hashes a secret for one tenant with HMAC-SHA-256.
 *
 * The tenant is part of what is hashed, so a row copied to another tenant opens nothing there.
 *
 * @category combinators
 * @since 0.1.0
 */
export const hash = (pepper: Pepper, tenant: string, secret: Redacted.Redacted<string>): string =>
  createHmac("sha256", pepper.key)
    .update(`v1\n${Redacted.value(secret)}\n${tenant}`)
    .digest("hex")

/**
 * Compares two hashes in constant time.
 *
 * @category guards
 * @since 0.1.0
 */
export const equal = (left: string, right: string): boolean => {
  const [first, second] = [Buffer.from(left, "latin1"), Buffer.from(right, "latin1")]
  return first.length === second.length && timingSafeEqual(first, second)
}

const wrong = failure(
  "pepper",
  "the database holds keys that were hashed with another pepper; nothing was changed.",
  "Supply the pepper the database was made with. After a rotation, name the old one under previousPeppers."
)

const incomplete = (version: number) =>
  failure(
    "previousPeppers",
    `the database holds active keys hashed with pepper version ${version}, which is not supplied; nothing was changed.`,
    "Name that pepper under previousPeppers until those keys are revoked or expired."
  )

const readVersions = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ readonly version: unknown; readonly fingerprint: string }>`
    SELECT version, fingerprint FROM keyfold_peppers ORDER BY version`
  return rows.map((row) => ({ version: Number(row.version), fingerprint: row.fingerprint }))
})

/**
 * Refuses a database with keys that these peppers cannot verify, and changes nothing.
 *
 * That is one where no supplied pepper is known although keys exist, or with an active key under a pepper not supplied.
 *
 * @category constructors
 * @since 0.1.0
 */
export const check = Effect.fnUntraced(function* (
  peppers: Peppers
): Effect.fn.Return<void, ConfigurationError | SqlError, SqlClient.SqlClient> {
  const sql = yield* SqlClient.SqlClient
  const supplied = new Set([peppers.current, ...peppers.previous].map((pepper) => pepper.fingerprint))
  const versions = yield* readVersions
  // These two look across all tenants on purpose: a pepper serves the whole deployment.
  if (!versions.some((known) => supplied.has(known.fingerprint))) {
    const anyKey = yield* sql`SELECT 1 FROM keyfold_keys LIMIT 1`
    if (anyKey.length > 0) return yield* wrong
  }
  const now = yield* Clock.currentTimeMillis
  for (const { fingerprint, version } of versions) {
    if (supplied.has(fingerprint)) continue
    const active = yield* sql`SELECT 1 FROM keyfold_keys WHERE pepper_version = ${version}
      AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at >= ${now}) LIMIT 1`
    if (active.length > 0) return yield* incomplete(version)
  }
})

/**
 * Checks the peppers against the database, gives a new current pepper the next version, and returns them by version.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = Effect.fnUntraced(function* (
  peppers: Peppers
): Effect.fn.Return<Keyring, ConfigurationError | SqlError, SqlClient.SqlClient> {
  const sql = yield* SqlClient.SqlClient
  const supplied = new Map([...peppers.previous, peppers.current].map((pepper) => [pepper.fingerprint, pepper]))
  const versions = yield* inTransaction(
    sql,
    Effect.gen(function* () {
      // Two processes may bring a new pepper at once. On SQLite the transaction itself excludes the other.
      yield* sql.onDialectOrElse({
        pg: () => Effect.asVoid(sql`LOCK TABLE keyfold_peppers IN SHARE ROW EXCLUSIVE MODE`),
        orElse: () => Effect.void
      })
      yield* check(peppers)
      const known = yield* readVersions
      if (known.some(({ fingerprint }) => fingerprint === peppers.current.fingerprint)) return known
      const next = (known.at(-1)?.version ?? 0) + 1
      const now = yield* Clock.currentTimeMillis
      yield* sql`INSERT INTO keyfold_peppers (version, fingerprint, created_at)
        VALUES (${next}, ${peppers.current.fingerprint}, ${now})`
      return [...known, { version: next, fingerprint: peppers.current.fingerprint }]
    })
  )
  const byVersion = new Map(versions.map(({ fingerprint, version }) => [version, supplied.get(fingerprint)]))
  const current = versions.find(({ fingerprint }) => fingerprint === peppers.current.fingerprint)
  return {
    current: { version: current?.version ?? 0, pepper: peppers.current },
    find: (version) => byVersion.get(version)
  }
})
