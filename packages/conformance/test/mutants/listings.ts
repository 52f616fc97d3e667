/** Drivers that list wrongly. */
import * as Effect from "effect/Effect"
import { changingPage } from "./changes.ts"
import { driverMutant, whole } from "./mutant.ts"

/** The mutants of lists and pages. */
export const mutants = [
  driverMutant(
    "ignores the owner filter and claims every key for the owner asked for",
    whole,
    (driver) =>
      changingPage((page, request) =>
        Effect.map(page({ ...request, owner: undefined }), (found) => ({
          ...found,
          keys: found.keys.map((key) => (request.owner === undefined ? key : { ...key, owner: request.owner }))
        }))
      )(driver),
    ["list: an owner's keys are listed alone"]
  ),
  driverMutant(
    "stops at page one",
    whole,
    changingPage((page, request) => Effect.map(page(request), ({ keys }) => ({ keys }))),
    [
      "list: native pages are asked for one by one, and no more than are consumed",
      "listPage: pages of any size hold every key once and come to an end",
      "listPage: native pages come in the order of the listing",
      "listPage: a key revoked between two pages loses and repeats no other",
      "listPage: a forged cursor is refused unsent",
      "listPage: a cursor belongs to its filter",
      "listPage: a cursor belongs to its store"
    ]
  ),
  driverMutant(
    "repeats a key across pages",
    whole,
    changingPage((page, request) =>
      // The position is the number of the last key.
      Effect.map(page(request), ({ keys, next }) =>
        next === undefined || keys.length < 2 ? { keys } : { keys, next: String(Number(next) - 1) }
      )
    ),
    [
      "listPage: pages of any size hold every key once and come to an end",
      "listPage: native pages come in the order of the listing",
      "listPage: a forged cursor is refused unsent",
      "listPage: a cursor belongs to its filter",
      "listPage: a cursor belongs to its store"
    ]
  ),
  driverMutant(
    "skips a key between pages",
    whole,
    changingPage((page, request) =>
      request.position === undefined
        ? page(request)
        : Effect.map(page({ ...request, limit: request.limit + 1 }), ({ keys, next }) => ({
            keys: keys.slice(1),
            ...(next === undefined ? {} : { next })
          }))
    ),
    [
      "list: native pages are asked for one by one, and no more than are consumed",
      "listPage: pages of any size hold every key once and come to an end",
      "listPage: native pages come in the order of the listing",
      "listPage: a key revoked between two pages loses and repeats no other"
    ]
  ),
  driverMutant(
    "lists revoked keys as active",
    whole,
    changingPage((page, request) =>
      Effect.map(page({ ...request, statuses: ["active", "expired", "revoked"] }), (found) => ({
        ...found,
        keys: found.keys.map((key) => (request.statuses.includes("revoked") ? key : { ...key, status: "active" }))
      }))
    ),
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
    ]
  )
]
