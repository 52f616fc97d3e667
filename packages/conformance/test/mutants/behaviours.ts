/** Drivers that do one thing wrong. */
import { KeyId, type ApiKey } from "@keyfold/core/ApiKey"
import { DriverError, type CreateRequest, type Driver } from "@keyfold/core/Driver"
import { NotFound, RateLimited, Unavailable } from "@keyfold/core/KeyStoreError"
import { isAmbiguous } from "@keyfold/core/RetryPolicy"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { changingCreate, changingKeys, nativeOf } from "./changes.ts"
import { slow, uncounting } from "./modest.ts"
import { driverMutant, whole } from "./mutant.ts"

const notFound = new DriverError({ reason: new NotFound({}), sent: "maybe" })

/** Half past five hours, as in Kolkata. */
const zone = { minutes: 330 }
const shifted = (key: ApiKey): ApiKey => ({
  ...key,
  ...(key.createdAt === undefined ? {} : { createdAt: DateTime.add(key.createdAt, zone) })
})

const expiryShifted = (key: ApiKey): ApiKey => ({
  ...key,
  ...(key.expiresAt === undefined ? {} : { expiresAt: DateTime.subtract(key.expiresAt, zone) })
})

/** Asks for another key where the first may have been made. */
export const retriesCreate = (driver: Driver): Driver => {
  let repetition = 0
  const create: Driver["create"] = (request) =>
    Effect.catchIf(driver.create(request), isAmbiguous, () => {
      repetition += 1
      // The backend is asked for another key.
      return driver.create({
        ...request,
        operationId: `${request.operationId}#${repetition}` as CreateRequest["operationId"]
      })
    })
  return { ...driver, create }
}

const reusesKeys = (driver: Driver): Driver => {
  const known = new Map<string, Effect.Success<ReturnType<Driver["create"]>>>()
  return {
    ...driver,
    create: (request) => {
      const existing = known.get(request.name ?? "")
      return existing !== undefined && existing.key.name === "the same name"
        ? Effect.succeed(existing)
        : Effect.tap(driver.create(request), (issued) => Effect.sync(() => known.set(request.name ?? "", issued)))
    }
  }
}

const revokesOnce = (driver: Driver): Driver => ({
  ...driver,
  revoke: (ref) =>
    Effect.flatMap(driver.revoke(ref), (revocation) =>
      revocation.alreadyRevoked === true ? Effect.fail(notFound) : Effect.succeed(revocation)
    )
})

const movesTime = (driver: Driver): Driver => {
  const times = new Map<string, DateTime.Utc>()
  const moved = (key: ApiKey): ApiKey => {
    const revokedAt = times.get(key.id)
    return revokedAt === undefined || key.status !== "revoked" ? key : { ...key, revokedAt }
  }
  return {
    ...changingKeys(moved)(driver),
    revoke: (ref) =>
      Effect.tap(driver.revoke(ref), () => Effect.map(DateTime.now, (now) => void times.set(ref.id, now)))
  }
}

const forgives404 = (driver: Driver): Driver => ({
  ...driver,
  revoke: (ref) =>
    Effect.catchIf(
      driver.revoke(ref),
      (error) => error.reason._tag === "NotFound",
      () => Effect.succeed({ id: ref.id, alreadyRevoked: true, effectiveWithin: Duration.zero })
    )
})

const neverRevokes = (driver: Driver): Driver => ({
  ...driver,
  revoke: (ref) => Effect.map(nativeOf(driver).get(ref), ({ id }) => ({ id, effectiveWithin: Duration.zero }))
})

const outageIsInvalid = (driver: Driver): Driver => ({
  ...driver,
  verify: (secret) => Effect.orElseSucceed(nativeOf(driver).verify(secret), () => ({ valid: false }) as const)
})

const trustsShape = (driver: Driver): Driver => {
  const { identify, verify } = nativeOf(driver)
  return {
    ...driver,
    verify: (secret) =>
      Effect.map(verify(secret), (answer) =>
        !answer.valid && answer.reason === "unknown" && Option.isSome(identify(secret)) ? { valid: true } : answer
      )
  }
}

const uninterruptible = (driver: Driver): Driver => {
  const { get, page, usage, verify } = nativeOf(driver)
  return {
    ...driver,
    create: (request) => Effect.uninterruptible(driver.create(request)),
    get: (ref) => Effect.uninterruptible(get(ref)),
    list: { kind: "pages", page: (request) => Effect.uninterruptible(page(request)) },
    revoke: (ref) => Effect.uninterruptible(driver.revoke(ref)),
    usage: (ref) => Effect.uninterruptible(usage(ref)),
    verify: (secret) => Effect.uninterruptible(verify(secret))
  }
}

const identifyAsks = (driver: Driver): Driver => {
  const { get, identify } = nativeOf(driver)
  return {
    ...driver,
    identify: (secret) => {
      const ref = identify(secret)
      if (Option.isSome(ref)) Effect.runFork(get(ref.value))
      return ref
    }
  }
}

