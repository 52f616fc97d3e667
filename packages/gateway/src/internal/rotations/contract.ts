/** The endpoints of rotations. */
import { RotationId, Status } from "@keyfold/lifecycle/Rotation"
import * as Schema from "effect/Schema"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import { Authentication, Authorization, Needs } from "../admitting.ts"
import {
  Cursor,
  described,
  forBackends,
  forBodies,
  Id,
  IdempotencyKey,
  known,
  Limit,
  mutating,
  ofKey,
  ofTenant,
  Owner
} from "../parts.ts"
import * as wire from "./wire.ts"

const accepted = HttpApiSchema.status(202)

const ofRotation = { ...ofTenant, rotation: RotationId }

const readers = ["rotate", "list"] as const

const starting = HttpApiEndpoint.post("start", "/v1/tenants/:tenant/keys/:id/rotations", {
  params: ofKey,
  query: Owner,
  headers: { ...mutating, "idempotency-key": Schema.optionalKey(IdempotencyKey) },
  payload: wire.NewRotation,
  success: [wire.Rotation.pipe(accepted), wire.HandedOver.pipe(HttpApiSchema.status(201))],
  error: [...forBodies, known[409]]
})
  .annotate(Needs, "rotate")
  .annotateMerge(
    described(
      "Replace a key without locking its holder out",
      "With `deliver: sink` the new secret goes to a sink of the configuration that holds this key, and the answer is a 202. " +
        "With `deliver: response`, for which the caller needs the grant `create` too, the secret is in the answer, a 201, this " +
        "once: both keys stay live until the rotation is confirmed. With an `Idempotency-Key` the same request is the same rotation."
    )
  )

const listing = HttpApiEndpoint.get("list", "/v1/tenants/:tenant/rotations", {
  params: ofTenant,
  query: {
    status: Schema.optionalKey(Schema.Array(Status)),
    key: Schema.optionalKey(Id),
    cursor: Schema.optionalKey(Cursor),
    limit: Schema.optionalKey(Limit)
  },
  success: wire.Page,
  error: forBackends
})
  .annotate(Needs, readers)
  .annotateMerge(described("List rotations, the newest first, a page at a time"))

const getting = HttpApiEndpoint.get("get", "/v1/tenants/:tenant/rotations/:rotation", {
  params: ofRotation,
  success: wire.Rotation,
  error: forBackends
})
  .annotate(Needs, readers)
  .annotateMerge(described("Show how a rotation stands"))

/** A change of a rotation that is said with its address alone. */
const changingIt = <const Name extends string>(name: Name, title: string, text: string) =>
  HttpApiEndpoint.post(name, `/v1/tenants/:tenant/rotations/:rotation/${name}`, {
    params: ofRotation,
    headers: mutating,
    success: wire.Rotation.pipe(accepted),
    error: [...forBackends, known[409]]
  })
    .annotate(Needs, "rotate")
    .annotateMerge(described(title, text))

const resuming = changingIt(
  "resume",
  "Have a rotation go on",
  "One that needs attention goes on where its sink turns out to hold the new key. It is safe to call at any time."
)

const aborting = changingIt(
  "abort",
  "End a rotation",
  "Before the new key is handed over it is revoked. After that both keys stay live until the rotation is resolved. Once the old key is being revoked it is too late."
)

const confirming = changingIt(
  "confirm",
  "Say that the secret in the answer has arrived and is safe",
  "Only then the overlap begins, after which the old key is revoked."
)

const resolving = HttpApiEndpoint.post("resolve", "/v1/tenants/:tenant/rotations/:rotation/resolve", {
  params: ofRotation,
  headers: mutating,
  payload: wire.Decision,
  success: wire.Rotation.pipe(accepted),
  error: [...forBodies, known[409]]
})
  .annotate(Needs, "rotate")
  .annotateMerge(
    described(
      "Decide which key stays, where a rotation needs attention",
      "The other key is revoked. That is refused where the sink holds the key to be revoked, or the one to be kept is not active."
    )
  )

/** Rotating keys, and looking after rotations. */
export const rotations = HttpApiGroup.make("rotations")
  .add(starting, listing, getting, resuming, aborting, confirming, resolving)
  .middleware(Authorization)
  .middleware(Authentication)
