/** The points of a rotation where its process ends: after everything that is recorded, at a backend, or at its sink. */
import { isDatabase, type BackendName } from "../chaos/backend.ts"

/**
 * What is asked of a rotation, and what befalls it besides the end of its process.
 *
 * `whole`: nothing. `lost`: the answer to its first create gets lost. `refused`: the probe refuses the new key. `again`: a
 * second process ends while it settles what the first one left. `decided`: it comes to stand still, and is then decided.
 * `aborted`: it is aborted during its overlap.
 */
export type Path = "whole" | "lost" | "refused" | "again" | "decided" | "aborted"

/** A point, and how often it is passed before it counts; 1 where that is not said. */
export interface Trap {
  readonly point: string
  readonly nth?: number
}

/** One seeded run: a path, and where its first process ends, and its second where there are two. */
export interface Course {
  readonly path: Path
  readonly traps: ReadonlyArray<Trap>
}

/** Where a request is when its process ends: nobody gets the answer. */
export type Passage = "arrived" | "committed"

/** The call and the passage of a point that lies at a backend; undefined for all others. */
export const passageOf = ({
  point
}: Trap): { readonly call: "create" | "revoke"; readonly at: Passage } | undefined => {
  const found = /\/(create|revoke)\.(arrived|committed)$/.exec(point)
  const [, call, at] = found ?? []
  return (call === "create" || call === "revoke") && (at === "arrived" || at === "committed") ? { call, at } : undefined
}

/** The name of a point in the report. */
export const nameOf = ({ nth = 1, point }: Trap): string => (nth === 1 ? point : `${point} (${nth})`)

/** Whether a backend tells by itself whether a secret works; elsewhere the rotation has a probe. */
export const verifies = (backend: BackendName): boolean => backend === "whylabs-v1" || isDatabase(backend)

const onTheWire = (backend: BackendName, ...points: ReadonlyArray<string>): ReadonlyArray<string> =>
  isDatabase(backend) ? [] : points

const whole = (backend: BackendName): ReadonlyArray<Trap> => [
  ...[
    "start/insert",
    "plan/claim",
    "plan/read",
    "plan/conclude",
    "mint/claim",
    "mint/lease",
    "mint/journal.claim",
    ...onTheWire(backend, "mint/create.arrived", "mint/create.committed"),
    "mint/create",
    "mint/journal.minted",
    verifies(backend) ? "mint/verify" : "mint/probe",
    "mint/custody",
    "mint/journal.delivered",
    "mint/handOffBegun",
    "mint/written",
    "mint/handedOver",
    "mint/conclude",
    "holderCheck/claim",
    "holderCheck/asked",
    "holderCheck/conclude",
    "overlap/claim",
    "overlap/conclude",
    "overlap/timer"
  ].map((point) => ({ point })),
  { point: "overlap/claim", nth: 2 },
  { point: "overlap/conclude", nth: 2 },
  ...[
    "revoke/claim",
    "revoke/holds",
    "revoke/revokeBegun",
    ...onTheWire(backend, "revoke/revoke.arrived", "revoke/revoke.committed"),
    "revoke/revoke",
    "revoke/conclude",
    "confirm/claim",
    "confirm/conclude"
  ].map((point) => ({ point }))
]

const lost = (backend: BackendName): ReadonlyArray<Trap> => [
  // What an idempotent backend may have made is replaced by the next attempt; elsewhere it is looked for and revoked.
  ...(isDatabase(backend) ? [] : [{ point: "mint/read" }, { point: "mint/revoke" }]),
  { point: "mint/journal.attempt" },
  isDatabase(backend) ? { point: "mint/create", nth: 1 } : { point: "mint/create" }
]

const refused: ReadonlyArray<Trap> = [
  { point: "mint/revoke" },
  { point: "mint/journal.abandon" },
  { point: "mint/conclude" },
  { point: "undo/claim" },
  { point: "undo/conclude" }
]

const discarding: ReadonlyArray<Trap> = [
  { point: "mint/claim" },
  { point: "mint/discard" },
  { point: "mint/revoke" },
  { point: "mint/discarded" }
]

const recovering: ReadonlyArray<Trap> = [
  { point: "mint/journal.claim" },
  { point: "mint/read" },
  { point: "mint/revoke" },
  { point: "mint/journal.abandon" },
  { point: "mint/journal.claim", nth: 2 },
  { point: "mint/create" }
]

const deciding: ReadonlyArray<Trap> = [
  { point: "mint/decided" },
  { point: "revoke/claim" },
  { point: "revoke/revoke" },
  { point: "revoke/conclude" },
  { point: "confirm/conclude" }
]

/** Every course of one backend; each kills at another point. */
export const coursesOf = (backend: BackendName): ReadonlyArray<Course> => {
  const unanswered: Trap = { point: isDatabase(backend) ? "mint/create" : "mint/create.committed" }
  return [
    ...whole(backend).map((trap): Course => ({ path: "whole", traps: [trap] })),
    ...lost(backend).map((trap): Course => ({ path: "lost", traps: [trap] })),
    ...refused.map((trap): Course => ({ path: "refused", traps: [trap] })),
    ...discarding.map((trap): Course => ({ path: "again", traps: [{ point: "mint/custody" }, trap] })),
    ...recovering.map((trap): Course => ({ path: "again", traps: [unanswered, trap] })),
    ...deciding.map((trap): Course => ({ path: "decided", traps: [{ point: "mint/handOffBegun" }, trap] })),
    { path: "aborted", traps: [{ point: "overlap/aborted" }] }
  ]
}

/** The name under which the ends of a course are counted: those of its last trap. */
export const pointOf = ({ path, traps }: Course): string => {
  const [first, second] = traps
  const last = second ?? first
  if (last === undefined) return path
  return second === undefined || first === undefined
    ? `${path}: ${nameOf(last)}`
    : `${path} after ${nameOf(first)}: ${nameOf(last)}`
}
