/** The neutral API: the one description that routes, checks and the document are made from. */
import { KeyStatus } from "@keyfold/core/ApiKey"
import * as Schema from "effect/Schema"
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import { Authentication, Authorization, Needs } from "./admitting.ts"
import {
  Cursor,
  described,
  forBackends,
  forBodies,
  forCallers,
  forTenants,
  IdempotencyKey,
  known,
  Limit,
  mutating,
  ofKey,
  ofTenant,
  Owner
} from "./parts.ts"
import { rotations } from "./rotations/contract.ts"
import * as wire from "./wire.ts"

const tenants = HttpApiGroup.make("tenants")
  .add(
    HttpApiEndpoint.get("list", "/v1/tenants", { success: wire.Tenants, error: forCallers })
      .annotate(Needs, "nothing")
      .annotateMerge(described("List the tenants that the caller may see")),
    HttpApiEndpoint.get("inventory", "/v1/inventory", {
      success: HttpApiSchema.StreamNdjson({ schema: wire.InventoryLine }),
      error: forCallers
    })
      .annotate(Needs, "nothing")
      .annotateMerge(
        described(
          "Read every key of all tenants that the caller has the grant `inventory` for",
          "One JSON object a line. Each store is read once; its last line says how complete it is. Keys of nobody are told to those who may see every tenant."
        )
      )
  )
  .middleware(Authentication)

const listing = HttpApiEndpoint.get("list", "/v1/tenants/:tenant/keys", {
  params: ofTenant,
  query: {
    ...Owner,
    status: Schema.optionalKey(Schema.Array(KeyStatus)),
    cursor: Schema.optionalKey(Cursor),
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
  .add(tenants, keys, rotations, lookingAt, system)
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
