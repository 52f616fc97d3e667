/** Drivers that say something false about themselves, in either direction. */
import type { ApiKey } from "@keyfold/core/ApiKey"
import { promised, type Capabilities } from "@keyfold/core/Capabilities"
import { DriverError, type Driver, type PageRequest } from "@keyfold/core/Driver"
import { NotFound } from "@keyfold/core/KeyStoreError"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { allOf, modest } from "./modest.ts"
import { capable, driverMutant, whole, type Base, type Mutant } from "./mutant.ts"

const notFound = new DriverError({ reason: new NotFound({}), sent: "maybe" })

/** The same driver under another declaration, which its documentation repeats. */
const declaring = (base: Base, capabilities: Capabilities): Base => ({
  capabilities,
  make: () => ({ ...base.make(), capabilities })
})

const liar = (
  wrong: string,
  base: Base,
  capabilities: Capabilities,
  caughtBy: ReadonlyArray<string>,
  mutate: (driver: Driver) => Driver = (driver) => driver
): Mutant => driverMutant(wrong, declaring(base, capabilities), mutate, caughtBy)

const modestly = (
  flags: Partial<Omit<Capabilities, "operations">>,
  operations: Partial<Capabilities["operations"]> = {}
): Capabilities => ({
  ...modest.capabilities,
  ...flags,
  operations: { ...modest.capabilities.operations, ...operations }
})

const without =
  (...names: ReadonlyArray<"get" | "usage" | "verify" | "identify" | "partition">) =>
  (driver: Driver): Driver => {
    const rest = { ...driver }
    for (const name of names) delete rest[name]
    return rest
  }

/** A backend whose lists show a revoked key for a while longer. */
const lagging = (driver: Driver): Driver => {
  const revokedAt = new Map<string, number>()
  const { list } = driver
  if (list.kind !== "pages") return driver
  const shows = (key: ApiKey, { statuses }: PageRequest, now: number): boolean =>
    key.status !== "revoked" || statuses.includes("revoked") || now - (revokedAt.get(key.id) ?? -Infinity) < 5000
  return {
    ...driver,
    revoke: (ref) =>
      Effect.tap(driver.revoke(ref), () =>
        Effect.map(Clock.currentTimeMillis, (now) => void revokedAt.set(ref.id, now))
      ),
    list: {
      kind: "pages",
      page: (request) =>
        Effect.zipWith(
          list.page({ ...request, statuses: ["active", "expired", "revoked"] }),
          Clock.currentTimeMillis,
          (found, now) => ({
            ...found,
            keys: found.keys
              .filter((key) => shows(key, request, now))
              .map((key) => (request.statuses.includes("revoked") ? key : { ...key, status: "active" }))
          })
        )
    }
  }
}

const revokingOwn = (driver: Driver): Driver => {
  const own = new Set<string>()
  return {
    ...driver,
    create: (request) => Effect.tap(driver.create(request), ({ key }) => Effect.sync(() => own.add(key.id))),
    revoke: (ref) => (own.has(ref.id) ? driver.revoke(ref) : Effect.fail(notFound))
  }
}

const asStream = (driver: Driver): Driver => ({ ...driver, list: { kind: "stream", open: () => allOf(driver) } })

const minding = (driver: Driver): Driver => {
  const { get } = driver
  return get === undefined
    ? driver
    : {
        ...driver,
        revoke: (ref) =>
          Effect.flatMap(get(ref), (key) =>
            ref.owner !== undefined && key.owner !== ref.owner ? Effect.fail(notFound) : driver.revoke(ref)
          )
      }
}

