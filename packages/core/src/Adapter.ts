/**
 * What an adapter package exports so that a configuration file can name it.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Capabilities } from "./Capabilities.ts"
import type { ConfigurationError } from "./ConfigurationError.ts"
import type { Driver } from "./Driver.ts"
import type { Journal } from "./Journal.ts"
import * as KeyStore from "./KeyStore.ts"

const TypeId = "~@keyfold/core/Adapter"

/**
 * Keeps a journal for every store of a configuration, on a backend that can.
 *
 * - `options` decodes what the configuration file says; secret fields use the `Secret` schema, and `secret`, which keys the
 *   chains, is one of them.
 * - `open` opens the journal; the scope's end closes it.
 *
 * @category models
 * @since 0.1.0
 */
export interface JournalKeeper<Options> {
  readonly options: Schema.Codec<Options, unknown>
  readonly open: (options: Options) => Effect.Effect<Journal, ConfigurationError, Scope.Scope>
}

/**
 * Connects one backend to Keyfold.
 *
 * - `options` decodes what the configuration file says; secret fields use the `Secret` schema.
 * - `capabilities` is a pure function of the options, so that a mismatch shows before anything is built.
 * - `driver` builds the backend's driver; `layer` the complete store, from the adapter's and the store's options.
 * - `journal` is there where the backend can also keep the journal.
 *
 * @category models
 * @since 0.1.0
 */
export interface Adapter<Options, JournalOptions = unknown> {
  readonly [TypeId]: typeof TypeId
  readonly name: string
  readonly options: Schema.Codec<Options, unknown>
  readonly capabilities: (options: Options) => Capabilities
  readonly driver: (options: Options) => Effect.Effect<Driver, ConfigurationError, Scope.Scope>
  readonly layer: (options: Options & KeyStore.StoreOptions) => Layer.Layer<KeyStore.KeyStore, ConfigurationError>
  readonly layerConfig: (
    options: Config.Wrap<Options & KeyStore.StoreOptions>
  ) => Layer.Layer<KeyStore.KeyStore, ConfigurationError | Config.ConfigError>
  readonly journal?: JournalKeeper<JournalOptions>
}

/**
 * Builds an adapter from its parts; `layer` and `layerConfig` follow from them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <Options, JournalOptions = unknown>(
  parts: Pick<Adapter<Options, JournalOptions>, "name" | "options" | "capabilities" | "driver" | "journal">
): Adapter<Options, JournalOptions> => {
  const layer = (options: Options & KeyStore.StoreOptions) =>
    Layer.effect(
      KeyStore.KeyStore,
      Effect.flatMap(parts.driver(options), (driver) => KeyStore.make(driver, options))
    )
  return {
    ...parts,
    [TypeId]: TypeId,
    layer,
    layerConfig: (options) => Layer.unwrap(Effect.map(Config.unwrap(options), layer))
  }
}

/**
 * Tells whether a value is an adapter, also where two copies of this package are loaded.
 *
 * @category guards
 * @since 0.1.0
 */
export const isAdapter = (value: unknown): value is Adapter<unknown> => Predicate.hasProperty(value, TypeId)

/**
 * Names the folder that relative paths among an adapter's options start from: the configuration file's folder.
 * Undefined means the working folder of the process.
 *
 * @category services
 * @since 0.1.0
 */
export const BaseFolder: Context.Reference<string | undefined> = Context.Reference<string | undefined>(
  "@keyfold/core/BaseFolder",
  { defaultValue: () => undefined }
)
