/** Listing keys: as a stream to the end, and as pages for stateless callers. */
import * as Arr from "effect/Array"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ApiKey } from "../ApiKey.ts"
import type { DriverPage, ListRequest } from "../Driver.ts"
import { completeness, statuses, type Filter, type Page, type PageRequest } from "../KeyList.ts"
import type { KeyStore } from "../KeyStore.ts"
import { InvalidRequest, type KeyStoreError } from "../KeyStoreError.ts"
import { checked, failed, guarded, present, refused, type Store } from "./calls.ts"
import { batchesOf, pageFromKeys } from "./derive.ts"
import { retrying, retryingStream, type CallFailure } from "./retry.ts"
import { checkFilter } from "./spec.ts"
import { observed, observedStream } from "./telemetry.ts"

const defaultLimit = 100
const highestLimit = 1000

const listRequest = (filter: Filter): ListRequest => ({ owner: filter.owner, statuses: statuses(filter) })

/** Presents one batch and drops what the filter does not ask for; a backend may send more than asked. */
const select = (store: Store, filter: Filter, keys: ReadonlyArray<ApiKey>, now: DateTime.Utc): Array<ApiKey> => {
  const asked = new Set(statuses(filter))
  const selected: Array<ApiKey> = []
  for (const raw of keys) {
    const key = present(store, raw, now)
    if (asked.has(key.status) && (filter.owner === undefined || key.owner === filter.owner)) selected.push(key)
  }
  return selected
}

/** The keys of one listing as the driver gives them, with the engine's retries. */
export const batches = (
  store: Pick<Store, "driver" | "engine">,
  filter: Filter
): Stream.Stream<ReadonlyArray<ApiKey>, CallFailure> => {
  const listing = store.driver.list
  const request = listRequest(filter)
  if (listing.kind === "stream") return retryingStream("list", store.engine, () => listing.open(request))
  return batchesOf((position) =>
    retrying("list", store.engine, () => listing.page({ ...request, limit: highestLimit, position }))
  )
}

const selected = (store: Store, filter: Filter): Stream.Stream<Array<ApiKey>, KeyStoreError> =>
  batches(store, filter).pipe(
    Stream.mapEffect((keys) => Effect.map(DateTime.now, (now) => select(store, filter, keys, now))),
    Stream.mapError((failure) => failed(store, "list", failure))
  )

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
    const keys = (yield* Stream.runCollect(selected(store, filter))).flat()
    return pageFromKeys(keys, position, limit)
  }
  const page = yield* retrying("list", store.engine, () =>
    listing.page({ ...listRequest(filter), limit, position })
  ).pipe(Effect.mapError((failure) => failed(store, "list", failure)))
  return { ...page, keys: select(store, filter, page.keys, yield* DateTime.now) }
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
  const position = cursor === undefined ? undefined : yield* store.cursors.read(filter, cursor)
  if (cursor !== undefined && position === undefined) {
    return yield* refuse("cursor", "expected the next of a page of this store, tenant and filter; start without one")
  }
  yield* checkedFilter(store, filter)
  const page = yield* fetchPage(store, filter, limit, position)
  const next = page.next === undefined ? {} : { next: yield* store.cursors.write(filter, page.next) }
  return { keys: page.keys, ...next, completeness: completeness(store.driver.capabilities, filter) }
})

/** Makes `list` and `listPage` of a store. */
export const makeListing = (store: Store): Pick<KeyStore["Service"], "list" | "listPage"> => ({
  list: (filter = {}) =>
    guarded(store, "list").pipe(
      Effect.andThen(checkedFilter(store, filter)),
      Effect.as(selected(store, filter)),
      Stream.unwrap,
      // Flattening them as iterables holds on to batches that are long gone.
      Stream.filter(Arr.isArrayNonEmpty),
      Stream.flattenArray,
      (listing) => observedStream(store.engine.meter, "list", listing)
    ),
  listPage: (request = {}) => observed(store.engine.meter, "list", readPage(store, request))
})
