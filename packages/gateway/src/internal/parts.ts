/** What the endpoints of the neutral API are made of. */
import * as Schema from "effect/Schema"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import { schema, type Status } from "../Problem.ts"
import * as wire from "./wire.ts"

const problem = <const S extends Status>(status: S) =>
  schema(status).pipe(HttpApiSchema.status(status), HttpApiSchema.asJson({ contentType: "application/problem+json" }))

/** The problems that are answered, by status. */
export const known = {
  400: problem(400),
  401: problem(401),
  403: problem(403),
  404: problem(404),
  409: problem(409),
  413: problem(413),
  415: problem(415),
  422: problem(422),
  429: problem(429),
  500: problem(500),
  502: problem(502),
  503: problem(503),
  504: problem(504)
} as const

/** What answers everybody who has to present a credential. */
export const forCallers = [known[400], known[401], known[429], known[500], known[503], known[504]] as const
/** What answers requests about a tenant. */
export const forTenants = [...forCallers, known[403], known[404]] as const
/** What answers requests that ask a backend. */
export const forBackends = [...forTenants, known[422], known[502]] as const
/** What answers requests with a body. */
export const forBodies = [...forBackends, known[413], known[415]] as const

/** The tenant in a path. */
export const Tenant = wire.Text.check(Schema.isNonEmpty({ expected: "a tenant" }))
/** The id of a key. */
export const Id = wire.Text.check(Schema.isNonEmpty({ expected: "a key's id" }))
/** The path of a tenant. */
export const ofTenant = { tenant: Tenant }
/** The path of a key. */
export const ofKey = { tenant: Tenant, id: Id }

/** Whose key it is. */
export const Owner = { owner: Schema.optionalKey(wire.Text) }

/** Headers arrive as Latin-1, so that anything printable is accepted. */
const Reason = Schema.String.check(Schema.isMaxLength(500, { expected: "a text of at most 500 characters" }))

/** What a repeat of a request is told by. */
export const IdempotencyKey = Schema.String.check(
  Schema.isPattern(/^[\x21-\x7e]{1,255}$/u, { expected: "1 to 255 printable ASCII characters without spaces" })
)

/** The headers of a change. */
export const mutating = { "x-keyfold-reason": Schema.optionalKey(Reason) }

/** How much a page holds. */
export const Limit = Schema.Int.check(
  Schema.isBetween({ minimum: 1, maximum: 1000 }, { expected: "a whole number from 1 to 1000" })
)

/** What the document says of an endpoint. */
export const described = (summary: string, description?: string) =>
  OpenApi.annotations({ summary, ...(description === undefined ? {} : { description }) })

/** Where a page begins. */
export const Cursor = Schema.String.check(Schema.isMaxLength(4096, { expected: "the next of a page" }))
