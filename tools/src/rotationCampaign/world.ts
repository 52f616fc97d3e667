/** A worker's stores, rotations and engine: those of the packages, on scaled time, with gates around them. */
import { KeyId } from "@keyfold/core/ApiKey"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Driver } from "@keyfold/core/Driver"
import { DriverError } from "@keyfold/core/Driver"
import { Journal } from "@keyfold/core/Journal"
import * as KeyStore from "@keyfold/core/KeyStore"
import { Network } from "@keyfold/core/KeyStoreError"
import * as Resources from "@keyfold/lifecycle/RotationResources"
import * as Rotations from "@keyfold/lifecycle/Rotations"
import { RotationStorage } from "@keyfold/lifecycle/RotationStorage"
import * as SqlJournal from "@keyfold/sql/SqlJournal"
import * as SqlRotations from "@keyfold/sql/SqlRotations"
import * as SqlWorkflow from "@keyfold/sql/SqlWorkflow"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { WorkflowEngine } from "effect/workflow/WorkflowEngine"
import { existsSync, readFileSync } from "node:fs"
import { isDatabase } from "../chaos/backend.ts"
import { defaultsOf, driverOf, onMachineTime } from "../chaos/drivers.ts"
import { clockOf } from "../chaos/scale.ts"
import { scaled } from "../chaos/scaledJournal.ts"
import { knockOf } from "./door.ts"
import { gatedDriver, gatedJournal, gatedSink, gatedStorage, makeGate, type Gate, type GateOf } from "./gates.ts"
import { oldSecretFile, sinkOf } from "./holders.ts"
import type { FromWorker, Run, Setup } from "./message.ts"
import { scaledEngine, scaledStorage } from "./scaled.ts"

/** A worker's rotations, and the gates of its runs. */
export interface World {
  readonly rotations: Rotations.Rotations["Service"]
  readonly gates: ReadonlyMap<string, Gate>
}

const noAnswer = new Resources.CheckError({ problem: "the door cannot be tried" })

/** Knocks at the backend's door with a secret. */
const isLetIn = (setup: Setup, secret: string): Effect.Effect<boolean, Resources.CheckError> => {
  const { headers, path } = knockOf(setup.backend, secret)
  return Effect.tryPromise({
    try: async (signal) => {
      const response = await fetch(`${setup.url}/${path}`, { headers, signal })
      await response.arrayBuffer()
      return response.status === 200
    },
    catch: () => noAnswer
  })
}

/** A probe that tries secrets at the door; of old keys it has kept a copy. */
const doorOf = (setup: Setup, { name, old, path }: Run, gate: Gate): Resources.Probe => {
  const accepts: Resources.Probe["accepts"] = ({ secret }) => gate.at(isLetIn(setup, Redacted.value(secret)), "probe")
  // Nobody keeps the secret of a new key that is given up.
  if (path === "decided") return { accepts }
  const copy = oldSecretFile(setup.folder, name)
  return {
    accepts,
    refuses: ({ id }) =>
      Effect.suspend(() =>
        id === old.id && existsSync(copy)
          ? gate.at(Effect.map(isLetIn(setup, readFileSync(copy, "utf8")), (isIn) => !isIn))
          : Effect.fail(noAnswer)
      )
  }
}

/** Loses the first answer of a backend that no wire lies before. */
const losing = (driver: Driver): Driver => {
  let isLost = false
  return {
    ...driver,
    create: (request) =>
      Effect.flatMap(driver.create(request), (issued) => {
        if (isLost) return Effect.succeed(issued)
        isLost = true
        return Effect.fail(new DriverError({ reason: new Network({ code: "ECONNRESET" }), sent: "maybe" }))
      })
  }
}

const storeOf = (setup: Setup, driver: Driver, { name, path }: Run, gate: Gate) =>
  KeyStore.make(gatedDriver(path === "lost" && isDatabase(setup.backend) ? losing(driver) : driver, gate), {
    store: name,
    defaults: defaultsOf(setup),
    labelSecret: Redacted.make(setup.labelSecret)
  })

