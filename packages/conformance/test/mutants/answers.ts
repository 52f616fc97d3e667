/** Drivers that give a wrong answer, or take an answer for what it is not. */
import { type ApiKey, type KeyRef } from "@keyfold/core/ApiKey"
import { DriverError, type Driver, type PageRequest } from "@keyfold/core/Driver"
import {
  InvalidRequest,
  InvalidResponse,
  PermissionDenied,
  Unauthenticated,
  Unavailable,
  type Reason
} from "@keyfold/core/KeyStoreError"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { changingPage } from "./changes.ts"
import { modest, owned } from "./modest.ts"
import { driverMutant, whole } from "./mutant.ts"

type Tag = Reason["_tag"]

/** Takes one reason for another in the calls named. */
export const mistaking =
  (from: Tag, to: Reason, operations: ReadonlyArray<"create" | "get" | "list" | "revoke">) =>
  (driver: Driver): Driver => {
    const mistake = <A>(call: Effect.Effect<A, DriverError>) =>
      Effect.mapError(call, (error) =>
        error.reason._tag === from ? new DriverError({ reason: to, sent: error.sent }) : error
      )
    const { get, list } = driver
    return {
      ...driver,
      ...(operations.includes("create") ? { create: (request) => mistake(driver.create(request)) } : {}),
      ...(operations.includes("revoke") ? { revoke: (ref: KeyRef) => mistake(driver.revoke(ref)) } : {}),
      ...(operations.includes("get") && get !== undefined ? { get: (ref: KeyRef) => mistake(get(ref)) } : {}),
      ...(operations.includes("list") && list.kind === "pages"
        ? { list: { kind: "pages", page: (request: PageRequest) => mistake(list.page(request)) } }
        : {})
    }
  }

const reporting =
  (change: (usage: NonNullable<Driver["usage"]>, ref: KeyRef) => ReturnType<NonNullable<Driver["usage"]>>) =>
  (driver: Driver): Driver => {
    const { usage } = driver
    return usage === undefined ? driver : { ...driver, usage: (ref) => change(usage, ref) }
  }

const creating =
  (change: (key: ApiKey) => ApiKey) =>
  (driver: Driver): Driver => ({
    ...driver,
    create: (request) => Effect.map(driver.create(request), (issued) => ({ ...issued, key: change(issued.key) }))
  })

const finding =
  (change: (key: ApiKey) => ApiKey) =>
  (driver: Driver): Driver => {
    const { get } = driver
    return get === undefined ? driver : { ...driver, get: (ref) => Effect.map(get(ref), change) }
  }

const nameless = ({ name: _name, ...key }: ApiKey): ApiKey => key

const madeUp = (driver: Driver): Driver => {
  const { get } = driver
  return get === undefined
    ? driver
    : {
        ...driver,
        get: (ref) =>
          Effect.catchIf(
            get(ref),
            (error) => error.reason._tag === "NotFound",
            () => Effect.succeed<ApiKey>({ id: ref.id, scopes: [], status: "active", tags: {}, provider: {} })
          )
      }
}

const hopeful = (driver: Driver): Driver => ({
  ...driver,
  revoke: (ref) =>
    Effect.catchIf(
      driver.revoke(ref),
      (error) => error.reason._tag === "PermissionDenied",
      () => Effect.succeed({ id: ref.id, effectiveWithin: Duration.zero })
    )
})

const neverSure = (driver: Driver): Driver => ({
  ...driver,
  create: (request) =>
    Effect.mapError(driver.create(request), ({ reason }) => new DriverError({ reason, sent: "maybe" }))
})

