/** Lets callers in: who they are, whether they send too much, and whether they may do what they ask. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpRouter from "effect/http/HttpRouter"
import * as Layer from "effect/Layer"
import type { Backends, Caller } from "../Gateway.ts"
import * as Grant from "../Grant.ts"
import { make as problem, type Problem } from "../Problem.ts"
import {
  Admission,
  Authentication,
  Authorization,
  CurrentCaller,
  Needs,
  type Admitted,
  type Need
} from "./admitting.ts"
import type { Callers } from "./callers.ts"
import { Entry } from "./entry.ts"
import type { Limits } from "./limits.ts"
import { fromConfiguration, toResponse } from "./problems.ts"

const unknownTenant = problem("unknown-tenant", "No tenant of this name is visible to the caller.")

const closed = problem("forbidden", "This endpoint is closed.")

/** Whether a store serves the tenant. It is looked for whoever asks, so that nobody learns from the time it takes. */
const isServed = (backends: Backends, tenant: string): Effect.Effect<boolean, Problem> =>
  Effect.scoped(
    Effect.map(backends.sources, (sources) => sources.filter((source) => source.serves(tenant)).length > 0)
  ).pipe(Effect.mapError(fromConfiguration))

/** Decides about one caller, one tenant and one need. */
export const decide = Effect.fnUntraced(function* (
  backends: Backends,
  caller: Caller,
  tenant: string,
  need: Need | undefined
): Effect.fn.Return<Admitted, Problem> {
  const served = yield* isServed(backends, tenant)
  const seen = Grant.sees(caller.grants, tenant)
  if (!served || !seen) return yield* unknownTenant
  if (need === undefined || need === "nothing") return yield* closed
  const operations = need === "sight" ? [] : [need].flat()
  if (operations.length > 0 && !operations.some((operation) => Grant.allows(caller.grants, tenant, operation))) {
    return yield* problem("forbidden", `The caller has no grant for ${operations.join(" or ")} on this tenant.`)
  }
  return { caller, tenant }
})

/** What lets callers in to tenants. */
export interface Gate {
  readonly backends: Backends
  readonly limits: Limits
}

/** Lets a caller in to a tenant for one need, and counts the request. */
export const admit = (
  { backends, limits }: Gate,
  caller: Caller,
  tenant: string,
  need: Need | undefined
): Effect.Effect<Admitted, Problem> => Effect.tap(decide(backends, caller, tenant, need), () => limits.tenant(tenant))

const needOf = ({ annotations }: HttpApiEndpoint.Top): Need | undefined => Context.get(annotations, Needs)

/** Makes the two gates. */
export const layer = (backends: Backends, callers: Callers, limits: Limits) => {
  const authentication = Layer.succeed(
    Authentication,
    Authentication.of({
      bearer: (answer, { credential, endpoint }) =>
        Effect.gen(function* () {
          const facts = yield* Entry
          facts.route = endpoint.path
          facts.operation = [needOf(endpoint)].flat()[0]
          const caller = yield* Effect.result(Effect.tap(callers(credential), ({ actor }) => limits.caller(actor)))
          if (caller._tag === "Failure") return toResponse(caller.failure, facts.requestId)
          facts.actor = caller.success.actor
          return yield* Effect.provideService(answer, CurrentCaller, caller.success)
        })
    })
  )
  const authorization = Layer.succeed(
    Authorization,
    Authorization.of((answer, { endpoint }) =>
      Effect.gen(function* () {
        const facts = yield* Entry
        const caller = yield* CurrentCaller
        const { tenant = "" } = yield* HttpRouter.params
        const admitted = yield* Effect.result(admit({ backends, limits }, caller, tenant, needOf(endpoint)))
        if (admitted._tag === "Failure") return toResponse(admitted.failure, facts.requestId)
        facts.tenant = tenant
        return yield* Effect.provideService(answer, Admission, admitted.success)
      })
    )
  )
  return Layer.mergeAll(authentication, authorization)
}
