/** The neutral API: the one description that routes, checks and the document are made from. */
import { KeyStatus } from "@keyfold/core/ApiKey"
import * as Schema from "effect/Schema"
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import { schema, type Status } from "../Problem.ts"
import { Authentication, Authorization, Needs } from "./admitting.ts"
import * as wire from "./wire.ts"

const problem = <const S extends Status>(status: S) =>
  schema(status).pipe(HttpApiSchema.status(status), HttpApiSchema.asJson({ contentType: "application/problem+json" }))

const known = {
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

const forCallers = [known[400], known[401], known[429], known[500], known[503], known[504]] as const
const forTenants = [...forCallers, known[403], known[404]] as const
const forBackends = [...forTenants, known[422], known[502]] as const
const forBodies = [...forBackends, known[413], known[415]] as const

const Tenant = wire.Text.check(Schema.isNonEmpty({ expected: "a tenant" }))
const Id = wire.Text.check(Schema.isNonEmpty({ expected: "a key's id" }))
const ofTenant = { tenant: Tenant }
const ofKey = { tenant: Tenant, id: Id }

const Owner = { owner: Schema.optionalKey(wire.Text) }

/** Headers arrive as Latin-1, so that anything printable is accepted. */
const Reason = Schema.String.check(Schema.isMaxLength(500, { expected: "a text of at most 500 characters" }))

const IdempotencyKey = Schema.String.check(
  Schema.isPattern(/^[\x21-\x7e]{1,255}$/u, { expected: "1 to 255 printable ASCII characters without spaces" })
)

const mutating = { "x-keyfold-reason": Schema.optionalKey(Reason) }

const Limit = Schema.Int.check(
  Schema.isBetween({ minimum: 1, maximum: 1000 }, { expected: "a whole number from 1 to 1000" })
)

const described = (summary: string, description?: string) =>
  OpenApi.annotations({ summary, ...(description === undefined ? {} : { description }) })

const tenants = HttpApiGroup.make("tenants")
  .add(
    HttpApiEndpoint.get("list", "/v1/tenants", { success: wire.Tenants, error: forCallers })
      .annotate(Needs, "nothing")
      .annotateMerge(described("List the tenants that the caller may see"))
  )
  .middleware(Authentication)

const listing = HttpApiEndpoint.get("list", "/v1/tenants/:tenant/keys", {
  params: ofTenant,
  query: {
    ...Owner,
    status: Schema.optionalKey(Schema.Array(KeyStatus)),
    cursor: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(4096, { expected: "the next of a page" }))),
    limit: Schema.optionalKey(Limit)
  },
  success: wire.Page,
  error: forBackends
})
  .annotate(Needs, "list")
  .annotateMerge(described("List keys, a page at a time", "Without `status` a page holds keys that were not revoked."))

const creating = HttpApiEndpoint.post("create", "/v1/tenants/:tenant/keys", {
  params: ofTenant,
  headers: { ...mutating, "idempotency-key": Schema.optionalKey(IdempotencyKey) },
  payload: wire.NewKey,
  success: wire.CreatedKey.pipe(HttpApiSchema.status(201)),
  error: [...forBodies, known[409]]
})
  .annotate(Needs, "create")
  .annotateMerge(
    described(
      "Create a key and show its secret, once",
      "With an `Idempotency-Key` the same request is carried out once: a repeat is a 409 that names the key, and another body a 422."
    )
  )

const getting = HttpApiEndpoint.get("get", "/v1/tenants/:tenant/keys/:id", {
  params: ofKey,
  query: Owner,
  success: wire.Key,
  error: forBackends
})
  .annotate(Needs, "get")
  .annotateMerge(described("Show one key"))

const revoking = HttpApiEndpoint.delete("revoke", "/v1/tenants/:tenant/keys/:id", {
  params: ofKey,
  query: Owner,
  headers: mutating,
  success: wire.Revocation,
  error: [...forBackends, known[409]]
})
  .annotate(Needs, "revoke")
  .annotateMerge(described("Revoke a key for good"))

const using = HttpApiEndpoint.get("usage", "/v1/tenants/:tenant/keys/:id/usage", {
  params: ofKey,
  query: Owner,
  success: wire.Usage,
  error: forBackends
})
  .annotate(Needs, "usage")
  .annotateMerge(described("Report the use of a key"))

const verifying = HttpApiEndpoint.post("verify", "/v1/tenants/:tenant/verify", {
  params: ofTenant,
  payload: wire.Presented,
  success: wire.Verification,
  error: forBodies
})
  .annotate(Needs, "verify")
  .annotateMerge(described("Tell whether a secret is valid"))

const keys = HttpApiGroup.make("keys")
  .add(listing, creating, getting, revoking, using, verifying)
  .middleware(Authorization)
  .middleware(Authentication)

const lookingAt = HttpApiGroup.make("backends")
  .add(
    HttpApiEndpoint.get("capabilities", "/v1/tenants/:tenant/capabilities", {
      params: ofTenant,
      success: wire.Capabilities,
      error: forTenants
    })
      .annotate(Needs, "sight")
      .annotateMerge(described("Tell what the tenant's backend can do")),
    HttpApiEndpoint.get("inventory", "/v1/tenants/:tenant/inventory", {
      params: ofTenant,
      success: HttpApiSchema.StreamNdjson({ schema: wire.InventoryLine }),
      error: forTenants
    })
      .annotate(Needs, "inventory")
      .annotateMerge(
        described(
          "Read every key of the tenant, with what is to be said about each",
          "One JSON object a line; the last line of each source says how complete it is."
        )
      )
  )
  .middleware(Authorization)
  .middleware(Authentication)

const system = HttpApiGroup.make("system", { topLevel: true }).add(
  HttpApiEndpoint.get("health", "/health", { success: wire.Health }).annotateMerge(
    described("Tell that the process runs")
  ),
  HttpApiEndpoint.get("ready", "/ready", { success: wire.Health, error: known[503] }).annotateMerge(
    described("Tell whether the process is ready for requests")
  )
)

const strict = { errors: "all", onExcessProperty: "error" } as const

/** The neutral API. */
export const api = HttpApi.make("keyfold")
  .add(tenants, keys, lookingAt, system)
  .annotate(HttpApi.PayloadParseOptions, strict)
  .annotate(HttpApi.QueryParseOptions, strict)
  .annotate(HttpApi.ParamsParseOptions, { errors: "all" })
  .annotateMerge(
    OpenApi.annotations({
      title: "Keyfold gateway",
      version: "1",
      description: "One API over every API-key backend. Errors are application/problem+json with stable types."
    })
  )