/** The mutants of answers. */
export const mutants = [
  driverMutant(
    "calls a new key expired",
    whole,
    creating((key) => ({ ...key, status: "expired" })),
    ["create: a new key is active and comes with a redacted secret", "get: a key is found by its id"]
  ),
  driverMutant(
    "calls a key without a name unnamed",
    whole,
    creating((key) => ({ name: "unnamed", ...key })),
    ["create: a key created without a name has none, or that of its operation"]
  ),
  driverMutant(
    "gives a key without an owner to root",
    whole,
    creating((key) => ({ owner: "root", ...key })),
    ["create: a key without an owner has none"]
  ),
  driverMutant("finds a key without its name", whole, finding(nameless), [
    "create: a name of many scripts reads back as it was given",
    "get: a key is found by its id",
    "get: get and list agree on a key"
  ]),
  driverMutant("makes up a key it does not find", whole, madeUp, [
    "get: an unknown id is NotFound",
    "secrets: a secret in place of an id or a cursor is not repeated"
  ]),
  driverMutant(
    "hides an owner's revoked keys",
    owned,
    changingPage((page, request) =>
      page({ ...request, statuses: request.statuses.filter((status) => status !== "revoked") })
    ),
    ["list: revoked keys of one owner are listed when asked for"]
  ),
  driverMutant(
    "reads a missing collection as an empty one",
    whole,
    changingPage((page, request) =>
      Effect.catchIf(
        page(request),
        (error) => error.reason._tag === "NotFound",
        () => Effect.succeed({ keys: [] })
      )
    ),
    ["failures: a 404 to a list is an error and no empty list"]
  ),
  driverMutant(
    "repeats a refusal",
    whole,
    changingPage((page, request) =>
      Effect.catchIf(
        page(request),
        (error) => error.reason._tag === "PermissionDenied",
        () => page(request)
      )
    ),
    ["retries: a refusal is not repeated"]
  ),
  driverMutant(
    "reports the time of asking as that of the last use",
    whole,
    reporting((usage, ref) =>
      Effect.zipWith(usage(ref), DateTime.now, (report, now) => ({ ...report, lastUsedAt: now }))
    ),
    [
      "usage: a key that was never used has no time of last use",
      "usage: uses that verify accepted are counted for their key alone"
    ]
  ),
  driverMutant(
    "reads the time of last use in the local zone",
    whole,
    reporting((usage, ref) =>
      Effect.map(usage(ref), ({ lastUsedAt, ...report }) =>
        lastUsedAt === undefined ? report : { ...report, lastUsedAt: DateTime.subtract(lastUsedAt, { minutes: 330 }) }
      )
    ),
    ["usage: the time of last use is the time of the use"]
  ),
  driverMutant(
    "reports a missing key as an unused one",
    whole,
    reporting((usage, ref) =>
      Effect.catchIf(
        usage(ref),
        (error) => error.reason._tag === "NotFound",
        () => Effect.succeed({ id: ref.id, precision: "exact", completedRequests: 0, provider: {} } as const)
      )
    ),
    ["usage: the usage of an unknown id is NotFound", "secrets: a secret in place of an id or a cursor is not repeated"]
  ),
  driverMutant("takes a 401 for a 403", whole, mistaking("Unauthenticated", new PermissionDenied({}), ["list"]), [
    "failures: a 401 is Unauthenticated in every call"
  ]),
  driverMutant("takes a 403 for a 401", whole, mistaking("PermissionDenied", new Unauthenticated({}), ["get"]), [
    "failures: a 403 is PermissionDenied in every call"
  ]),
  driverMutant(
    "takes a conflict for a mistake",
    whole,
    mistaking("Conflict", new InvalidRequest({ problem: "refused" }), ["create"]),
    [
      "create: an operation id used before is a Conflict that names its key",
      "failures: a 409 to a create is a Conflict"
    ]
  ),
  driverMutant("takes a mistake for an outage", whole, mistaking("InvalidRequest", new Unavailable({}), ["create"]), [
    "failures: a 400 to a create is InvalidRequest"
  ]),
  driverMutant(
    "takes an outage for an answer it cannot read",
    whole,
    mistaking("Unavailable", new InvalidResponse({ problem: "not JSON" }), ["list"]),
    [
      "failures: a 500 is Unavailable in every read",
      "failures: a 502 with a web page is Unavailable in every read",
      "failures: a 503 keeps the time it asks to wait",
      "retries: a read is tried as often as the policy says, and then exhausted",
      "retries: delays double from 200 ms, with jitter between half and whole",
      "retries: a read that fails twice succeeds at the third attempt",
      "retries: a 503 is repeated no earlier than it asks"
    ]
  ),
  driverMutant(
    "takes an answer it cannot read for an outage",
    whole,
    mistaking("InvalidResponse", new Unavailable({}), ["get"]),
    ["failures: a page in place of JSON is InvalidResponse"]
  ),
  driverMutant("takes a refused revocation for a done one", whole, hopeful, [
    "failures: a 403 is PermissionDenied in every call",
    "failures: a revocation that fails leaves the key as it is"
  ]),
  driverMutant("does not know what was never sent", modest, neverSure, [
    "failures: a refused connection is Network in every call",
    "retries: a create is repeated where nothing can have happened"
  ])
]
