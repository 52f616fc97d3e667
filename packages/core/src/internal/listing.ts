/** Listing keys: as a stream to the end, and as pages for stateless callers. */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ApiKey } from "../ApiKey.ts"
import type { DriverPage, ListRequest } from "../Driver.ts"
import { completeness, statuses, type Filter, type Page, type PageRequest } from "../KeyList.ts"
import type { KeyStore } from "../KeyStore.ts"
import { InvalidRequest, type KeyStoreError } from "../KeyStoreError.ts"
import { checked, failed, guarded, present, refused, type Store } from "./calls.ts"
import { pageFromKeys, pulledPages } from "./derive.ts"
import { retrying, retryingPull, type Batches, type CallFailure } from "./retry.ts"
import { checkFilter } from "./spec.ts"
import { observed, observedPull } from "./telemetry.ts"

const defaultLimit = 100
const highestLimit = 1000

const listRequest = (filter: Filter): ListRequest => ({ owner: filter.owner, statuses: statuses(filter) })

/** Presents keys and drops what the filter does not ask for; a backend may send more than asked. */
const select = (store: Store, filter: Filter, batches: ReadonlyArray<ReadonlyArray<ApiKey>>, now: DateTime.Utc) => {
  const asked = statuses(filter)
  const selected: Array<ApiKey> = []
  for (const keys of batches) {
    for (const raw of keys) {
      const key = present(store, raw, now)
      if (asked.includes(key.status) && (filter.owner === undefined || key.owner === filter.owner)) selected.push(key)
    }
  }
  return selected
}

type Listed = Pick<Store, "driver" | "engine">

const pulled = (
  { driver: { list }, engine }: Listed,
  filter: Filter,
  scope: Scope.Scope
): Batches<ReadonlyArray<ApiKey>, CallFailure> => {
  const request = listRequest(filter)
  return list.kind === "stream"
    ? retryingPull("list", engine, () => list.open(request), scope)
    : pulledPages((position) =>
        retrying("list", engine, () => list.page({ ...request, limit: highestLimit, position }))
      )
}

/** The keys of one listing as the driver gives them, with the engine's retries. */
export const batches = (store: Listed, filter: Filter): Stream.Stream<ReadonlyArray<ApiKey>, CallFailure> =>
  Stream.fromChannel(Channel.fromTransform((_, scope: Scope.Scope) => Effect.sync(() => pulled(store, filter, scope))))

/** The keys of one listing as callers see them. */
const selected = (store: Store, filter: Filter, scope: Scope.Scope): Batches<ApiKey, KeyStoreError> => {
  const next: Batches<ApiKey, KeyStoreError> = Effect.matchEffect(pulled(store, filter, scope), {
    onFailure: (failure) => Effect.fail(Cause.isDone(failure) ? failure : failed(store, "list", failure)),
    onSuccess: (found) =>
      Clock.clockWith((clock) => {
        const keys = select(store, filter, found, DateTime.makeUnsafe(clock.currentTimeMillisUnsafe()))
        return Arr.isArrayNonEmpty(keys) ? Effect.succeed(keys) : next
      })
  })
  return next
}

const checkedFilter = (store: Store, filter: Filter): Effect.Effect<Filter, KeyStoreError> =>
  checked(store, "list", checkFilter(store.driver, filter))

const fetchPage = Effect.fnUntraced(function* (
  store: Store,
  filter: Filter,
  limit: number,
  position: string | undefined
): Effect.fn.Return<DriverPage, KeyStoreError> {
  const listing = store.driver.list
  if (listing.kind === "stream") {
    const keys = Channel.fromTransform((_, scope: Scope.Scope) => Effect.sync(() => selected(store, filter, scope)))
    return pageFromKeys(yield* Stream.runCollect(Stream.fromChannel(keys)), position, limit)
  }
  const page = yield* retrying("list", store.engine, () =>
    listing.page({ ...listRequest(filter), limit, position })
  ).pipe(Effect.mapError((failure) => failed(store, "list", failure)))
  return { ...page, keys: select(store, filter, [page.keys], yield* DateTime.now) }
})

const readPage = Effect.fnUntraced(function* (
  store: Store,
  request: PageRequest
): Effect.fn.Return<Page, KeyStoreError> {
  yield* guarded(store, "list")
  const refuse = (field: string, problem: string) =>
    Effect.fail(refused(store, "list", new InvalidRequest({ field, problem })))
  const { cursor, limit = defaultLimit, ...filter } = request
  if (!Number.isInteger(limit) || limit < 1 || limit > highestLimit) {
    return yield* refuse("limit", `expected a whole number from 1 to ${highestLimit}`)
  }
  const position = cursor === undefined ? undefined : store.cursors.read(filter, cursor)
  if (cursor !== undefined && position === undefined) {
    return yield* refuse("cursor", "expected the next of a page of this store, tenant and filter; start without one")
  }
  yield* checkedFilter(store, filter)
  const page = yield* fetchPage(store, filter, limit, position)
  const next = page.next === undefined ? {} : { next: store.cursors.write(filter, page.next) }
  return { keys: page.keys, ...next, completeness: completeness(store.driver.capabilities, filter) }
})

/** Makes `list` and `listPage` of a store. */
export const makeListing = (store: Store): Pick<KeyStore["Service"], "list" | "listPage"> => ({
  list: (filter = {}) =>
    observedPull(store.engine.meter, "list", (scope) =>
      Effect.map(Effect.andThen(guarded(store, "list"), checkedFilter(store, filter)), () =>
        selected(store, filter, scope)
      )
    ),
  listPage: (request = {}) => observed(store.engine.meter, "list", readPage(store, request))
})
