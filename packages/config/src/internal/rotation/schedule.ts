/** Schedules of rotations, as stores and tenants state them. */
import * as Selector from "@keyfold/lifecycle/Selector"
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Path } from "../document.ts"
import { Time } from "../policies.ts"

const named = (what: string) => Schema.String.annotate({ expected: `the name of a ${what}` }).check(Schema.isNonEmpty())

const Fields = Schema.Struct({
  every: Time.annotateKey({ description: "A key is rotated once it is this old, such as 90d." }),
  overlap: Time.annotateKey({ description: "How long both keys work once the holder has the new one, such as 24h." }),
  sink: named("sink").annotateKey({ description: "Where the new secret goes; one of rotations.sinks." }),
  where: Schema.optionalKey(
    Schema.String.annotateKey({ description: "Only keys that this selector means; all of them when omitted." })
  ),
  probe: Schema.optionalKey(
    named("probe").annotateKey({ description: "What tells whether the new key works; one of rotations.probes." })
  ),
  holderCheck: Schema.optionalKey(
    named("holder's check").annotateKey({
      description: "What tells whether the holder works with the new key; one of rotations.holderChecks."
    })
  ),
  holderCheckWithin: Schema.optionalKey(
    Time.annotateKey({ description: "How long the holder may take; 5 minutes when omitted." })
  ),
  expiry: Schema.optionalKey(
    Schema.Literals(["keep", "sameLifetime"]).annotateKey({
      description: "When the new key expires: when the old one does, or as long after its making (when omitted)."
    })
  )
})

const objection = ({ every, overlap, where }: typeof Fields.Type) => {
  if (Duration.toMillis(every) === 0) return { path: ["every"], issue: "expected a time above zero." }
  if (Duration.isGreaterThanOrEqualTo(overlap, every)) {
    const issue = `expected less than every (${Duration.format(every)}), found ${Duration.format(overlap)}.`
    return { path: ["overlap"], issue }
  }
  const selector = where === undefined ? undefined : Selector.parse(where)
  return selector !== undefined && Result.isFailure(selector)
    ? { path: ["where"], issue: selector.failure.message }
    : undefined
}

/** One schedule. */
export const Schedule = Fields.check(Schema.makeFilter(objection))

const howToWrite = "a mapping with every, overlap and sink, or a list of such mappings"

const Several = Schema.Array(Schedule).check(
  Schema.makeFilter((schedules) => schedules.length > 0, { expected: howToWrite })
)

/** What a store or a tenant says about the rotation of its keys: one schedule or several, the first that fits counts. */
export const Rotation = Schema.Union([Schedule, Several]).annotate({ expected: howToWrite })

/** The type of what is said. */
export type Rotation = typeof Rotation.Type

/** A schedule, whose keys it is about, and where it is written. */
export interface Placed {
  readonly base: Path
  readonly store: string
  readonly tenant: string | undefined
  readonly schedule: typeof Schedule.Type
}

/** Takes the schedules of a store or tenant apart. */
export const placed = (
  base: Path,
  store: string,
  tenant: string | undefined,
  rotation: Rotation | undefined
): ReadonlyArray<Placed> => {
  if (rotation === undefined) return []
  const at = [...base, "rotation"]
  // A list has an `every` too.
  return "overlap" in rotation
    ? [{ base: at, store, tenant, schedule: rotation }]
    : rotation.map((schedule, index) => ({ base: [...at, index], store, tenant, schedule }))
}
