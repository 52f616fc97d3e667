/** Stores that were built without core, and do one of its duties wrong. */
import type { KeyRef } from "@keyfold/core/ApiKey"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as KeyStore from "@keyfold/core/KeyStore"
import { modest } from "./modest.ts"
import { storeMutant } from "./mutant.ts"

const first = (ref: KeyRef): KeyRef => ({ ...ref, id: (String(ref.id) === "" ? "first" : ref.id) as KeyRef["id"] })

type Store = KeyStore.KeyStore["Service"]

/** Takes an unknown outcome for a failure. */
const asksAgain = (store: Store): Partial<Store> => ({
  create: (spec, options) =>
    Effect.catchReason(store.create(spec, options), "KeyStoreError", "OutcomeUnknown", () => store.create(spec))
})

/** The mutants of what core does for every driver. */
export const mutants = [
  storeMutant(
    "sends an empty id",
    (store) => ({
      get: (ref) => store.get(first(ref)),
      revoke: (ref) => store.revoke(first(ref)),
      usage: (ref) => store.usage(first(ref))
    }),
    [
      "get: an empty id is refused unsent",
      "revoke: an empty id is refused unsent",
      "usage: the usage of an empty id is refused unsent"
    ]
  ),
  storeMutant(
    "lists as soon as it is asked to",
    (store) => ({
      list: (filter) => {
        const stream = store.list(filter)
        Effect.runFork(Effect.ignore(store.listPage({ limit: 1 })))
        return stream
      }
    }),
    [
      "list: nothing is sent before a listing runs",
      "retries: a 429 is repeated no earlier than it asks",
      "retries: a 503 is repeated no earlier than it asks"
    ]
  ),
  storeMutant(
    "reads a whole list for its first key",
    (store) => ({
      list: (filter) => Stream.unwrap(Effect.map(Stream.runCollect(store.list(filter)), Stream.fromIterable))
    }),
    ["list: native pages are asked for one by one, and no more than are consumed"]
  ),
  storeMutant(
    "takes any cursor for the first page",
    (store) => ({
      listPage: (request) =>
        Effect.catchReason(store.listPage(request), "KeyStoreError", "InvalidRequest", (reason, error) =>
          reason.field === "cursor" ? store.listPage({ limit: 1 }) : Effect.fail(error)
        )
    }),
    [
      "listPage: a forged cursor is refused unsent",
      "listPage: a cursor belongs to its filter",
      "listPage: a cursor belongs to its store",
      "secrets: a secret in place of an id or a cursor is not repeated"
    ]
  ),
  storeMutant("retries a create of its own accord", asksAgain, [
    "safeCreate: a create that runs out of time is OutcomeUnknown and leaves no key"
  ]),
  storeMutant(
    "retries a create where nothing can be found again",
    asksAgain,
    [
      "retries: a create is OutcomeUnknown and not repeated after a lost answer",
      "retries: a create is OutcomeUnknown and not repeated after a broken connection",
      "retries: a create is OutcomeUnknown and not repeated after a 500",
      "retries: a create is OutcomeUnknown and not repeated after a 503",
      "retries: a create is OutcomeUnknown and not repeated after an answer that cannot be read",
      "retries: a create is OutcomeUnknown and not repeated after no answer"
    ],
    { base: modest }
  ),
  storeMutant(
    "retries what is exhausted",
    (store) => ({
      get: (ref) => Effect.catch(store.get(ref), (error) => (error.exhausted ? store.get(ref) : Effect.fail(error)))
    }),
    ["retries: a read is tried as often as the policy says, and then exhausted"]
  ),
  storeMutant(
    "promises revocations sooner than it knows",
    (store) => ({
      revoke: (ref) =>
        Effect.map(store.revoke(ref), (revocation) => ({ ...revocation, effectiveWithin: Duration.seconds(1) }))
    }),
    ["revoke: a revocation says how long the secret may still be accepted"]
  ),
  storeMutant(
    "claims to leave nothing out",
    (store) => ({
      listPage: (request) =>
        Effect.map(store.listPage(request), (page) => ({
          ...page,
          completeness: { ...page.completeness, excluded: [] }
        }))
    }),
    ["listPage: a page says what it leaves out and how old it may be"]
  )
]
