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
  if (need !== "sight" && !Grant.allows(caller.grants, tenant, need)) {
    return yield* problem("forbidden", `The caller has no grant for ${need} on this tenant.`)
  }
  return { caller, tenant }
})

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
          facts.operation = needOf(endpoint)
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
        const admitted = yield* Effect.result(
          Effect.tap(decide(backends, caller, tenant, needOf(endpoint)), () => limits.tenant(tenant))
        )
        if (admitted._tag === "Failure") return toResponse(admitted.failure, facts.requestId)
        facts.tenant = tenant
        return yield* Effect.provideService(answer, Admission, admitted.success)
      })
    )
  )
  return Layer.mergeAll(authentication, authorization)
}
