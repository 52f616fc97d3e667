/** The gateway's own store: the keys of its callers. */
import type { IssuedKey } from "@keyfold/core/ApiKey"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as KeyStore from "@keyfold/core/KeyStore"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import { OperationId } from "@keyfold/core/OperationId"
import * as Pepper from "@keyfold/sql/Pepper"
import * as Sql from "@keyfold/sql/Sql"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Audit } from "../Audit.ts"
import type { CallerSpec, Database } from "../Gateway.ts"
import * as Grant from "../Grant.ts"
import * as auditStorage from "./auditStorage.ts"
import * as database from "./database.ts"
import * as keying from "./keying.ts"

/** Keeps callers apart from the tenants of a store in the same database. */
const tenant = "keyfold-gateway"

/** Opens the store. */
export const open = Effect.fnUntraced(function* (
  database: Database
): Effect.fn.Return<KeyStore.KeyStore["Service"], ConfigurationError, Scope.Scope> {
  const driver = yield* Sql.make({ ...database, tenant })
  return yield* KeyStore.make(driver, { store: "gateway" })
})

/** Opens the audit. */
export const openAudit = Effect.fnUntraced(function* (
  options: Database
): Effect.fn.Return<Audit, ConfigurationError, Scope.Scope> {
  const sql = yield* database.open(options)
  return auditStorage.make(sql, keying.make(yield* Pepper.make(options), "audit"))
})

const first = OperationId.make("keyfold-gateway-first-key")

/** Creates the first key. */
export const init = (database: Database): Effect.Effect<IssuedKey, ConfigurationError | KeyStoreError> =>
  Effect.scoped(
    Effect.flatMap(open(database), (store) =>
      store.create({ name: "first administrator", scopes: ["*:*"] }, { operationId: first })
    )
  )

/** Creates a key for a caller. */
export const createCaller = Effect.fnUntraced(function* (
  database: Database,
  { grants, name }: CallerSpec
): Effect.fn.Return<IssuedKey, ConfigurationError | KeyStoreError, Scope.Scope> {
  const stray = grants.find((grant) => Option.isNone(Grant.parse(grant)))
  if (stray !== undefined || grants.length === 0) {
    const problem =
      stray === undefined ? "a caller without grants may do nothing." : `${JSON.stringify(stray)} is no grant.`
    const fix = `Write <tenant>:<operation>, such as acme:create or "*:list". Operations: ${Grant.Operation.literals.join(", ")}, *.`
    return yield* new ConfigurationError({ field: "grants", problem, fix })
  }
  const store = yield* open(database)
  return yield* store.create({ ...(name === undefined ? {} : { name }), scopes: grants })
}, Effect.scoped)
