/** Rotations of the configuration: to be looked at, or to be run by this process. */
import { BaseFolder } from "@keyfold/core/Adapter"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { Journal } from "@keyfold/core/Journal"
import type { KeyStore } from "@keyfold/core/KeyStore"
import type { KeyStores } from "@keyfold/core/KeyStores"
import type { Configuration, RotationsDefinition } from "@keyfold/config/Configuration"
import { RotationResources } from "@keyfold/lifecycle/RotationResources"
import { Rotations } from "@keyfold/lifecycle/Rotations"
import type { RotationStorage } from "@keyfold/lifecycle/RotationStorage"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as RcMap from "effect/RcMap"
import type * as Scope from "effect/Scope"
import type { Shell } from "../../Shell.ts"
import type { Settings } from "../root.ts"
import { openNamed, readConfiguration } from "../stores.ts"

/** What a command that runs rotations works with. */
export interface Opened {
  readonly configuration: Configuration
  readonly definition: RotationsDefinition
  readonly stores: KeyStores["Service"]
  readonly resources: RotationResources["Service"]
  readonly rotations: Rotations["Service"]
}

const loadSetup = Effect.promise(() => import("@keyfold/config/RotationSetup"))

/** Opens the storage of the configuration's rotations, and runs none of them. */
export const openStorage = Effect.fnUntraced(function* (
  settings: Settings
): Effect.fn.Return<RotationStorage["Service"], ConfigurationError, Shell | Scope.Scope> {
  const configuration = yield* readConfiguration(settings)
  const { database } = yield* (yield* loadSetup).find(configuration)
  const { make } = yield* Effect.promise(() => import("@keyfold/sql/SqlRotations"))
  return yield* Effect.provideService(make(yield* database), BaseFolder, configuration.folder)
})

const idle = "1 minute"

type Opening = (name: string) => Effect.Effect<KeyStore["Service"], ConfigurationError, Scope.Scope>

/** Opens each store once for all steps that need it at the time. What failed to open is tried again. */
const opener = Effect.fnUntraced(function* (
  configuration: Configuration
): Effect.fn.Return<Opening, never, Scope.Scope> {
  const open = yield* RcMap.make({
    lookup: (name: string) => openNamed(configuration, name),
    idleTimeToLive: idle
  })
  return (name) =>
    Effect.onExit(RcMap.get(open, name), (exit) =>
      Exit.isSuccess(exit) || Exit.hasInterrupts(exit) ? Effect.void : RcMap.invalidate(open, name)
    )
})

const build = Effect.fnUntraced(function* (
  definition: RotationsDefinition,
  folder: string,
  resources: RotationResources["Service"]
) {
  const database = yield* definition.database
  const sqlRotations = yield* Effect.promise(() => import("@keyfold/sql/SqlRotations"))
  const sqlWorkflow = yield* Effect.promise(() => import("@keyfold/sql/SqlWorkflow"))
  const lifecycle = yield* Effect.promise(() => import("@keyfold/lifecycle/Rotations"))
  const layer = lifecycle.layer.pipe(
    Layer.provide([
      Layer.succeed(RotationResources, resources),
      sqlRotations.layer(database),
      sqlWorkflow.layer(database)
    ]),
    Layer.provide(Layer.succeed(BaseFolder, folder))
  )
  return Context.get(yield* Layer.build(layer), Rotations)
})

/**
 * Opens rotations with an engine of this process's own, which goes on with what is under way until the scope ends. What is
 * not over then stands in the database, for whoever comes next.
 */
export const openRotations = Effect.fnUntraced(function* (
  settings: Settings
): Effect.fn.Return<Opened, ConfigurationError, Shell | Scope.Scope> {
  const configuration = yield* readConfiguration(settings)
  const setup = yield* loadSetup
  const definition = yield* setup.find(configuration)
  const { openJournal } = yield* Effect.promise(() => import("@keyfold/config/Stores"))
  const tenants = yield* Effect.promise(() => import("@keyfold/config/Tenants"))
  const { layer: pooled } = yield* Effect.promise(() => import("@keyfold/undici/UndiciTransport"))
  const journal = yield* openJournal(configuration)
  const stores = yield* Effect.provide(tenants.open(configuration), pooled)
  const store = yield* opener(configuration)
  const resources = setup.resources({
    current: Effect.succeed(configuration),
    store,
    forTenant: stores.forTenant
  })
  const rotations = yield* Effect.provideService(build(definition, configuration.folder, resources), Journal, journal)
  return { configuration, definition, stores, resources, rotations }
})