/** Asks whether a holder's file has the new key. */
const holderCheck = (setup: Setup, run: Run, gate: Gate): Resources.HolderCheck => {
  const { holds } = sinkOf(setup.folder, run)
  return ({ new: { id } }) =>
    gate.at(
      holds(() => Option.none()).pipe(
        Effect.mapError(({ message }) => new Resources.CheckError({ problem: message })),
        Effect.flatMap((held) =>
          Option.isNone(held) || held.value === id
            ? Effect.void
            : Effect.fail(new Resources.CheckError({ problem: "it has another key" }))
        )
      ),
      "asked"
    )
}

const closed: Resources.Probe = { accepts: () => Effect.succeed(false) }

const resourcesOf = Effect.fnUntraced(function* (
  setup: Setup,
  gateOf: GateOf
): Effect.fn.Return<Resources.RotationResources["Service"], ConfigurationError, Scope.Scope> {
  const driver = yield* onMachineTime(driverOf(setup))
  const runs = new Map(setup.runs.map((run) => [run.name, run]))
  const stores = yield* Effect.forEach(setup.runs, (run) =>
    Effect.map(
      storeOf(setup, driver, run, gateOf(run.name)),
      (store) => [run.name, () => Effect.succeed(store)] as const
    )
  )
  const unknown: Run = { name: "", path: "whole", old: { id: KeyId.make("none") }, place: "file" }
  const runOf = (name: string) => runs.get(name) ?? unknown
  const named = Resources.make({
    stores: Object.fromEntries(stores),
    sinks: { place: ({ rotationId }) => gatedSink(sinkOf(setup.folder, runOf(rotationId)), gateOf(rotationId)) },
    probes: { closed }
  })
  return {
    ...named,
    probe: (name, subject) =>
      name === "door"
        ? Effect.succeed(doorOf(setup, runOf(subject.rotationId), gateOf(subject.rotationId)))
        : named.probe(name, subject),
    holderCheck: (_, { rotationId }) => Effect.succeed(holderCheck(setup, runOf(rotationId), gateOf(rotationId)))
  }
})

/** How many workflows an engine works on at the same time; a run that stands at its trap keeps its place. */
const concurrency = 16

const engineOf = ({ standing, state, takeOverAfter }: Setup) =>
  onMachineTime(
    Effect.map(
      Layer.build(
        SqlWorkflow.layer({
          url: state,
          takeOverAfter: Duration.millis(takeOverAfter),
          pollInterval: Duration.millis(250),
          concurrency: concurrency + standing
        })
      ),
      (context) => Context.get(context, WorkflowEngine)
    )
  )

/** Opens all of it; the scope's end closes it. */
export const open = Effect.fnUntraced(function* (
  setup: Setup,
  report: (message: FromWorker) => void
): Effect.fn.Return<World, ConfigurationError, Scope.Scope> {
  const { clockOffset, runs, scale, secret, state } = setup
  const gates = new Map(runs.map(({ name, trap }) => [name, makeGate(name, trap, report)]))
  const stray = makeGate("", undefined, report)
  const gateOf: GateOf = (run) => gates.get(run) ?? stray
  const plain = yield* onMachineTime(SqlJournal.make({ url: state, secret: Redacted.make(secret) }))
  const journal = gatedJournal(scaled(plain, scale), gateOf)
  const storage = yield* onMachineTime(SqlRotations.make({ url: state }))
  const engine = yield* engineOf(setup)
  const rotations = yield* Rotations.make.pipe(
    Effect.provideService(WorkflowEngine, scaledEngine(engine, scale, clockOf(scale, clockOffset), gateOf)),
    Effect.provideService(RotationStorage, gatedStorage(scaledStorage(storage, scale), gateOf, report)),
    Effect.provideServiceEffect(
      Resources.RotationResources,
      Effect.provideService(resourcesOf(setup, gateOf), Journal, journal)
    ),
    Effect.provideService(Journal, journal)
  )
  return { rotations, gates }
})
