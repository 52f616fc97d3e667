/** What stands before every endpoint of a tenant: who calls, and whether it may. */
import * as Context from "effect/Context"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as HttpApiSecurity from "effect/http-api/HttpApiSecurity"
import type { Caller } from "../Gateway.ts"
import type { Operation } from "../Grant.ts"

/** The caller of a request. */
export class CurrentCaller extends Context.Service<CurrentCaller, Caller>()("@keyfold/gateway/CurrentCaller") {}

/** A caller at the tenant it was let in to. */
export interface Admitted {
  readonly caller: Caller
  readonly tenant: string
}

/** The admission of a request that is about one tenant. */
export class Admission extends Context.Service<Admission, Admitted>()("@keyfold/gateway/Admission") {}

/**
 * What an endpoint of a tenant needs: an operation, any of some, or that the tenant may be seen. Without one nobody is let
 * in.
 */
export type Need = Operation | ReadonlyArray<Operation> | "sight" | "nothing"

/** What an endpoint needs; one that does not say is closed to everybody. */
export const Needs = Context.Reference<Need | undefined>("@keyfold/gateway/Needs", { defaultValue: () => undefined })

/** Lets in who has a credential. */
export class Authentication extends HttpApiMiddleware.Service<Authentication, { provides: CurrentCaller }>()(
  "@keyfold/gateway/Authentication",
  { security: { bearer: HttpApiSecurity.bearer } }
) {}

/** Lets in who has a grant for the tenant and the operation. */
export class Authorization extends HttpApiMiddleware.Service<
  Authorization,
  { provides: Admission; requires: CurrentCaller }
>()("@keyfold/gateway/Authorization") {}
