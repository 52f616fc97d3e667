/** Who calls: the credential, and what its caller may know. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { Host } from "../../../Dialect.ts"
import type { Visit } from "../access.ts"
import type { Incoming } from "../mount.ts"
import { refusal } from "../reply.ts"
import type { ScopeNames } from "../scopeNames.ts"
import { forbidden, unauthenticated } from "./replies.ts"

/** What the server is made from. */
export interface Parts {
  readonly host: Host
  readonly path: string
  /** An organization's id and its tenant. */
  readonly tenants: ReadonlyMap<string, string>
  readonly owner: string
  readonly names: ScopeNames
  readonly defaultScopes: ReadonlyArray<string>
}

/** The credential: the header, even when empty, then the cookie of the same name. */
export const presented = (headers: Headers): Redacted.Redacted<string> | undefined => {
  const header = headers.get("x-api-key")
  if (header !== null) return Redacted.make(header)
  for (const pair of (headers.get("cookie") ?? "").split(";")) {
    const [name = "", ...value] = pair.split("=")
    if (name.trim() === "X-API-Key") return Redacted.make(value.join("=").trim())
  }
  return undefined
}

/** Reads the credential, or refuses. An empty one is a wrong one. */
export const credential = ({ request }: Incoming): Effect.Effect<Redacted.Redacted<string>, Error> => {
  const secret = presented(request.headers)
  if (secret === undefined) return Effect.fail(refusal(unauthenticated))
  return Redacted.value(secret) === "" ? Effect.fail(refusal(forbidden)) : Effect.succeed(secret)
}

/** Finds out who calls, or refuses. */
export const authenticate = Effect.fnUntraced(function* (
  { host }: Parts,
  incoming: Incoming
): Effect.fn.Return<Visit, Error> {
  const caller = yield* host.authenticate(yield* credential(incoming))
  if (Option.isNone(caller)) return yield* refusal(forbidden)
  return { host, caller: caller.value, requestId: incoming.requestId }
})
