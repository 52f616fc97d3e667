/** An honest driver that can do little, and drivers in between. */
import type { ApiKey, KeyRef } from "@keyfold/core/ApiKey"
import { DriverError, refuse, type Driver } from "@keyfold/core/Driver"
import { NotFound } from "@keyfold/core/KeyStoreError"
import * as Clock from "effect/Clock"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import * as OperationId from "@keyfold/core/OperationId"
import { promised } from "@keyfold/core/Capabilities"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { nativeOf } from "./changes.ts"
import { capable, type Base } from "./mutant.ts"

const plain = ({ owner: _owner, expiresAt: _expiresAt, ...key }: ApiKey): ApiKey => ({ ...key, scopes: [], tags: {} })

const capabilities = capable(
  {
    identify: false,
    listsRevoked: "never",
    getsRevoked: false,
    expiry: false,
    scopes: false,
    owners: "unsupported",
    tags: false,
    pagination: "derived",
    usage: "unknown",
    createSafety: "none",
    tenancy: "none"
  },
  { get: "derived", usage: "unsupported", verify: "unsupported" }
)

/** Every key of the memory driver that was not revoked. */
export const allOf = (driver: Driver) => {
  const { list } = driver
  if (list.kind === "stream") return list.open({ owner: undefined, statuses: ["active", "expired"] })
  return Stream.paginate(undefined as string | undefined, (position) =>
    Effect.map(
      list.page({ owner: undefined, statuses: ["active", "expired"], limit: 1000, position }),
      ({ keys, next }) => [[keys], Option.fromUndefinedOr(next)]
    )
  )
}

const make = (): Driver => {
  const driver = MemoryDriver.make()
  let operations = 0
  return {
    backend: "modest",
    capabilities,
    defaultScopes: [],
    create: (request) => {
      operations += 1
      // The backend knows no operation ids.
      const operationId = `${request.operationId}#${operations}` as typeof request.operationId
      const bare = { ...request, operationId, owner: undefined, scopes: [], expiresAt: undefined, tags: {} }
      return Effect.map(driver.create(bare), ({ key, secret }) => ({ key: plain(key), secret }))
    },
    list: { kind: "stream", open: () => Stream.map(allOf(driver), (keys) => keys.map(plain)) },
    revoke: driver.revoke
  }
}

/** A backend that keeps names and ids, lists at once and can do nothing else. */
export const modest: Base = { make, capabilities }

/** A backend like the whole one whose revocations take effect only after a while. */
export const slow: Base = {
  capabilities: capable({ revocationLag: promised("10 seconds") }),
  make: () => {
    const driver = MemoryDriver.make()
    return {
      ...driver,
      capabilities: slow.capabilities,
      revoke: (ref) =>
        Effect.map(driver.revoke(ref), (revocation) => ({
          ...revocation,
          effectiveWithin: slow.capabilities.revocationLag.within
        }))
    }
  }
}

/** A backend like the whole one that knows when a key was last used and counts nothing. */
export const uncounting: Base = {
  capabilities: capable({ usage: "lastUsedOnly" }),
  make: () => {
    const driver = MemoryDriver.make()
    const { usage } = driver
    return {
      ...driver,
      capabilities: uncounting.capabilities,
      ...(usage === undefined
        ? {}
        : {
            usage: (ref) =>
              Effect.map(usage(ref), ({ id, lastUsedAt }) => ({
                id,
                precision: "lastUsedOnly",
                ...(lastUsedAt === undefined ? {} : { lastUsedAt }),
                provider: {}
              }))
          })
    }
  }
}

/** A backend whose keys all have an owner, which shows an owner's revoked keys alone. */
export const owned: Base = {
  capabilities: capable({ owners: "required", listsRevoked: "byOwner" }),
  make: () => {
    const driver = MemoryDriver.make()
    const { list } = driver
    return {
      ...driver,
      capabilities: owned.capabilities,
      list:
        list.kind === "stream"
          ? list
          : {
              kind: "pages",
              page: (request) =>
                list.page(
                  request.owner === undefined
                    ? { ...request, statuses: request.statuses.filter((status) => status !== "revoked") }
                    : request
                )
            }
    }
  }
}

const checking =
  <A>(call: (ref: KeyRef) => Effect.Effect<A, DriverError>) =>
  (ref: KeyRef): Effect.Effect<A, DriverError> =>
    ref.id.includes(" ") ? Effect.fail(refuse("id", "expected an id without spaces")) : call(ref)

/** A backend that knows the form of its ids, and whose reads lag. */
export const late: Base = {
  capabilities: capable({ consistency: { visibility: promised("5 seconds"), settle: promised(0) } }),
  samples: { malformedIds: ["two words"] },
  above: (driver) => ({
    ...driver,
    revoke: checking(driver.revoke),
    ...(driver.get === undefined ? {} : { get: checking(driver.get) })
  }),
  make: () => {
    const driver = MemoryDriver.make()
    const { get } = driver
    const since = new Map<string, number>()
    const missing = new DriverError({ reason: new NotFound({}), sent: "maybe" })
    return {
      ...driver,
      capabilities: late.capabilities,
      create: (request) =>
        Effect.tap(driver.create(request), ({ key }) =>
          Effect.map(Clock.currentTimeMillis, (now) => void since.set(key.id, now))
        ),
      ...(get === undefined
        ? {}
        : {
            get: (ref: KeyRef) =>
              Effect.flatMap(Clock.currentTimeMillis, (now) =>
                now - (since.get(ref.id) ?? -Infinity) < 3000 ? Effect.fail(missing) : get(ref)
              )
          })
    }
  }
}

/** Lists that do not show a key before it is some time old. */
const laggingLists = (driver: Driver): Driver => ({
  ...driver,
  list: {
    kind: "pages",
    page: (request) =>
      Effect.zipWith(nativeOf(driver).page(request), Clock.currentTimeMillis, (found, now) => ({
        ...found,
        keys: found.keys.filter(({ createdAt }) => now - (createdAt?.epochMilliseconds ?? 0) >= 2500)
      }))
  }
})

/** A backend that knows no operations and keeps every label; its lists lag, and a request may arrive late. */
export const marked: Base = {
  capabilities: capable({
    createSafety: "marker",
    consistency: { visibility: promised("3 seconds"), settle: promised("20 seconds") },
    tenancy: "none"
  }),
  above: laggingLists,
  make: () => {
    const { findOperation: _findOperation, partition: _partition, ...driver } = MemoryDriver.make()
    return {
      ...driver,
      capabilities: marked.capabilities,
      create: (request) =>
        Effect.flatMap(OperationId.generate, (operationId) =>
          driver.create({ ...request, operationId, name: request.label })
        )
    }
  }
}

/** The same that lists, whatever it is asked for, every key there ever was. */
export const generous: Base = {
  capabilities: { ...marked.capabilities, pagination: "derived" },
  make: () => {
    const driver = marked.make()
    const every = { owner: undefined, statuses: ["active", "expired", "revoked"], limit: 1000 } as const
    const open = () =>
      Stream.paginate(undefined as string | undefined, (position) =>
        Effect.map(nativeOf(driver).page({ ...every, position }), ({ keys, next }) => [
          [keys],
          Option.fromUndefinedOr(next)
        ])
      )
    return { ...driver, capabilities: generous.capabilities, list: { kind: "stream", open } }
  }
}