const zeroUsage = (driver: Driver): Driver => {
  const { usage } = driver
  return usage === undefined
    ? driver
    : { ...driver, usage: (ref) => Effect.map(usage(ref), (report) => ({ ...report, completedRequests: 0 })) }
}

const forgetsRetryAfter = (driver: Driver): Driver => {
  const { get, page } = nativeOf(driver)
  const forget = <A>(call: Effect.Effect<A, DriverError>): Effect.Effect<A, DriverError> =>
    Effect.mapError(call, (error) => {
      if (error.reason._tag === "RateLimited") return new DriverError({ reason: new RateLimited({}), sent: error.sent })
      return error.reason._tag === "Unavailable"
        ? new DriverError({ reason: new Unavailable({}), sent: error.sent })
        : error
    })
  return {
    ...driver,
    get: (ref) => forget(get(ref)),
    list: { kind: "pages", page: (request) => forget(page(request)) }
  }
}

const blamesTheKey = (driver: Driver): Driver => ({
  ...driver,
  get: (ref) =>
    Effect.catchIf(
      nativeOf(driver).get(ref),
      (error) => error.reason._tag === "Network",
      () => Effect.fail(notFound)
    )
})

const countsForAll = (driver: Driver): Driver => {
  let uses = 0
  const { usage, verify } = nativeOf(driver)
  return {
    ...driver,
    verify: (secret) => Effect.tap(verify(secret), () => Effect.sync(() => void (uses += 1))),
    usage: (ref) => Effect.map(usage(ref), (report) => ({ ...report, completedRequests: uses }))
  }
}

/** One slot for what is under way: creates at once overwrite each other's name. */
const sharesSlot = (driver: Driver): Driver => {
  let slot: CreateRequest | undefined
  return {
    ...driver,
    create: (request) => {
      slot = request
      return Effect.andThen(
        Effect.yieldNow,
        Effect.suspend(() => driver.create({ ...request, name: slot?.name }))
      )
    }
  }
}

const lateRefusals = (driver: Driver): Driver => {
  const { verify } = nativeOf(driver)
  return {
    ...driver,
    verify: (secret) =>
      Effect.map(verify(secret), (answer) => (!answer.valid && answer.reason === "revoked" ? { valid: true } : answer))
  }
}

