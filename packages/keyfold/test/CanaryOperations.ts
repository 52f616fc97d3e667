/** Every operation of a store, with what it takes to call it. */
import { KeyId, type IssuedKey } from "@keyfold/core/ApiKey"
import type { KeyStore } from "@keyfold/core/KeyStore"
import { OperationId } from "@keyfold/core/OperationId"
import { deliverTo, type Sink } from "@keyfold/core/Sink"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { given, redacted } from "./CanaryPlants.ts"

export type Store = KeyStore["Service"]

/** What operations work on: a key made before, and the sinks of this situation. */
export interface Material {
  readonly first: IssuedKey
  /** How long a create may take. */
  readonly within: Duration.Input
  readonly sinks: ReadonlyArray<Sink>
  readonly owner: string | undefined
}

export type Run = (store: Store, material: Material) => Effect.Effect<unknown, unknown>

export type Operation = readonly [name: string, run: Run]

const known = OperationId.make("op-known")

const tampered = (secret: Redacted.Redacted<string>) => {
  const text = Redacted.value(secret)
  return redacted(`${text.slice(0, -1)}${text.endsWith("A") ? "B" : "A"}`)
}

const reads: ReadonlyArray<Operation> = [
  ["get", (store, { first }) => store.get(first.key)],
  ["get of an unknown id", (store) => store.get({ id: KeyId.make("00000000-0000-4000-8000-000000000000") })],
  ["list", (store) => Stream.runCollect(store.list())],
  [
    "list of one owner",
    (store, { owner = "ann" }) => Stream.runCollect(store.list({ owner, status: ["active", "revoked", "expired"] }))
  ],
  [
    "listPage",
    (store) =>
      Effect.flatMap(store.listPage({ limit: 1 }), ({ next }) =>
        next === undefined ? Effect.void : store.listPage({ limit: 1, cursor: next })
      )
  ],
  ["listPage with a forged cursor", (store) => store.listPage({ cursor: given.presented })],
  ["usage", (store, { first }) => store.usage(first.key)],
  ["verify", (store, { first }) => store.verify(first.secret)],
  ["verify of a tampered secret", (store, { first }) => store.verify(tampered(first.secret))],
  ["verify of another secret", (store) => store.verify(redacted(given.presented))],
  ["identify", (store, { first }) => Effect.sync(() => store.identify(first.secret))]
]

const creates: ReadonlyArray<Operation> = [
  ["create", (store, { within }) => store.create({ name: "one & only" }, { within })],
  [
    "create under a known operation id",
    (store, { within }) => store.create({ name: "known" }, { operationId: known, within })
  ],
  ["create with an input that is refused", (store) => store.create({ name: "\u0000", tags: { a: "b" } })]
]

const endings: ReadonlyArray<Operation> = [
  ["recover", (store) => store.recover(known)],
  ["sweepOrphans in a dry run", (store) => store.sweepOrphans({ dryRun: true })],
  ["sweepOrphans", (store, { sinks: [sink] }) => store.sweepOrphans(sink === undefined ? {} : { sink })],
  ["revoke", (store, { first }) => store.revoke(first.key)],
  ["revoke by id", (store, { first }) => store.revoke({ id: first.key.id })]
]

const deliveries = (sinks: ReadonlyArray<Sink>): ReadonlyArray<Operation> =>
  sinks.map((sink, index): Operation => [
    `create for sink ${index}`,
    (store, { within }) => store.create({ name: "delivered" }, { within }).pipe(deliverTo(sink))
  ])

export const operationsWith = (sinks: ReadonlyArray<Sink>): ReadonlyArray<Operation> => [
  ...creates,
  ...deliveries(sinks),
  ...reads,
  ...endings
]
