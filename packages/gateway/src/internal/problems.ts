/** What fails a request, as the problem that is answered. */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { KeyStoreError, Operation, Reason } from "@keyfold/core/KeyStoreError"
import * as Duration from "effect/Duration"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { make, types, uri, type Details, type FieldError, type Name, type Problem } from "../Problem.ts"

const seconds = (duration: Duration.Duration): number => Math.max(1, Math.ceil(Duration.toSeconds(duration)))

/** Asks to come back later. */
const waiting = (retryAfter: Duration.Duration | undefined): readonly [Details, Readonly<Record<string, string>>] => {
  if (retryAfter === undefined || !Duration.isFinite(retryAfter)) return [{}, {}]
  const after = seconds(retryAfter)
  return [{ retryAfter: after }, { "retry-after": String(after) }]
}

/** Says that a caller's or a tenant's limit is used up. */
export const tooMany = (detail: string, retryAfter: Duration.Duration): Problem =>
  make("rate-limited", detail, ...waiting(retryAfter))

/** Where a member of a key's specification stands in a body. */
const pointerOf = (field: string): string =>
  `/${field
    .replace(/\[(\d+)\]/g, ".$1")
    .split(".")
    .join("/")}`

type Table = { readonly [Tag in Reason["_tag"]]: Name }

/** The one table from reasons to problems. */
const nameOf: Table = {
  NotFound: "unknown-key",
  Conflict: "conflict",
  InvalidRequest: "refused-by-store",
  Unauthenticated: "backend-refused",
  PermissionDenied: "backend-refused",
  QuotaExceeded: "quota-exceeded",
  RateLimited: "backend-rate-limited",
  Unavailable: "backend-unavailable",
  Timeout: "backend-timeout",
  Network: "backend-unreachable",
  InvalidResponse: "backend-misbehaved",
  Unsupported: "unsupported",
  OutcomeUnknown: "outcome-unknown",
  NotDelivered: "outcome-unknown"
}

/** Sentences that say what is known; those of a backend are not passed on. */
const detailOf = (reason: Reason): string => {
  switch (reason._tag) {
    case "NotFound":
      return "No key with this id is visible to this tenant."
    case "Conflict":
      return reason.existing === undefined
        ? "An operation with this idempotency key is under way, or was carried out before."
        : "A key was created with this idempotency key before. Its secret was handed over then."
    case "InvalidRequest":
      return reason.problem
    case "Unauthenticated":
    case "PermissionDenied":
      return "The backend does not let the store's own credential do this. The gateway's operator can mend that."
    case "QuotaExceeded":
      return "Revoke keys that are not used any more, or have the limit raised."
    case "Unsupported":
      return `The backend of this tenant does not support ${reason.capability}.`
    case "OutcomeUnknown":
    case "NotDelivered":
      return "A key may exist whose secret nobody has. It is looked for; do not create again with another idempotency key."
    default:
      return "Try again later."
  }
}

const factsOf = ({ operationId, reason }: KeyStoreError): Details => ({
  ...(operationId === undefined ? {} : { operationId }),
  ...(reason._tag === "Conflict" && reason.existing !== undefined ? { existing: reason.existing } : {}),
  ...(reason._tag === "Unsupported" ? { capability: reason.capability } : {})
})

/** Where a member that a store does not accept came from: everything but what is sent to be made or judged is addressed. */
const placeOf = (operation: Operation, field: string): FieldError["in"] => {
  if (operation === "create" || operation === "verify") return "body"
  return field === "id" ? "path" : "query"
}

const fieldsOf = (reason: Reason, operation: Operation): Details => {
  if (reason._tag !== "InvalidRequest" || reason.field === undefined) return {}
  const place = placeOf(operation, reason.field)
  const pointer = place === "body" ? pointerOf(reason.field) : reason.field
  return { field: pointer, errors: [{ in: place, pointer, detail: reason.problem }] }
}

/** Turns the reason that a store failed for into a problem. */
export const fromReason = (reason: Reason): Problem =>
  make(nameOf[reason._tag], detailOf(reason), fieldsOf(reason, "create"))

/** Turns what a store failed with into a problem. */
export const fromKeyStore = (error: KeyStoreError): Problem => {
  const { reason } = error
  const [wait, headers] = waiting(error.retryAfter)
  return make(
    nameOf[reason._tag],
    detailOf(reason),
    { ...factsOf(error), ...fieldsOf(reason, error.operation), ...wait },
    headers
  )
}

/** Says that a tenant's store cannot be opened: why is the operator's business. */
export const fromConfiguration = (_error: ConfigurationError): Problem =>
  make("unavailable", "The store of this tenant cannot be opened. The gateway's log says why.")

/** The body of a problem. */
export const bodyOf = ({ detail, details, name }: Problem, requestId: string) => {
  const { status, title } = types[name]
  return { type: uri(name), title, status, detail, requestId, ...details }
}

/** The response that a problem is. */
export const toResponse = (problem: Problem, requestId: string): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.jsonUnsafe(bodyOf(problem, requestId), {
    status: types[problem.name].status,
    contentType: "application/problem+json",
    headers: problem.headers
  })
