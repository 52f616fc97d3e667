/** Who may do what: the caller's grants, and the tenant's store for one request. */
import type * as KeyStore from "@keyfold/core/KeyStore"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Host } from "../../Dialect.ts"
import type { Caller } from "../../Gateway.ts"
import { allows, type Operation } from "../../Grant.ts"
import { refusal, type Refusal, type Reply } from "./reply.ts"

/** The store of a tenant. */
export type Store = KeyStore.KeyStore["Service"]

/** An authenticated caller in one request. */
export interface Visit {
  readonly host: Host
  readonly caller: Caller
  readonly requestId: string
}

/** Tells whether a caller may do something at every tenant there may be. */
export const isEverywhere = ({ grants }: Caller, operation: Operation): boolean =>
  grants.some((grant) => grant.tenant === "*" && (grant.operation === "*" || grant.operation === operation))

/** Refuses what no grant allows. */
export const permit = (
  { caller }: Visit,
  tenant: string,
  operation: Operation,
  forbidden: Reply
): Effect.Effect<void, Refusal> =>
  allows(caller.grants, tenant, operation) ? Effect.void : Effect.fail(refusal(forbidden))

/** Opens the tenant's store for an operation that was permitted. */
export const open = (
  { caller, host, requestId }: Visit,
  tenant: string,
  operation: Operation
): Effect.Effect<Store, Error, Scope.Scope> => host.store({ operation, tenant, caller, requestId })
