/** What rotations fail with, as the problems that are answered. */
import { KeyId } from "@keyfold/core/ApiKey"
import type { Reason, RotationError } from "@keyfold/lifecycle/Rotation"
import type { RotationRecord } from "@keyfold/lifecycle/RotationStorage"
import { make as problem, type Details, type Name, type Problem } from "../../Problem.ts"
import { fromReason } from "../problems.ts"
import { failureOf } from "./shown.ts"

/** The tenant has no such rotation; whether another has one is nobody's business. */
export const unknown: Problem = problem("unknown-rotation", "No rotation with this id is visible to this tenant.")

/** Says that the configuration has no rotations. */
export const unconfigured: Problem = problem(
  "unconfigured",
  "Rotations are not set up at this gateway: its configuration needs a journal and a member rotations."
)

/** Says what in a body is not accepted. */
export const ofField = (name: Name, pointer: string, detail: string): Problem =>
  problem(name, detail, { field: pointer, errors: [{ in: "body", pointer, detail }] })

const members = { sink: "/sink", probe: "/probe", holderCheck: "/holderCheck" } as const

const missing = (what: keyof typeof members): Problem =>
  ofField("unconfigured", members[what], "The gateway's configuration has nothing usable of this name.")

const fields: Readonly<Record<string, string>> = { overlap: "/overlapMillis", holderCheckWithin: "/holderCheckMillis" }

const names: { readonly [Tag in Exclude<Reason["_tag"], "Unconfigured" | "InvalidRequest">]: Name } = {
  NotFound: "unknown-rotation",
  Conflict: "conflict",
  QuotaExceeded: "quota-exceeded",
  Unsupported: "unsupported",
  Unavailable: "unavailable",
  StrandsKeys: "refused-by-store",
  Undone: "rotation-undone",
  NeedsAttention: "needs-attention"
}

const fromMember = (field: string | undefined, text: string): Problem => {
  const known = field === undefined ? undefined : (fields[field] ?? `/${field}`)
  return known === undefined ? problem("refused-by-store", text) : ofField("refused-by-store", known, text)
}

const detailOf = (reason: Reason): string => {
  switch (reason._tag) {
    case "Conflict":
      return "A rotation of this key is not over, or what was asked for comes too late."
    case "NeedsAttention":
      return "The holder is not known to have the new key, so both keys stay live. Confirm that it has, or resolve the rotation."
    default:
      return failureOf(reason).detail
  }
}

const fromRotationReason = (reason: Reason, details: Details): Problem => {
  switch (reason._tag) {
    case "Unconfigured":
      return reason.what === "store" || reason.what === "journal"
        ? problem(
            "unavailable",
            "The store of this tenant cannot be rotated at the moment. The gateway's log says why."
          )
        : missing(reason.what)
    case "InvalidRequest":
      return fromMember(reason.field, reason.problem)
    case "NotFound":
      return unknown
    default:
      return problem(names[reason._tag], detailOf(reason), details)
  }
}

/** Turns what a rotation failed with into a problem. */
export const fromRotation = ({ reason }: RotationError, rotationId?: string): Problem =>
  fromRotationReason(reason, rotationId === undefined ? {} : { rotationId })

/** What a rotation came to that had to hand over a secret and did not. */
export const fromEnd = ({ failure, id, old }: RotationRecord): Problem => {
  if (failure?._tag === "Undone" && failure.reason !== undefined) return fromReason(failure.reason)
  if (failure?._tag === "NotFound") return problem("unknown-key", "No key with this id is visible to this tenant.")
  if (failure?._tag === "InvalidRequest" && failure.field === "key") {
    return problem("refused-by-store", "Only an active key can be rotated.", { rotationId: id })
  }
  return failure === undefined
    ? problem("operation-under-way", `Key ${KeyId.make(old.id)} is being rotated.`, { rotationId: id })
    : fromRotationReason(failure, { rotationId: id })
}
