/** What a caller is shown of a rotation: nothing that only the operator should know, such as places and other keys. */
import { toAsker } from "@keyfold/lifecycle/RotationResources"
import type { Reason } from "@keyfold/lifecycle/Rotation"
import type { RotationRecord } from "@keyfold/lifecycle/RotationStorage"
import * as DateTime from "effect/DateTime"
import type * as wire from "./wire.ts"

type Failure = NonNullable<(typeof wire.Rotation.Type)["failure"]>

const failures: { readonly [Tag in Reason["_tag"]]: Failure } = {
  InvalidRequest: { reason: "invalidRequest", detail: "The key cannot be rotated as it was asked for." },
  NotFound: { reason: "notFound", detail: "The key was gone." },
  Conflict: { reason: "conflict", detail: "Another rotation had the key." },
  QuotaExceeded: { reason: "quotaExceeded", detail: "The backend holds as many keys as it allows." },
  Unsupported: { reason: "unsupported", detail: "The backend of this tenant does not support what was asked for." },
  Unavailable: { reason: "unavailable", detail: "Rotations could not be read or written." },
  Unconfigured: { reason: "unconfigured", detail: "What the rotation needs is not set up." },
  StrandsKeys: { reason: "strandsKeys", detail: "It is a credential of the store's own, and other keys depend on it." },
  Undone: { reason: "undone", detail: "It came to nothing: the old key is as it was, and no new one is left." },
  NeedsAttention: { reason: "needsAttention", detail: "Both keys stay live until somebody decides." }
}

/** Says why a rotation did not end well, in words of ours: those of sinks and backends may name anything. */
export const failureOf = ({ _tag }: Reason): Failure => failures[_tag]

/** Whether the secret of a rotation goes into an answer. */
export const isInAnswer = ({ request }: Pick<RotationRecord, "request">): boolean => request.sink === toAsker

/** Whether a rotation waits for the asker to say that it has the secret. */
export const awaitsConfirmation = (record: RotationRecord): boolean =>
  record.status === "needsAttention" &&
  isInAnswer(record) &&
  record.custody !== undefined &&
  record.handOffBegun &&
  !record.handedOver

/** The sink as the configuration names it; what may follow is the name of a key. */
export const sinkNameOf = ({ request }: Pick<RotationRecord, "request">): string => request.sink.split(":", 1)[0] ?? ""

const time = (at: number): DateTime.Utc => DateTime.makeUnsafe(at)

const timesOf = ({ createdAt, dueAt, overlapUntil, updatedAt }: RotationRecord) => ({
  ...(overlapUntil === undefined ? {} : { overlapUntil: time(overlapUntil) }),
  ...(dueAt === undefined ? {} : { dueAt: time(dueAt) }),
  createdAt: time(createdAt),
  updatedAt: time(updatedAt)
})

const revocationOf = ({ revocation }: RotationRecord): Pick<typeof wire.Rotation.Type, "revocation"> => {
  if (revocation === undefined) return {}
  return revocation.kind === "confirmed"
    ? { revocation: { confirmed: true } }
    : { revocation: { confirmed: false, boundMillis: revocation.bound, seen: revocation.seen } }
}

const expiryOf = ({ request: { expiry } }: RotationRecord) => (typeof expiry === "string" ? expiry : time(expiry.at))

const requestOf = (record: RotationRecord) => {
  const { holderCheck, overlap, probe } = record.request
  return {
    deliver: isInAnswer(record) ? ("response" as const) : ("sink" as const),
    ...(isInAnswer(record) ? {} : { sink: sinkNameOf(record) }),
    overlapMillis: overlap,
    expiry: expiryOf(record),
    ...(probe === undefined ? {} : { probe }),
    ...(holderCheck === undefined ? {} : { holderCheck })
  }
}

/** A rotation as every answer shows it. */
export const shown = (record: RotationRecord, tenant: string): typeof wire.Rotation.Type => {
  const { custody, failure, id, old, status, step, verified } = record
  const isStill = status === "needsAttention"
  return {
    id,
    tenant,
    key: old,
    ...(custody === undefined ? {} : { newKey: custody }),
    status,
    step,
    ...(isStill ? { awaiting: awaitsConfirmation(record) ? ("confirmation" as const) : ("decision" as const) } : {}),
    ...requestOf(record),
    handedOver: record.handedOver,
    ...(verified === undefined ? {} : { verified }),
    ...timesOf(record),
    retries: record.retries,
    ...revocationOf(record),
    stillUsed: record.stillUsed,
    ...(failure === undefined ? {} : { failure: failureOf(failure) })
  }
}
