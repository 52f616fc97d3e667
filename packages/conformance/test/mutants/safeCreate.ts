/** Drivers that leave core without what it needs to find a lost create again, or that mislead it. */
import type { ApiKey } from "@keyfold/core/ApiKey"
import { promised, type Capabilities } from "@keyfold/core/Capabilities"
import type { Driver } from "@keyfold/core/Driver"
import { PermissionDenied } from "@keyfold/core/KeyStoreError"
import * as Label from "@keyfold/core/Label"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { mistaking } from "./answers.ts"
import { retriesCreate } from "./behaviours.ts"
import { changingCreate, changingPage, nativeOf } from "./changes.ts"
import { marked } from "./modest.ts"
import { driverMutant, storeMutant, whole, type Base } from "./mutant.ts"

const findsNothing = (driver: Driver): Driver => ({ ...driver, findOperation: () => Effect.undefined })

const findsByAnother = (driver: Driver): Driver => {
  const { findOperation } = driver
  return findOperation === undefined
    ? driver
    : {
        ...driver,
        findOperation: (operationId) =>
          Effect.map(findOperation(operationId), (found) =>
            found === undefined ? undefined : { ...found, nonce: [...found.nonce].toReversed().join("") }
          )
      }
}

/** Says that keys are revoked whose making was never answered, and leaves them as they are. */
const revokesAnswered = (driver: Driver): Driver => {
  const answered = new Set<string>()
  return {
    ...driver,
    create: (request) => Effect.tap(driver.create(request), ({ key }) => Effect.sync(() => answered.add(key.id))),
    revoke: (ref) =>
      Effect.flatMap(nativeOf(driver).get(ref), ({ id }) =>
        answered.has(id) ? driver.revoke(ref) : Effect.succeed({ id, effectiveWithin: Duration.zero })
      )
  }
}

/** Shows every key under the first label that bore its nonce: a copied mark looks like the one it was copied from. */
const trustsNonces = (driver: Driver): Driver => {
  const labels = new Map<string, string>()
  const shown = (key: ApiKey): ApiKey => {
    const label = labels.get(Label.read(key.name ?? "").mark?.nonce ?? "")
    return label === undefined ? key : { ...key, name: label }
  }
  const { create } = driver
  return {
    ...changingPage((page, request) =>
      Effect.map(page(request), (found) => ({ ...found, keys: found.keys.map(shown) }))
    )(driver),
    create: (request) => {
      if (!labels.has(request.nonce) && request.label !== undefined) labels.set(request.nonce, request.label)
      return create(request)
    }
  }
}

/** Revokes by name, which others may have given too. */
const revokesNames = (driver: Driver): Driver => {
  const { get, page } = nativeOf(driver)
  const nameOf = ({ name = "" }: ApiKey) => Label.read(name).name
  return {
    ...driver,
    revoke: (ref) =>
      Effect.gen(function* () {
        const key = yield* get(ref)
        const all = yield* page({ owner: undefined, statuses: ["active"], limit: 1000, position: undefined })
        const alike = all.keys.filter((other) => other.id !== key.id && nameOf(other) === nameOf(key))
        yield* Effect.forEach(alike, driver.revoke, { discard: true })
        return yield* driver.revoke(ref)
      })
  }
}

/** A store that reckons with other bounds than its backend has, and does not say so. */
const reckoning = (wrong: string, bounds: Partial<Capabilities["consistency"]>, caughtBy: ReadonlyArray<string>) => {
  const { capabilities } = marked
  const base: Base = {
    ...marked,
    above: (driver) => ({
      ...(marked.above?.(driver) ?? driver),
      capabilities: { ...capabilities, consistency: { ...capabilities.consistency, ...bounds } }
    })
  }
  return storeMutant(wrong, () => ({ capabilities }), caughtBy, { base })
}

