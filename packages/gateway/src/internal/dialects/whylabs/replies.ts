/** The error bodies of the protocol, and what of a store is answered with which. */
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import type { Incoming, Voice } from "../mount.ts"
import { empty, json, refusal, sentence, type Refusal, type Reply } from "../reply.ts"

/** The server's own body. */
const songbird = (status: number, type: string, message: string, requestId: string): Reply =>
  json(status, { message, requestId, type })

/** The framework's body for a parameter; it repeats the path and the query to who sent them. */
const micronaut = ({ url }: Incoming, message: string, path: string): Reply =>
  json(400, {
    _embedded: { errors: [{ message, path }] },
    _links: { self: { href: `${url.pathname}${url.search}`, templated: false } },
    message: "Bad Request"
  })

/** No credential was sent. */
export const unauthenticated: Reply = empty(401)

/** Whatever else keeps a caller out; nobody learns which it was. */
export const forbidden: Reply = empty(403)

/** No such route. */
export const unroutable: Reply = empty(404)

/** A request that cannot be carried out as it is; only its text tells which one it is. */
export const illegal = ({ requestId }: Incoming, message: string): Refusal =>
  refusal(songbird(400, "IllegalArgument", message, requestId))

/** A resource that is not there. */
export const notFound = ({ requestId }: Incoming, resource: "Organization" | "ApiKey", id: string): Refusal =>
  refusal(songbird(404, "ResourceNotFound", `Resource ${resource} with ID ${id} not found.`, requestId))

/** A parameter that is required and was not sent. */
export const missing = (incoming: Incoming, name: string): Refusal =>
  refusal(micronaut(incoming, `Required QueryValue [${name}] not specified`, `/${name}`))

/** An `expiration_time` that is no whole number. */
export const unconvertible = (incoming: Incoming, name: string, value: string): Refusal => {
  const message = `Failed to convert argument [${name}] for value [${value}] due to: For input string: "${value}"`
  return refusal(micronaut(incoming, message, `/${name}`))
}

const invalid = (field: string | undefined, problem: string): string => {
  switch (field) {
    case "scopes":
      return `Invalid scope provided: ${problem}`
    case "expiresAt":
    case "expiry":
      return `Invalid expiration time: ${problem}`
    case "owner":
    case "owners":
      return `Invalid user_id provided: ${problem}`
    case "name":
      return `Invalid alias provided: ${problem}`
    default:
      return problem
  }
}

const failed = (incoming: Incoming, { reason }: KeyStoreError): Reply => {
  switch (reason._tag) {
    case "QuotaExceeded":
      return illegal(incoming, "Key limit reached").reply
    case "InvalidRequest":
      return illegal(incoming, invalid(reason.field, reason.problem)).reply
    case "Unsupported":
      return illegal(incoming, invalid(reason.capability, reason.message)).reply
    default: {
      // Also where the store's own credential is refused: that is not the caller's fault.
      return songbird(500, "Internal", "Internal error. Unable to process request", incoming.requestId)
    }
  }
}

/** Says what every protocol has to say. There is no Retry-After: the server does not send one. */
export const voice = (incoming: Incoming): Voice => ({
  failed: (error) => failed(incoming, error),
  limited: () => sentence(429, "Too many requests. Please try again later."),
  broken: songbird(500, "Internal", "Internal error. Unable to process request", incoming.requestId)
})
