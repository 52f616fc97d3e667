/** Stands between core and a driver: sees its calls and fails them as a network would. */
import type { KeyRef } from "@keyfold/core/ApiKey"
import { DriverError, type CreateRequest, type Driver } from "@keyfold/core/Driver"
import {
  Conflict,
  InvalidRequest,
  InvalidResponse,
  Network,
  NotFound,
  PermissionDenied,
  RateLimited,
  Unauthenticated,
  Unavailable,
  type Reason
} from "@keyfold/core/KeyStoreError"
import * as OperationId from "@keyfold/core/OperationId"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { DriverBackend, Failure } from "../Backend.ts"

/** What happens to one call: whether the backend acts at once, late or never, and what the client is told. */
interface Intervention {
  readonly acts: "now" | "late" | "never"
  readonly told: "nothing" | DriverError
}

const reasonOf = (status: number, retryAfter: number | undefined): Reason => {
  const waiting = retryAfter === undefined ? {} : { retryAfter: Duration.seconds(retryAfter) }
  if (status === 401) return new Unauthenticated({})
  if (status === 403) return new PermissionDenied({})
  if (status === 404) return new NotFound({})
  if (status === 409) return new Conflict({})
  if (status === 429) return new RateLimited(waiting)
  return status >= 500
    ? new Unavailable({ status, ...waiting })
    : new InvalidRequest({ problem: `the backend refused the request (status ${status})` })
}

const driverError = (failure: Failure): DriverError =>
  "network" in failure
    ? new DriverError({ reason: new Network({}), sent: failure.network === "refused" ? "no" : "maybe" })
    : new DriverError({ reason: reasonOf(failure.status, failure.retryAfter), sent: "maybe" })

const reset = driverError({ network: "reset" })
const unreadable = new DriverError({ reason: new InvalidResponse({ problem: "not what was expected" }), sent: "maybe" })

const makeQueue = () => {
  let queue: Array<Intervention> = []
  return {
    add: (intervention: Intervention, count: number) => {
      for (let added = 0; added < count; added++) queue.push(intervention)
    },
    take: () => queue.shift(),
    clear: () => {
      queue = []
    }
  }
}

type Around = <A>(call: Effect.Effect<A, DriverError>) => Effect.Effect<A, DriverError>

type Late = Array<Effect.Effect<unknown, DriverError>>

const intervene = <A>(
  call: Effect.Effect<A, DriverError>,
  intervention: Intervention | undefined,
  late: Late
): Effect.Effect<A, DriverError> => {
  if (intervention === undefined) return call
  const { acts, told } = intervention
  if (acts === "late") late.push(call)
  const ending = told === "nothing" ? Effect.never : Effect.fail(told)
  return acts === "now" ? Effect.andThen(call, ending) : ending
}

const wrap = (driver: Driver, around: Around): Driver => {
  const { findOperation, get, list, partition, usage, verify } = driver
  return {
    ...driver,
    create: (request) => around(driver.create(request)),
    revoke: (ref) => around(driver.revoke(ref)),
    list:
      list.kind === "pages"
        ? { kind: "pages", page: (request) => around(list.page(request)) }
        : {
            kind: "stream",
            open: (request) =>
              Stream.unwrap(around(Effect.map(Stream.runCollect(list.open(request)), Stream.fromIterable)))
          },
    ...(findOperation === undefined
      ? {}
      : { findOperation: (operationId: CreateRequest["operationId"]) => around(findOperation(operationId)) }),
    ...(get === undefined ? {} : { get: (ref: KeyRef) => around(get(ref)) }),
    ...(usage === undefined ? {} : { usage: (ref: KeyRef) => around(usage(ref)) }),
    ...(verify === undefined ? {} : { verify: (secret) => around(verify(secret)) }),
    ...(partition === undefined ? {} : { partition: (tenant: string) => wrap(partition(tenant), around) })
  }
}

const allOf = (driver: Driver, statuses: ReadonlyArray<"active" | "expired" | "revoked">) => {
  const { list } = driver
  return list.kind === "stream"
    ? Effect.map(Stream.runCollect(list.open({ owner: undefined, statuses })), (batches) => batches.flat())
    : Stream.runCollect(
        Stream.paginate(undefined as string | undefined, (position) =>
          Effect.map(list.page({ owner: undefined, statuses, limit: 1000, position }), ({ keys, next }) => [
            keys,
            Option.fromUndefinedOr(next)
          ])
        )
      )
}

/** The live keys that are not somebody else's. */
const liveIds = (driver: Driver, foreign: ReadonlySet<string>) =>
  Effect.orDie(
    Effect.map(allOf(driver, ["active", "expired"]), (keys) =>
      keys.flatMap(({ id, status }) => (status === "revoked" || foreign.has(id) ? [] : [id]))
    )
  )

const createForeign = (driver: Driver): Effect.Effect<KeyRef> =>
  Effect.orDie(
    Effect.gen(function* () {
      const operationId = yield* OperationId.generate
      const { key } = yield* driver.create({
        operationId,
        nonce: operationId,
        supersedes: [],
        name: "somebody else's",
        label: "somebody else's",
        owner: driver.capabilities.owners === "unsupported" ? undefined : "somebody-else",
        scopes: driver.defaultScopes,
        expiresAt: undefined,
        tags: {},
        provider: {}
      })
      return key
    })
  )

/** Makes the backend of one driver. */
export const make = (driver: Driver, now: () => number): DriverBackend => {
  const sent: Array<{ readonly time: number; pending: boolean; hanging: boolean }> = []
  const queue = makeQueue()
  const late: Late = []
  const foreign = new Set<string>()
  const around: Around = (call) =>
    Effect.suspend(() => {
      const intervention = queue.take()
      const entry = { time: now(), pending: true, hanging: intervention?.told === "nothing" }
      sent.push(entry)
      return Effect.ensuring(
        intervene(call, intervention, late),
        Effect.sync(() => void (entry.pending = false))
      )
    })
  return {
    driver: wrap(driver, around),
    requests: () => sent.map(({ pending, time }) => ({ pending, time })),
    busy: () => sent.some((entry) => entry.pending && !entry.hanging),
    fail: (failure, count = 1, acts = false) =>
      queue.add({ acts: acts ? "now" : "never", told: driverError(failure) }, count),
    lose: (count = 1) => queue.add({ acts: "now", told: reset }, count),
    hang: (count = 1, acts = false) => queue.add({ acts: acts ? "now" : "late", told: "nothing" }, count),
    garble: (_, count = 1) => queue.add({ acts: "now", told: unreadable }, count),
    hold: (count = 1) => queue.add({ acts: "late", told: reset }, count),
    release: Effect.suspend(() => Effect.forEach(late.splice(0), Effect.exit, { discard: true })),
    recover: queue.clear,
    live: Effect.suspend(() => liveIds(driver, foreign)),
    foreignKey: Effect.tap(createForeign(driver), ({ id }) => Effect.sync(() => foreign.add(id)))
  }
}
