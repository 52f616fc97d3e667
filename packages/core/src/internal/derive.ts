/** Operations a backend does not have, made from those it has. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Request from "effect/Request"
import * as RequestResolver from "effect/RequestResolver"
import * as Stream from "effect/Stream"
import type { ApiKey, KeyRef } from "../ApiKey.ts"
import { DriverError, type Driver, type ListRequest } from "../Driver.ts"
import { NotFound } from "../KeyStoreError.ts"

/** Every key of one listing, natively paged or not, in the driver's order. */
export const listAll = (driver: Driver, request: ListRequest): Stream.Stream<ReadonlyArray<ApiKey>, DriverError> => {
  const listing = driver.list
  if (listing.kind === "stream") return listing.open(request)
  const limit = 500
  return Stream.paginate(undefined as string | undefined, (position) =>
    Effect.map(listing.page({ ...request, limit, position }), ({ keys, next }) => [
      [keys],
      Option.fromUndefinedOr(next)
    ])
  )
}

class Get extends Request.Class<{ readonly id: string }, ApiKey, DriverError> {}

/** A `get` for backends that only list: all lookups that wait together are answered from one list. */
export const getFromList = (driver: Driver): ((ref: KeyRef) => Effect.Effect<ApiKey, DriverError>) => {
  const resolver = RequestResolver.make<Get>(
    Effect.fnUntraced(function* (entries) {
      const wanted = new Set(entries.map((entry) => entry.request.id))
      const found = new Map<string, ApiKey>()
      yield* listAll(driver, { owner: undefined, statuses: ["active", "expired"] }).pipe(
        Stream.runForEach((keys) =>
          Effect.sync(() => {
            for (const key of keys) if (wanted.has(key.id)) found.set(key.id, key)
          })
        )
      )
      for (const entry of entries) {
        const key = found.get(entry.request.id)
        entry.completeUnsafe(
          key === undefined
            ? Exit.fail(new DriverError({ reason: new NotFound({}), sent: "maybe" }))
            : Exit.succeed(key)
        )
      }
    })
  )
  return (ref) => Effect.request(new Get({ id: ref.id }), resolver)
}

/** A slice of a fresh list in id order, for backends that do not page. */
export const pageFromKeys = (
  keys: ReadonlyArray<ApiKey>,
  position: string | undefined,
  limit: number
): { readonly keys: ReadonlyArray<ApiKey>; readonly next?: string } => {
  const sorted = keys
    .filter((key) => position === undefined || key.id > position)
    .toSorted((left, right) => (left.id < right.id ? -1 : left.id > right.id ? 1 : 0))
  const page = sorted.slice(0, limit)
  const last = page.at(-1)
  return last !== undefined && sorted.length > limit ? { keys: page, next: last.id } : { keys: page }
}
