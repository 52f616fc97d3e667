/** The bodies of the neutral API, in schemas that both the code and the document are made from. */
import { ApiKey, KeyId, KeyStatus } from "@keyfold/core/ApiKey"
import { Capabilities as CoreCapabilities } from "@keyfold/core/Capabilities"
import { KeySpec as CoreKeySpec } from "@keyfold/core/KeySpec"
import { KeyUsage as CoreKeyUsage } from "@keyfold/core/KeyUsage"
import * as Schema from "effect/Schema"
import { Class } from "@keyfold/lifecycle/Inventory"
import * as Grant from "../Grant.ts"

const longestText = 1024

/** A text of a bearable length. */
export const Text = Schema.String.check(
  Schema.isMaxLength(longestText, { expected: `a text of at most ${longestText} characters` }),
  // PostgreSQL keeps neither, and no backend needs them.
  Schema.isPattern(/^[^\0\p{Cs}]*$/u, { expected: "a text without U+0000 and lone surrogates" })
)

/** A length of time, in milliseconds. */
const Millis = Schema.DurationFromMillis

/** A key, as every answer shows it. */
export const Key = ApiKey.annotate({ identifier: "Key" })

/** What a key is created from. */
export const NewKey = Schema.Struct({
  name: Schema.optionalKey(Text),
  owner: Schema.optionalKey(Text),
  scopes: Schema.optionalKey(Schema.Array(Text)),
  expiresAt: CoreKeySpec.fields.expiresAt,
  tags: Schema.optionalKey(Schema.Record(Schema.String, Text)),
  provider: CoreKeySpec.fields.provider
}).annotate({ identifier: "NewKey" })

/** A new key with its secret, which is shown this once. */
export const CreatedKey = Schema.Struct({
  key: Key,
  secret: Schema.RedactedFromValue(Schema.NonEmptyString, { label: "secret" }),
  operationId: Schema.String
}).annotate({ identifier: "CreatedKey" })

/** One page of keys. */
export const Page = Schema.Struct({
  keys: Schema.Array(Key),
  next: Schema.optionalKey(Schema.String),
  completeness: Schema.Struct({
    excluded: Schema.Array(KeyStatus),
    hidden: Schema.Array(KeyStatus),
    lagMillis: Schema.Finite
  })
}).annotate({ identifier: "KeyPage" })

/** An accepted revocation. */
export const Revocation = Schema.Struct({
  id: KeyId,
  alreadyRevoked: Schema.optionalKey(Schema.Boolean),
  effectiveWithinMillis: Schema.Finite
}).annotate({ identifier: "Revocation" })

/** The use of a key, in the numbers its backend gives. */
export const Usage = CoreKeyUsage.annotate({ identifier: "KeyUsage" })

/** A secret that is to be judged. */
export const Presented = Schema.Struct({
  secret: Schema.RedactedFromValue(Text.check(Schema.isNonEmpty({ expected: "a text that is not empty" })), {
    label: "secret"
  })
}).annotate({ identifier: "PresentedSecret" })

/** Whether a secret opens the door. */
export const Verification = Schema.Struct({
  valid: Schema.Boolean,
  key: Schema.optionalKey(Key),
  reason: Schema.optionalKey(Schema.Literals(["malformed", "unknown", "expired", "revoked", "refused"]))
}).annotate({ identifier: "Verification" })

const Bound = Schema.Struct({ within: Millis, basis: Schema.Literals(["promised", "observed"]) })

/** What a tenant's backend can do. */
export const Capabilities = Schema.Struct({
  backend: Schema.String,
  capabilities: Schema.Struct({
    ...CoreCapabilities.fields,
    revocationLag: Bound,
    consistency: Schema.Struct({ visibility: Bound, settle: Bound })
  })
}).annotate({ identifier: "Capabilities" })

/** A tenant that the caller may see, and what it may do there. */
export const Tenant = Schema.Struct({
  tenant: Schema.String,
  backend: Schema.String,
  operations: Schema.Array(Grant.Operation)
}).annotate({ identifier: "Tenant" })

/** The tenants that the caller may see. */
export const Tenants = Schema.Struct({ tenants: Schema.Array(Tenant) }).annotate({ identifier: "Tenants" })

const Finding = Schema.Struct({ class: Class, evidence: Schema.String })

/** A key in an inventory. */
export const InventoryKey = Schema.Struct({
  kind: Schema.Literal("key"),
  tenant: Schema.optionalKey(Schema.String),
  backend: Schema.String,
  unassigned: Schema.optionalKey(Schema.String),
  key: Key,
  findings: Schema.Array(Finding)
}).annotate({ identifier: "InventoryKey" })

/** The end of one source in an inventory, and the tenants it is known to be about. */
export const InventoryEnd = Schema.Struct({
  kind: Schema.Literal("end"),
  backend: Schema.String,
  tenants: Schema.Array(Schema.String),
  keys: Schema.Int,
  complete: Schema.Boolean,
  missingStates: Schema.Array(KeyStatus),
  lagMillis: Schema.optionalKey(Schema.Finite),
  failed: Schema.optionalKey(Schema.String),
  findings: Schema.Record(Schema.String, Schema.Int),
  gaps: Schema.Array(Schema.Struct({ class: Class, keys: Schema.Int, reason: Schema.String }))
}).annotate({ identifier: "InventoryEnd" })

/** One line of an inventory. */
export const InventoryLine = Schema.Union([InventoryKey, InventoryEnd]).annotate({ identifier: "InventoryLine" })

/** That the process runs, or is ready for requests. */
export const Health = Schema.Struct({ status: Schema.Literals(["ok", "stopping"]) }).annotate({ identifier: "Health" })
