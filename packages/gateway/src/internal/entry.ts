/** One request as far as it got: what the log line and every problem say about it. */
import * as Context from "effect/Context"

/** Facts of a request; what is found out on the way is filled in. */
export interface Facts {
  readonly requestId: string
  /** The client's address, as far as it can be trusted. */
  readonly address: string | undefined
  /** The path's template; never the path itself, which may hold anything. */
  route: string | undefined
  actor: string | undefined
  tenant: string | undefined
  operation: string | undefined
}

/** The request that is being answered; outside of one, facts about nothing. */
export const Entry = Context.Reference<Facts>("@keyfold/gateway/Entry", {
  defaultValue: () => ({
    requestId: "",
    address: undefined,
    route: undefined,
    actor: undefined,
    tenant: undefined,
    operation: undefined
  })
})