/** The mutants of safe create. */
export const mutants = [
  driverMutant(
    "ignores which attempts nobody waits for any more",
    whole,
    changingCreate((request) => ({ ...request, supersedes: [] })),
    [
      "recovery: a create takes over from a dead process and leaves one key",
      "recovery: a create under way elsewhere is a Conflict, and nobody touches it",
      "recovery: recover revokes what a dead process left, and frees its operation id",
      "safeCreate: a create leaves the keys of others and of other operations alone",
      "safeCreate: a create makes one key despite a 500 after the backend acted",
      "safeCreate: a create makes one key despite a lost answer",
      "safeCreate: a create makes one key despite an answer that cannot be read"
    ]
  ),
  driverMutant("finds no operation", whole, findsNothing, [
    "recovery: a create under way elsewhere is a Conflict, and nobody touches it",
    "recovery: a dry run finds orphans and changes nothing",
    "recovery: a sweep revokes orphans and nothing else",
    "recovery: a sweep spares what is younger than it is told",
    "recovery: recover revokes what a dead process left, and frees its operation id",
    "recovery: without a journal recover shows candidates and revokes none",
    "safeCreate: a create interrupted after the backend acted leaves no key",
    "safeCreate: a create that runs out of time is OutcomeUnknown and leaves no key"
  ]),
  driverMutant("finds operations under another nonce", whole, findsByAnother, [
    "recovery: a create under way elsewhere is a Conflict, and nobody touches it",
    "recovery: a dry run finds orphans and changes nothing",
    "recovery: a sweep revokes orphans and nothing else",
    "recovery: a sweep spares what is younger than it is told",
    "recovery: recover revokes what a dead process left, and frees its operation id",
    "safeCreate: a create interrupted after the backend acted leaves no key",
    "safeCreate: a create that runs out of time is OutcomeUnknown and leaves no key"
  ]),
  driverMutant(
    "takes a broken connection for a refusal",
    whole,
    mistaking("Network", new PermissionDenied({}), ["create"]),
    [
      "failures: a refused connection is Network in every call",
      "retries: a create is repeated where nothing can have happened",
      "safeCreate: a create leaves the keys of others and of other operations alone",
      "safeCreate: a create makes one key despite a connection that broke before the backend acted",
      "safeCreate: a create makes one key despite a lost answer"
    ]
  ),
  driverMutant("asks for another key where marks would have found the first", marked, retriesCreate, [
    "safeCreate: a backend that cuts marks is noticed, and a create is not repeated there",
    "safeCreate: a backend that drops marks is noticed, and a create is not repeated there",
    "safeCreate: a create leaves the keys of others and of other operations alone",
    "safeCreate: a create makes one key despite a 500 after the backend acted",
    "safeCreate: a create makes one key despite a lost answer",
    "safeCreate: a create makes one key despite an answer that cannot be read",
    "safeCreate: a request that arrives late leaves no second key"
  ]),
  driverMutant(
    "writes the name without its mark",
    marked,
    changingCreate(({ label: _label, ...request }) => ({ ...request, label: request.name })),
    [
      "recovery: a create takes over from a dead process and leaves one key",
      "recovery: a create under way elsewhere is a Conflict, and nobody touches it",
      "recovery: a dry run finds orphans and changes nothing",
      "recovery: a sweep leaves keys alone that the journal does not know",
      "recovery: a sweep revokes orphans and nothing else",
      "recovery: a sweep spares what is younger than it is told",
      "recovery: recover revokes what a dead process left, and frees its operation id",
      "recovery: without a journal recover shows candidates and revokes none",
      "safeCreate: a copied or invented mark is not believed",
      "safeCreate: a create interrupted after the backend acted leaves no key",
      "safeCreate: a create leaves the keys of others and of other operations alone",
      "safeCreate: a create makes one key despite a 500 after the backend acted",
      "safeCreate: a create makes one key despite a connection that broke before the backend acted",
      "safeCreate: a create makes one key despite a lost answer",
      "safeCreate: a create makes one key despite an answer that cannot be read",
      "safeCreate: a create that runs out of time is OutcomeUnknown and leaves no key",
      "safeCreate: a request that arrives after its create ran out of time leaves no key",
      "safeCreate: a request that arrives after its create was interrupted leaves no key",
      "safeCreate: a request that arrives late leaves no second key",
      "safeCreate: the mark of a new key is kept"
    ]
  ),
  driverMutant(
    "keeps forty characters of a label",
    marked,
    changingCreate((request) => ({ ...request, label: request.label?.slice(0, 40) })),
    ["create: a name of many scripts reads back as it was given"]
  ),
  driverMutant("revokes no key whose making was not answered", marked, revokesAnswered, [
    "recovery: a create under way elsewhere is a Conflict, and nobody touches it",
    "revoke: a key that others made is revoked too",
    "safeCreate: a create interrupted after the backend acted leaves no key",
    "safeCreate: a create leaves the keys of others and of other operations alone",
    "safeCreate: a create makes one key despite a 500 after the backend acted",
    "safeCreate: a create makes one key despite a lost answer",
    "safeCreate: a create makes one key despite an answer that cannot be read",
    "safeCreate: a create that runs out of time is OutcomeUnknown and leaves no key",
    "safeCreate: a request that arrives after its create ran out of time leaves no key",
    "safeCreate: a request that arrives after its create was interrupted leaves no key",
    "safeCreate: a request that arrives late leaves no second key"
  ]),
  driverMutant("takes a copied mark for a mark", marked, trustsNonces, [
    "safeCreate: a copied or invented mark is not believed"
  ]),
  driverMutant("revokes every key of the same name", marked, revokesNames, [
    "safeCreate: a copied or invented mark is not believed",
    "safeCreate: a create leaves the keys of others and of other operations alone",
    "safeCreate: a request that arrives late leaves no second key"
  ]),
  reckoning("looks before anything can be seen", { visibility: promised(0) }, [
    "listPage: a page says what it leaves out and how old it may be",
    "safeCreate: a backend that cuts marks is noticed, and a create is not repeated there",
    "safeCreate: a backend that drops marks is noticed, and a create is not repeated there",
    "safeCreate: a create makes one key despite a 500 after the backend acted",
    "safeCreate: a create makes one key despite a lost answer",
    "safeCreate: a create makes one key despite an answer that cannot be read"
  ]),
  reckoning("does not wait for what may arrive late", { settle: promised(0) }, [
    "safeCreate: a request that arrives after its create ran out of time leaves no key",
    "safeCreate: a request that arrives after its create was interrupted leaves no key",
    "safeCreate: a request that arrives late leaves no second key"
  ])
]
