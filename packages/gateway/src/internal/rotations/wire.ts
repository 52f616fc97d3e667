/** The bodies of rotations, in schemas that both the code and the document are made from. */
import { KeyRef } from "@keyfold/core/ApiKey"
import { Revocation, RotationId, Status, Step, Verified } from "@keyfold/lifecycle/Rotation"
import * as Schema from "effect/Schema"
import { Key } from "../wire.ts"

/** A sink, a probe or a check of the configuration. A colon, after which the configuration has a key's name, is none of it. */
const Name = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$/u, {
    expected: "a name of letters, digits and . _ -, beginning with a letter or digit"
  })
)

const longest = 3650 * 24 * 3_600_000

const Millis = (minimum: number) =>
  Schema.Int.check(
    Schema.isBetween(
      { minimum, maximum: longest },
      { expected: `a whole number of milliseconds from ${minimum} to ${longest}` }
    )
  )

/** How a secret gets to its holder. */
const Deliver = Schema.Literals(["sink", "response"])

const words = ["keep", "sameLifetime"] as const

/** When a new key expires: by the old one, or at a time. */
const Expiry = Schema.Union([Schema.Literals(words), Schema.DateTimeUtcFromString])

/** How a key is to be rotated. */
export const NewRotation = Schema.Struct({
  deliver: Schema.optionalKey(Deliver),
  sink: Schema.optionalKey(Name),
  overlapMillis: Schema.optionalKey(Millis(0)),
  expiry: Schema.optionalKey(Expiry),
  probe: Schema.optionalKey(Name),
  holderCheck: Schema.optionalKey(Name),
  holderCheckMillis: Schema.optionalKey(Millis(1))
}).annotate({ identifier: "NewRotation" })

/** The reasons for which a rotation did not end well. */
export const FailureReason = Schema.Literals([
  "undone",
  "needsAttention",
  "invalidRequest",
  "notFound",
  "conflict",
  "quotaExceeded",
  "unsupported",
  "unavailable",
  "unconfigured",
  "strandsKeys"
])

const [, { fields: notConfirmed }] = Revocation.members

/** How a rotation stands. */
export const Rotation = Schema.Struct({
  id: RotationId,
  tenant: Schema.String,
  key: KeyRef,
  newKey: Schema.optionalKey(KeyRef),
  status: Status,
  step: Step,
  awaiting: Schema.optionalKey(Schema.Literals(["confirmation", "decision"])),
  deliver: Deliver,
  sink: Schema.optionalKey(Schema.String),
  overlapMillis: Schema.Int,
  expiry: Expiry,
  probe: Schema.optionalKey(Schema.String),
  holderCheck: Schema.optionalKey(Schema.String),
  handedOver: Schema.Boolean,
  verified: Schema.optionalKey(Verified),
  overlapUntil: Schema.optionalKey(Schema.DateTimeUtcFromString),
  dueAt: Schema.optionalKey(Schema.DateTimeUtcFromString),
  retries: Schema.Int,
  revocation: Schema.optionalKey(
    Schema.Struct({
      confirmed: Schema.Boolean,
      boundMillis: Schema.optionalKey(Schema.Int),
      seen: Schema.optionalKey(notConfirmed.seen)
    })
  ),
  stillUsed: Schema.Boolean,
  failure: Schema.optionalKey(Schema.Struct({ reason: FailureReason, detail: Schema.String })),
  createdAt: Schema.DateTimeUtcFromString,
  updatedAt: Schema.DateTimeUtcFromString
}).annotate({ identifier: "Rotation" })

/** A rotation with the new key and its secret, which is shown this once. */
export const HandedOver = Schema.Struct({
  rotation: Rotation,
  key: Key,
  secret: Schema.RedactedFromValue(Schema.NonEmptyString, { label: "secret" })
}).annotate({ identifier: "HandedOverRotation" })

/** One page of rotations, the newest first. */
export const Page = Schema.Struct({
  rotations: Schema.Array(Rotation),
  next: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "RotationPage" })

/** Which key a rotation that stands still ends with. */
export const Decision = Schema.Struct({ keep: Schema.Literals(["old", "new"]) }).annotate({
  identifier: "RotationDecision"
})
