/** Stores and journals that lose track of what their creates left, or that tidy up too much. */
import type { ApiKey, KeyRef } from "@keyfold/core/ApiKey"
import type * as KeyStore from "@keyfold/core/KeyStore"
import { Conflict, KeyStoreError } from "@keyfold/core/KeyStoreError"
import type { Recovery } from "@keyfold/core/Recovery"
import { CurrentDelivery } from "@keyfold/core/Sink"
import * as Effect from "effect/Effect"
import { marked, modest } from "./modest.ts"
import { journalMutant, storeMutant } from "./mutant.ts"

type Store = KeyStore.KeyStore["Service"]

const revokeAll = (store: Store, keys: ReadonlyArray<KeyRef>) =>
  Effect.forEach(keys, (key) => store.revoke(key), { discard: true })

const withoutExisting = (store: Store): Partial<Store> => ({
  create: (spec, options) =>
    Effect.catchReason(store.create(spec, options), "KeyStoreError", "Conflict", (_, error) =>
      Effect.fail(new KeyStoreError({ ...error, reason: new Conflict({}) }))
    )
})

const recoversTooMuch = (store: Store): Partial<Store> => ({
  recover: (operationId, options) =>
    Effect.tap(store.recover(operationId, options), (found) =>
      found.kind === "delivered" && found.key !== undefined ? revokeAll(store, [found.key]) : Effect.void
    )
})

const revokesCandidates = (store: Store): Partial<Store> => ({
  recover: (operationId, options) =>
    Effect.tap(store.recover(operationId, options), (found) =>
      found.kind === "candidates" ? revokeAll(store, found.keys) : Effect.void
    )
})

const withMark = (key: ApiKey): ApiKey => ({ ...key, name: `${key.name ?? ""} kf1-${"A".repeat(26)}`.trimStart() })

const marksCandidates = (store: Store): Partial<Store> => ({
  recover: (operationId, options) =>
    Effect.map(store.recover(operationId, options), (found) =>
      found.kind === "candidates" ? { ...found, keys: found.keys.map(withMark) } : found
    )
})

const recoversNothing = (store: Store): Partial<Store> => ({
  recover: (operationId, options) =>
    Effect.map(store.recover(operationId, options), (found) =>
      found.kind === "cleared" ? { ...found, revoked: [] } : found
    )
})

const nothingSwept = { dryRun: false, scanned: 0, orphans: [], delivered: [], underWay: [], strangers: [] } as const

