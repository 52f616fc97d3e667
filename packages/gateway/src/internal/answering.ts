/** Turns what handlers fail with into responses, and opens the stores they work with. */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { KeyStore } from "@keyfold/core/KeyStore"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import * as Effect from "effect/Effect"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Scope from "effect/Scope"
import type { Backends } from "../Gateway.ts"
import type { Problem } from "../Problem.ts"
import { Admission } from "./admitting.ts"
import { Entry } from "./entry.ts"
import { fromConfiguration, fromKeyStore, toResponse } from "./problems.ts"

/** Answers with the problem where there is one. */
export const answer = <A, R>(
  effect: Effect.Effect<A, Problem, R>
): Effect.Effect<A | HttpServerResponse.HttpServerResponse, never, R> =>
  Effect.catch(effect, (failure) => Effect.map(Entry, ({ requestId }) => toResponse(failure, requestId)))

/** Tells the operator, and nobody else, why a store cannot be opened. */
const unopened = Effect.fnUntraced(function* (
  error: ConfigurationError,
  requestId: string
): Effect.fn.Return<never, Problem> {
  yield* Effect.annotateLogs(Effect.logError(`a store cannot be opened: ${error.message}`), {
    "keyfold.event": "gateway.store.unavailable",
    "keyfold.request": requestId
  })
  return yield* fromConfiguration(error)
})

/** Opens a tenant's store for as long as the scope is open. */
export const openFor = (
  backends: Backends,
  tenant: string,
  requestId: string
): Effect.Effect<KeyStore["Service"], Problem, Scope.Scope> =>
  Effect.catch(backends.forTenant(tenant), (error) => unopened(error, requestId))

/** Opens the store of the tenant that was let in to, for as long as the scope is open. */
export const openStore = (backends: Backends): Effect.Effect<KeyStore["Service"], Problem, Admission | Scope.Scope> =>
  Effect.gen(function* () {
    const { tenant } = yield* Admission
    const { requestId } = yield* Entry
    return yield* openFor(backends, tenant, requestId)
  })

/** Calls the store of the tenant that was let in to. */
export const withStore = <A>(
  backends: Backends,
  call: (store: KeyStore["Service"]) => Effect.Effect<A, KeyStoreError>
): Effect.Effect<A, Problem, Admission> =>
  Effect.scoped(Effect.flatMap(openStore(backends), (store) => Effect.mapError(call(store), fromKeyStore)))