/** The mutants of what a driver declares. */
export const mutants = [
  liar("declares an expiry it drops", modest, modestly({ expiry: true }), [
    "create: an expiry reads back to the millisecond",
    "create: a key past its expiry reads as expired",
    "list: active and expired keys are told apart"
  ]),
  liar("declares tags it drops", modest, modestly({ tags: true }), ["create: tags read back"]),
  liar("declares scopes it drops", modest, modestly({ scopes: true }), [
    "create: scopes read back",
    "defaults: the default scopes are used where the spec names none, and only there",
    "defaults: portable scope names are translated there and back",
    "defaults: the backend is sent its own names of mapped scopes"
  ]),
  liar("declares owners it drops", modest, modestly({ owners: "optional" }), [
    "create: an owner reads back",
    "defaults: the default owner is used where the spec names none",
    "list: an owner's keys are listed alone"
  ]),
  liar("declares that secrets carry ids", modest, modestly({ identify: true }), [
    "identify: the id is read from the secret of a key",
    "identify: the id is read from the secret of a revoked key"
  ]),
  liar("declares that revoked keys are listed", modest, modestly({ listsRevoked: "always" }), [
    "list: revoked keys are listed when asked for",
    "revoke: a second revocation leaves the record alone",
    "revoke: a time of revocation is the time of the revocation"
  ]),
  liar("declares that revoked keys are found", modest, modestly({ getsRevoked: true }), [
    "get: a revoked key is found and says so",
    "revoke: a second revocation leaves the record alone",
    "revoke: a time of revocation is the time of the revocation"
  ]),
  liar("declares operation ids the backend does not know", modest, modestly({ createSafety: "idempotent" }), [
    "create: an operation id used before is a Conflict that names its key",
    "safeCreate: a create makes one key despite a lost answer",
    "safeCreate: a create makes one key despite a 500 after the backend acted",
    "safeCreate: a create makes one key despite an answer that cannot be read",
    "safeCreate: a create interrupted after the backend acted leaves no key",
    "safeCreate: a create that runs out of time is OutcomeUnknown and leaves no key",
    "safeCreate: a create leaves the keys of others and of other operations alone",
    "recovery: a create under way elsewhere is a Conflict, and nobody touches it",
    "recovery: recover revokes what a dead process left, and frees its operation id",
    "recovery: a create takes over from a dead process and leaves one key",
    "recovery: a sweep revokes orphans and nothing else",
    "recovery: a dry run finds orphans and changes nothing",
    "recovery: a sweep spares what is younger than it is told",
    "recovery: without a journal recover shows candidates and revokes none",
    "gaps: a driver has a function exactly where its operation is native"
  ]),
  liar("declares native pages", modest, modestly({ pagination: "native" }), [
    "list: native pages are asked for one by one, and no more than are consumed",
    "listPage: native pages come in the order of the listing",
    "gaps: a driver has a function exactly where its operation is native"
  ]),
  liar("declares counts it has not", modest, modestly({ usage: "exact" }, { usage: "derived" }), [
    "usage: a report has the declared precision and no number the backend does not know"
  ]),
  liar("declares verify without having it", modest, modestly({}, { verify: "native" }), [
    "verify: the secret of a new key is valid",
    "verify: the secret of a revoked key is not valid",
    "verify: a secret that was never issued is not valid",
    "verify: a text that is no secret is not valid",
    "verify: an outage is an error and never an answer",
    "failures: a 429 is RateLimited in every call",
    "failures: a refused connection is Network in every call",
    "interruption: interrupting verify aborts its request and sends no other",
    "interruption: interrupting a call that waits for its next attempt ends it",
    "secrets: nothing a successful call lets out holds a credential or a secret",
    "gaps: a driver has a function exactly where its operation is native"
  ]),
  liar(
    "declares native tenants it mixes",
    whole,
    capable(),
    ["tenancy: native partitions see nothing of each other"],
    (driver) => ({ ...driver, partition: () => driver })
  ),
  liar(
    "declares reads to be immediate that lag",
    whole,
    capable(),
    [
      "list: revoked keys are left out unless asked for",
      "revoke: a revoked key leaves the list, and no other does",
      "revoke: a key is revoked by its id alone as well",
      "revoke: a key is revoked the moment it was made",
      "revoke: revoking twice succeeds, or finds nothing where unknown ids are undocumented",
      "revoke: a key that others made is revoked too",
      "retries: a revocation whose answer was lost is finished",
      "retries: a revocation that failed is repeated",
      "concurrency: one key revoked many times at once is revoked"
    ],
    lagging
  ),
  liar(
    "declares that it revokes any key and revokes only its own",
    whole,
    capable(),
    [
      "revoke: a key that others made is revoked too",
      "safeCreate: a create interrupted after the backend acted leaves no key",
      "safeCreate: a create that runs out of time is OutcomeUnknown and leaves no key",
      "recovery: a create under way elsewhere is a Conflict, and nobody touches it"
    ],
    revokingOwn
  ),
  liar("declares revocations to be immediate that lag", whole, capable({ revocationLag: promised("1 second") }), [
    "revoke: a revocation says how long the secret may still be accepted"
  ]),
  liar("declares a limit it does not know", whole, capable({ quota: { source: "configured", limit: 10 } }), [
    "create: one key more than the limit is QuotaExceeded"
  ]),
  liar("declares that a second revocation moves the time", whole, capable({ repeatedRevoke: "movesTime" }), [
    "revoke: a second revocation changes the record"
  ]),
  liar(
    "declares an unknown id to be exact that depends on the owner",
    whole,
    capable(),
    ["revoke: a key that exists is never NotFound, whatever owner is given"],
    minding
  ),
  liar("declares an unknown id to be ambiguous that is exact", whole, capable({ revokeUnknown: "ambiguous" }), [
    "revoke: a key that exists is NotFound under a wrong owner"
  ]),
  liar("declares that it revokes only what it created", whole, capable({ revokes: "ownCreationsOnly" }), [
    "revoke: a key that others made cannot be revoked and stays"
  ]),
  liar("hides that secrets carry ids", whole, capable({ identify: false }), [
    "identify: no id is read where secrets carry none"
  ]),
  liar("hides that revoked keys are found", whole, capable({ getsRevoked: false }), ["get: a revoked key is NotFound"]),
  liar("hides that revoked keys are listed", whole, capable({ listsRevoked: "never" }), [
    "gaps: a backend declared to hide revoked keys lists none"
  ]),
  liar("hides that keys expire", whole, capable({ expiry: false }), [
    "gaps: a backend declared without expiry keeps none"
  ]),
  liar("hides that keys have tags", whole, capable({ tags: false }), [
    "gaps: a backend declared without tags keeps none"
  ]),
  liar("hides that keys have scopes", whole, capable({ scopes: false }), [
    "gaps: a backend declared without scopes keeps none"
  ]),
  liar("hides that keys have owners", whole, capable({ owners: "unsupported" }), [
    "gaps: a backend declared without owners keeps none"
  ]),
  liar("hides that it verifies", whole, capable({}, { verify: "unsupported" }), [
    "gaps: a driver has a function exactly where its operation is native"
  ]),
  liar("hides that it counts", whole, capable({ usage: "unknown" }, { usage: "unsupported" }), [
    "gaps: a driver has a function exactly where its operation is native"
  ]),
  liar("hides that it pages", whole, capable({ pagination: "derived" }), [
    "listPage: derived pages are slices in the order of ids",
    "gaps: a driver has a function exactly where its operation is native"
  ]),
  liar("hides that it knows operation ids", whole, capable({ createSafety: "none" }), [
    "create: an operation id used before makes another key where the backend does not know it",
    "gaps: a driver has a function exactly where its operation is native"
  ]),
  liar("hides that it keeps tenants apart", whole, capable({ tenancy: "none" }), [
    "tenancy: a driver without native tenancy has no partitions"
  ]),
  liar("reports counts with another precision than it declares", whole, capable({ usage: "approximate" }), [
    "usage: a report has the declared precision and no number the backend does not know",
    "usage: uses that verify accepted are counted for their key alone"
  ]),
  liar(
    "declares native get and derives it",
    whole,
    capable(),
    ["gaps: a driver has a function exactly where its operation is native"],
    without("get")
  ),
  liar(
    "pages only by name",
    whole,
    capable(),
    [
      "list: revoked keys are listed when asked for",
      "listPage: native pages come in the order of the listing",
      "gaps: a driver has a function exactly where its operation is native"
    ],
    asStream
  ),
  driverMutant(
    "is documented to do less than it does",
    { ...whole, capabilities: capable({ tags: false }) },
    (driver) => driver,
    [
      "declared: the store declares exactly the capabilities it is documented with",
      "declared: a requirement that is not met keeps the store from booting",
      "create: tags are Unsupported and send nothing",
      "gaps: a backend declared without tags keeps none"
    ]
  ),
  driverMutant(
    "is documented to do more than it does",
    { make: modest.make, capabilities: modestly({ getsRevoked: true }) },
    (driver) => driver,
    [
      "declared: the store declares exactly the capabilities it is documented with",
      "declared: a store boots with every requirement it meets",
      "get: a revoked key is found and says so",
      "revoke: a second revocation leaves the record alone",
      "revoke: a time of revocation is the time of the revocation"
    ]
  )
]