/** The mutants of recovery. */
export const mutants = [
  storeMutant(
    "does not name the key of a conflict",
    withoutExisting,
    ["recovery: a second create under the same operation id is a Conflict that names the key"],
    { base: marked }
  ),
  storeMutant("recovers what was delivered", recoversTooMuch, [
    "recovery: a key that was delivered is neither recovered nor swept"
  ]),
  storeMutant("does not say what it recovered", recoversNothing, [
    "recovery: recover revokes what a dead process left, and frees its operation id"
  ]),
  storeMutant("revokes whatever might be left", revokesCandidates, [
    "recovery: without a journal recover shows candidates and revokes none"
  ]),
  storeMutant("shows candidates with their marks", marksCandidates, [
    "recovery: without a journal recover shows candidates and revokes none"
  ]),
  storeMutant(
    "shows names with their marks",
    (store) => ({ get: (ref) => Effect.map(store.get(ref), withMark) }),
    [
      "create: a key created without a name has none, or that of its operation",
      "create: a name of many scripts reads back as it was given",
      "get: a key is found by its id",
      "get: get and list agree on a key"
    ],
    {
      base: marked
    }
  ),
  storeMutant(
    "finds nothing where it cannot look",
    (store) => ({
      recover: (operationId, options) =>
        Effect.catchReason(store.recover(operationId, options), "KeyStoreError", "Unsupported", () =>
          Effect.succeed<Recovery>({ kind: "unknown" })
        )
    }),
    ["recovery: recover is Unsupported and sends nothing where creates leave no mark"],
    { base: modest }
  ),
  storeMutant(
    "sweeps nothing where it has no journal",
    (store) => ({
      sweepOrphans: (options) =>
        Effect.catchReason(store.sweepOrphans(options), "KeyStoreError", "Unsupported", () =>
          Effect.succeed(nothingSwept)
        )
    }),
    ["recovery: without a journal sweepOrphans is Unsupported and sends nothing"]
  ),
  storeMutant(
    "sweeps where it was only to look",
    (store) => ({
      sweepOrphans: (options) =>
        Effect.map(store.sweepOrphans({ ...options, dryRun: false }), (sweep) => ({
          ...sweep,
          dryRun: options?.dryRun ?? false,
          orphans: sweep.orphans.map((orphan) => (options?.dryRun === true ? { ...orphan, fate: "found" } : orphan))
        }))
    }),
    ["recovery: a dry run finds orphans and changes nothing"]
  ),
  storeMutant(
    "sweeps orphans of any age",
    (store) => ({
      sweepOrphans: ({ olderThan: _olderThan, ...options } = {}) => store.sweepOrphans(options)
    }),
    ["recovery: a sweep spares what is younger than it is told"]
  ),
  storeMutant(
    "only looks where it was to sweep",
    (store) => ({
      sweepOrphans: (options) =>
        Effect.map(store.sweepOrphans({ ...options, dryRun: true }), (sweep) => ({
          ...sweep,
          dryRun: options?.dryRun ?? false,
          orphans: sweep.orphans.map((orphan) => (options?.dryRun === true ? orphan : { ...orphan, fate: "revoked" }))
        }))
    }),
    ["recovery: a sweep revokes orphans and nothing else", "recovery: a sweep spares what is younger than it is told"]
  ),
  storeMutant(
    "sweeps what its journal does not know",
    (store) => ({
      sweepOrphans: (options) => Effect.tap(store.sweepOrphans(options), ({ strangers }) => revokeAll(store, strangers))
    }),
    ["recovery: a sweep leaves keys alone that the journal does not know"],
    { base: marked }
  ),
  storeMutant(
    "gives its caller the secret that a sink did not take",
    (store) => ({
      create: (spec, options) =>
        Effect.catchReason(store.create(spec, options), "KeyStoreError", "NotDelivered", () =>
          Effect.provideService(store.create(spec), CurrentDelivery, undefined)
        )
    }),
    ["recovery: a key whose sink fails is revoked and NotDelivered"]
  ),
  storeMutant(
    "puts no secret into a sink",
    (store) => ({
      create: (spec, options) => Effect.provideService(store.create(spec, options), CurrentDelivery, undefined)
    }),
    ["recovery: a key whose sink confirms is delivered", "recovery: a key whose sink fails is revoked and NotDelivered"]
  ),
  journalMutant(
    "has a journal that lets everybody in",
    (journal) => ({
      claim: (request) =>
        Effect.map(journal.claim(request), (answer) =>
          answer.kind === "claimed"
            ? answer
            : {
                kind: "claimed",
                lease: { ...request, epoch: 1, until: Number.MAX_SAFE_INTEGER },
                settled: true,
                earlier: { nonces: [], minted: [] }
              }
        )
    }),
    [
      "recovery: a create under way elsewhere is a Conflict, and nobody touches it",
      "recovery: a second create under the same operation id is a Conflict that names the key"
    ],
    marked
  ),
  journalMutant("has a journal that forgets deliveries", () => ({ delivered: () => Effect.succeed(true) }), [
    "recovery: a key that was delivered is neither recovered nor swept",
    "recovery: a key whose sink confirms is delivered",
    "recovery: a second create under the same operation id is a Conflict that names the key",
    "recovery: a sweep revokes orphans and nothing else"
  ]),
  journalMutant("has a journal that ends nothing", () => ({ abandon: () => Effect.succeed(true) }), [
    "recovery: a key whose sink fails is revoked and NotDelivered",
    "recovery: recover revokes what a dead process left, and frees its operation id"
  ]),
  journalMutant(
    "has a journal that forgets who held an operation before",
    (journal) => ({
      claim: (request) =>
        Effect.map(journal.claim(request), (answer) =>
          answer.kind === "claimed" ? { ...answer, settled: true, earlier: { nonces: [], minted: [] } } : answer
        )
    }),
    ["recovery: a create takes over from a dead process and leaves one key"],
    marked
  )
]
