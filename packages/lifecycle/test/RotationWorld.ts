/** Processes that rotate keys of one backend over one storage and one journal, and that can be killed at any call. */
import * as Journal from "@keyfold/core/Journal"
import * as KeyStore from "@keyfold/core/KeyStore"
import type { Driver } from "@keyfold/core/Driver"
import * as Resources from "@keyfold/lifecycle/RotationResources"
import { RotationId, type Options, type Unconfigured } from "@keyfold/lifecycle/Rotation"
import * as RotationStorage from "@keyfold/lifecycle/RotationStorage"
import { defaultTiming, RotationTiming, type Timing } from "@keyfold/lifecycle/RotationTiming"
import * as Rotations from "@keyfold/lifecycle/Rotations"
import type { KeyId } from "@keyfold/core/ApiKey"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as WorkflowEngine from "effect/workflow/WorkflowEngine"
import * as Backend from "./RotationBackend.ts"

/**
 * A process: once its `killAt`-th call to the outside was carried out it dies, or it stands still before that call until
 * `thaw` is done.
 */
export interface Process {
  calls: number
  isDead: boolean
  readonly killAt?: number
  readonly kill?: "after" | "stall"
  readonly thaw?: Deferred.Deferred<void>
}

export interface World {
  readonly backend: Backend.Backend
  readonly place: Backend.Place
  readonly old: KeyId
  readonly storage: RotationStorage.RotationStorage["Service"]
  readonly journal: Journal.Journal
  timing: Timing
  hasJournal: boolean
  /** Whether the store is built with the journal of the rotations. */
  sharesJournal: boolean
  /** Filled with what must never be so. */
  readonly violations: Array<string>
  resources: Pick<Resources.Named, "probes" | "holderChecks" | "ownKeys">
}

/** A backend with one key that a place holds. */
export const make = Effect.fnUntraced(function* (own: Parameters<typeof Backend.make>[0] = {}) {
  const backend = Backend.make(own)
  const { id } = backend.add({ name: "ci", scopes: ["read"], tags: { team: "a" } })
  const world: World = {
    backend,
    place: Backend.place(id),
    old: id,
    storage: yield* RotationStorage.memory,
    journal: yield* Journal.memory,
    timing: defaultTiming,
    hasJournal: true,
    sharesJournal: true,
    violations: [],
    resources: {}
  }
  return world
})

const watch = ({ backend, place, violations }: World) => {
  if (!backend.isActive(place.holds)) violations.push(`the holder has ${place.holds}, which is not active`)
}

/** Lets a call through while the process lives. */
const gated =
  (world: World, process: Process) =>
  <A, E, R>(call: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      const asleep = process.thaw === undefined ? Effect.never : Deferred.await(process.thaw)
      if (process.isDead) return Effect.andThen(asleep, call)
      process.calls++
      const isLast = process.calls === process.killAt
      if (isLast && process.kill !== "after") process.isDead = true
      const watched = Effect.onExit(call, () =>
        Effect.suspend(() => {
          watch(world)
          if (isLast) process.isDead = true
          return process.isDead ? asleep : Effect.void
        })
      )
      return process.isDead ? Effect.andThen(asleep, watched) : watched
    })

const gatedListing = (list: Driver["list"], gate: ReturnType<typeof gated>): Driver["list"] =>
  list.kind === "pages"
    ? list
    : { kind: "stream", open: (request) => Stream.unwrap(Effect.map(gate(Effect.succeed(request)), list.open)) }

const gatedDriver = (driver: Driver, gate: ReturnType<typeof gated>): Driver => ({
  ...driver,
  create: (request) => gate(driver.create(request)),
  revoke: (ref) => gate(driver.revoke(ref)),
  ...(driver.get === undefined ? {} : { get: (ref) => gate(driver.get?.(ref) ?? Effect.never) }),
  ...(driver.verify === undefined ? {} : { verify: (secret) => gate(driver.verify?.(secret) ?? Effect.never) }),
  ...(driver.findOperation === undefined
    ? {}
    : { findOperation: (operation) => gate(driver.findOperation?.(operation) ?? Effect.never) }),
  list: gatedListing(driver.list, gate)
})

const gatedJournal = (journal: Journal.Journal, gate: ReturnType<typeof gated>): Journal.Journal => ({
  ...journal,
  claim: (request) => gate(journal.claim(request)),
  attempt: (lease, nonce, lasting) => gate(journal.attempt(lease, nonce, lasting)),
  minted: (lease, nonce, key, lasting) => gate(journal.minted(lease, nonce, key, lasting)),
  delivered: (lease, nonce, key) => gate(journal.delivered(lease, nonce, key)),
  abandon: (lease) => gate(journal.abandon(lease)),
  find: (address) => gate(journal.find(address))
})

/** Starts a process: an engine of its own over what all processes share. */
export const launch = Effect.fnUntraced(function* (world: World, process: Process = { calls: 0, isDead: false }) {
  const gate = gated(world, process)
  const { place, resources, storage } = world
  const journal = gatedJournal(world.journal, gate)
  const { sink } = place
  const driver = gatedDriver(world.backend.driver, gate)
  const open = KeyStore.make(driver, { store: "keys", labelSecret: Redacted.make("a secret for marks of tests") }).pipe(
    Effect.provideService(Journal.Journal, world.sharesJournal ? journal : undefined),
    Effect.orDie
  )
  const things = Resources.layer({
    ...resources,
    stores: { keys: (): Effect.Effect<KeyStore.KeyStore["Service"], Unconfigured, Scope.Scope> => open },
    sinks: {
      place: () => ({
        ...sink,
        open: Effect.map(gate(sink.open), (write) => (issued) => gate(write(issued))),
        holds: (identify) => gate(sink.holds(identify))
      })
    }
  })
  const shared = Layer.succeed(RotationStorage.RotationStorage, {
    ...storage,
    insert: (make) => gate(storage.insert(make)),
    transact: (id, decide) => gate(storage.transact(id, decide))
  })
  const all = Rotations.layer.pipe(
    Layer.provideMerge(WorkflowEngine.layerMemory),
    Layer.provide([
      things,
      shared,
      world.hasJournal ? Journal.layer(Effect.succeed(journal)) : Layer.empty,
      Layer.succeed(RotationTiming, world.timing)
    ])
  )
  // The scope of a killed process is never closed: nothing of it is tidied up.
  const scope = yield* Scope.make()
  const context = yield* Layer.buildWithScope(all, scope)
  return { rotations: Context.get(context, Rotations.Rotations), scope }
})

/** What these tests ask for. */
export const request: Options & { readonly rotationId: RotationId } = {
  store: "keys",
  overlap: "1 minute",
  sink: "place",
  rotationId: RotationId.make("r1")
}

/** The record of that rotation, asked for behind everybody's back. */
export const recordIn = ({ storage }: World, id: RotationId = request.rotationId) =>
  Effect.flatMap(Effect.orDie(storage.transact(id, ({ record }) => ({ answer: record }))), (record) =>
    record === undefined ? Effect.die("no such rotation") : Effect.succeed(record)
  )