/** The mutants of what a driver does. */
export const mutants = [
  driverMutant("retries a create that may have been done", whole, retriesCreate, [
    "safeCreate: a create makes one key despite a lost answer",
    "safeCreate: a create makes one key despite a 500 after the backend acted",
    "safeCreate: a create makes one key despite an answer that cannot be read",
    "safeCreate: a create leaves the keys of others and of other operations alone"
  ]),
  driverMutant("gives a key of the same name again", whole, reusesKeys, [
    "create: keys of the same name differ in id and secret"
  ]),
  driverMutant("reads the creation time in the local zone", whole, changingKeys(shifted), [
    "create: a creation time is the time of creation"
  ]),
  driverMutant("reads the expiry in the local zone", whole, changingKeys(expiryShifted), [
    "create: an expiry reads back to the millisecond",
    "create: a key past its expiry reads as expired"
  ]),
  driverMutant(
    "drops an expiry in silence",
    whole,
    changingCreate((request) => ({ ...request, expiresAt: undefined })),
    [
      "create: an expiry reads back to the millisecond",
      "create: a key past its expiry reads as expired",
      "list: active and expired keys are told apart",
      "verify: the secret of an expired key is not valid"
    ]
  ),
  driverMutant(
    "drops tags in silence",
    whole,
    changingCreate((request) => ({ ...request, tags: {} })),
    ["create: tags read back"]
  ),
  driverMutant(
    "drops scopes in silence",
    whole,
    changingCreate((request) => ({ ...request, scopes: [] })),
    [
      "create: scopes read back",
      "defaults: the default scopes are used where the spec names none, and only there",
      "defaults: portable scope names are translated there and back",
      "defaults: the backend is sent its own names of mapped scopes"
    ]
  ),
  driverMutant(
    "gives a key without scopes the default ones",
    whole,
    changingCreate((request) => (request.scopes.length === 0 ? { ...request, scopes: ["user"] } : request)),
    [
      "create: an explicit empty list of scopes makes a key without any",
      "defaults: the default scopes are used where the spec names none, and only there"
    ]
  ),
  driverMutant(
    "loses the owner",
    whole,
    changingCreate((request) => ({ ...request, owner: undefined })),
    [
      "create: an owner reads back",
      "defaults: the default owner is used where the spec names none",
      "list: an owner's keys are listed alone"
    ]
  ),
  driverMutant(
    "cuts a long name in silence",
    whole,
    changingCreate((request) => ({ ...request, name: request.name?.slice(0, 20) })),
    ["create: a name of many scripts reads back as it was given"]
  ),
  driverMutant(
    "takes a name for Latin-1",
    whole,
    changingKeys((key) => ({
      ...key,
      ...(key.name === undefined ? {} : { name: key.name.replaceAll(/[\u0100-\uffff]/g, "?") })
    })),
    ["create: a name of many scripts reads back as it was given"]
  ),
  driverMutant("treats a 404 on revoke as success the first time", whole, forgives404, [
    "revoke: an unknown id is NotFound",
    "secrets: a secret in place of an id or a cursor is not repeated"
  ]),
  driverMutant("says revoked and does nothing", whole, neverRevokes, [
    "get: a revoked key is found and says so",
    "list: revoked keys are left out unless asked for",
    "list: revoked keys are listed when asked for",
    "revoke: a revoked key leaves the list, and no other does",
    "revoke: a key is revoked by its id alone as well",
    "revoke: a key is revoked the moment it was made",
    "revoke: revoking twice succeeds, or finds nothing where unknown ids are undocumented",
    "revoke: a time of revocation is the time of the revocation",
    "revoke: a key that others made is revoked too",
    "revoke: a key that exists is never NotFound, whatever owner is given",
    "verify: the secret of a revoked key is not valid",
    "retries: a revocation whose answer was lost is finished",
    "retries: a revocation of a brand-new key whose answer was lost is finished",
    "retries: a revocation that failed is repeated",
    "safeCreate: a create interrupted after the backend acted leaves no key",
    "safeCreate: a create that runs out of time is OutcomeUnknown and leaves no key",
    "recovery: a create under way elsewhere is a Conflict, and nobody touches it",
    "recovery: recover revokes what a dead process left, and frees its operation id",
    "recovery: a sweep revokes orphans and nothing else",
    "recovery: a sweep spares what is younger than it is told",
    "recovery: a key whose sink fails is revoked and NotDelivered",
    "concurrency: one key revoked many times at once is revoked"
  ]),
  driverMutant("fails a second revocation", whole, revokesOnce, [
    "revoke: revoking twice succeeds, or finds nothing where unknown ids are undocumented",
    "revoke: a second revocation leaves the record alone",
    "concurrency: one key revoked many times at once is revoked"
  ]),
  driverMutant("moves the time of a revocation", whole, movesTime, [
    "revoke: a second revocation leaves the record alone"
  ]),
  driverMutant("reads an outage as an invalid secret", whole, outageIsInvalid, [
    "verify: an outage is an error and never an answer",
    "failures: a 429 is RateLimited in every call",
    "failures: a refused connection is Network in every call",
    "interruption: interrupting a call that waits for its next attempt ends it"
  ]),
  driverMutant("accepts whatever looks like a secret", whole, trustsShape, [
    "verify: a secret that was never issued is not valid"
  ]),
  driverMutant("goes on accepting the secret of a revoked key", slow, lateRefusals, [
    "verify: the secret of a revoked key is not valid"
  ]),
  driverMutant("cannot be interrupted", whole, uninterruptible, [
    "safeCreate: a create interrupted before the backend acts leaves no key",
    "safeCreate: a create interrupted after the backend acted leaves no key",
    "safeCreate: a create that runs out of time is OutcomeUnknown and leaves no key",
    "recovery: a create under way elsewhere is a Conflict, and nobody touches it",
    "interruption: interrupting create aborts its request and makes nothing",
    "interruption: interrupting get aborts its request and sends no other",
    "interruption: interrupting list aborts its request and sends no other",
    "interruption: interrupting revoke aborts its request and sends no other",
    "interruption: interrupting usage aborts its request and sends no other",
    "interruption: interrupting verify aborts its request and sends no other"
  ]),
  driverMutant("asks the backend to identify a secret", whole, identifyAsks, ["identify: reading an id sends nothing"]),
  driverMutant(
    "identifies every text",
    whole,
    (driver) => ({ ...driver, identify: () => Option.some({ id: KeyId.make("some-key") }) }),
    [
      "identify: the id is read from the secret of a key",
      "identify: the id is read from the secret of a revoked key",
      "identify: no id is read from foreign secrets"
    ]
  ),
  driverMutant("reports zero for counts it does not know", uncounting, zeroUsage, [
    "usage: a report has the declared precision and no number the backend does not know"
  ]),
  driverMutant("counts the uses of all keys for each", whole, countsForAll, [
    "usage: uses that verify accepted are counted for their key alone"
  ]),
  driverMutant("forgets how long the backend asks to wait", whole, forgetsRetryAfter, [
    "failures: a 503 keeps the time it asks to wait",
    "retries: a 429 is repeated no earlier than it asks",
    "retries: a 503 is repeated no earlier than it asks",
    "retries: a wait above the cap is passed on at once",
    "interruption: interrupting a call that waits for its next attempt ends it"
  ]),
  driverMutant("reads a broken connection as a missing key", whole, blamesTheKey, [
    "failures: a refused connection is Network in every call",
    "failures: a broken connection is Network in every read",
    "retries: a read that fails twice succeeds at the third attempt"
  ]),
  driverMutant("mixes up creates that run at once", whole, sharesSlot, [
    "concurrency: keys made at once are as many keys"
  ])
]
