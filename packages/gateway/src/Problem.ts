/**
 * What the gateway answers where it cannot do what it was asked: `application/problem+json` with a stable type.
 *
 * A problem holds no secret, no address of a backend and no text of a request.
 *
 * @since 0.1.0
 */
import { KeyRef } from "@keyfold/core/ApiKey"
import * as Data from "effect/Data"
import * as Schema from "effect/Schema"

/**
 * Lists every type of problem by the last part of its URI, with its HTTP status and title. A type keeps its meaning and
 * its status; new ones may be added.
 *
 * @category models
 * @since 0.1.0
 */
export const types = {
  "invalid-request": { status: 400, title: "The request is not what the API accepts" },
  unauthenticated: { status: 401, title: "The credential is missing or not valid" },
  forbidden: { status: 403, title: "The caller may not do this" },
  "not-found": { status: 404, title: "There is nothing here" },
  "unknown-tenant": { status: 404, title: "There is no such tenant" },
  "unknown-key": { status: 404, title: "There is no such key" },
  "unknown-rotation": { status: 404, title: "There is no such rotation" },
  "method-not-allowed": { status: 405, title: "This method is not served here" },
  conflict: { status: 409, title: "The operation was carried out before" },
  "operation-under-way": { status: 409, title: "The operation is under way" },
  "outcome-unknown": { status: 409, title: "What became of the operation is not known" },
  "needs-attention": { status: 409, title: "The rotation stands still until somebody decides" },
  "rotation-undone": { status: 409, title: "The rotation came to nothing, and the old key is as it was" },
  "quota-exceeded": { status: 409, title: "The backend holds as many keys as it allows" },
  "payload-too-large": { status: 413, title: "The body is too large" },
  "unsupported-media-type": { status: 415, title: "The body is not of a type that is served here" },
  "refused-by-store": { status: 422, title: "The store does not accept this" },
  unsupported: { status: 422, title: "The backend cannot do this" },
  unconfigured: { status: 422, title: "The gateway is not set up for this" },
  "sink-refused": { status: 422, title: "The sink is not known to hold this key" },
  "operation-reused": { status: 422, title: "The idempotency key was used for another request" },
  "rate-limited": { status: 429, title: "Too many requests" },
  internal: { status: 500, title: "Something happened that must not happen" },
  "backend-refused": { status: 502, title: "The backend does not let the store do this" },
  "backend-unreachable": { status: 502, title: "The backend could not be reached" },
  "backend-misbehaved": { status: 502, title: "The backend answered something that is not its contract" },
  unavailable: { status: 503, title: "This cannot be done at the moment" },
  "backend-unavailable": { status: 503, title: "The backend is unavailable" },
  "backend-rate-limited": { status: 503, title: "The backend asks for fewer requests" },
  "audit-unavailable": { status: 503, title: "Nothing is changed while the audit cannot be written" },
  timeout: { status: 504, title: "It took too long" },
  "backend-timeout": { status: 504, title: "The backend took too long" }
} as const

/**
 * Names a type of problem.
 *
 * @category models
 * @since 0.1.0
 */
export type Name = keyof typeof types

/**
 * Lists the statuses that problems have.
 *
 * @category models
 * @since 0.1.0
 */
export type Status = (typeof types)[Name]["status"]

/**
 * Returns the URI of a type.
 *
 * @category combinators
 * @since 0.1.0
 */
export const uri = (name: Name): string => `urn:keyfold:problem:${name}`

/**
 * Points at one part of a request that is not accepted. `pointer` is a JSON pointer into the body, or names the member
 * of the path, the query or the headers.
 *
 * @category schemas
 * @since 0.1.0
 */
export const FieldError = Schema.Struct({
  in: Schema.Literals(["body", "query", "path", "header"]),
  pointer: Schema.String,
  detail: Schema.String
}).annotate({ identifier: "FieldError" })

/**
 * The type of a pointer at one part of a request.
 *
 * @category models
 * @since 0.1.0
 */
export interface FieldError extends Schema.Schema.Type<typeof FieldError> {}

/**
 * Lists what a problem may tell beside its type: `field` and `errors` what in the request is meant, `existing` the key
 * that an operation made before, `operationId` the operation at the store, `rotationId` the rotation that is meant,
 * `retryAfter` seconds to wait.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Details = Schema.Struct({
  field: Schema.optionalKey(Schema.String),
  errors: Schema.optionalKey(Schema.Array(FieldError)),
  existing: Schema.optionalKey(KeyRef),
  operationId: Schema.optionalKey(Schema.String),
  rotationId: Schema.optionalKey(Schema.String),
  capability: Schema.optionalKey(Schema.String),
  retryAfter: Schema.optionalKey(Schema.Int)
})

/**
 * The type of what a problem may tell beside its type.
 *
 * @category models
 * @since 0.1.0
 */
export interface Details extends Schema.Schema.Type<typeof Details> {}

/**
 * Describes the body of a problem of one status. `requestId` is that of the response's `x-request-id`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const schema = <const S extends Status>(status: S) => {
  const names = Object.keys(types).filter((name): name is Name => Object.hasOwn(types, name))
  return Schema.Struct({
    type: Schema.Literals(names.filter((name) => types[name].status === status).map(uri)),
    title: Schema.String,
    status: Schema.Literal(status),
    detail: Schema.String,
    requestId: Schema.String,
    ...Details.fields
  }).annotate({ identifier: `Problem${status}` })
}

/**
 * Fails a request with a problem. `headers` are added to the response.
 *
 * @category errors
 * @since 0.1.0
 */
export class Problem extends Data.TaggedError("Problem")<{
  readonly name: Name
  readonly detail: string
  readonly details: Details
  readonly headers: Readonly<Record<string, string>>
}> {
  override get message(): string {
    return `${this.name}: ${this.detail}`
  }
}

/**
 * Makes a problem.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  name: Name,
  detail: string,
  details: Details = {},
  headers: Readonly<Record<string, string>> = {}
): Problem => new Problem({ name, detail, details, headers })
