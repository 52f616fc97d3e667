/** What the types of every adapter promise, checked by the compiler: this file is never run, it must only compile. */
/* oxlint-disable typescript/no-unnecessary-type-parameters -- type parameters are the claims here */
import type * as Arthur from "@keyfold/arthur/Arthur"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Driver } from "@keyfold/core/Driver"
import type { KeyStore } from "@keyfold/core/KeyStore"
import type * as Occam from "@keyfold/occam/Occam"
import type * as Sql from "@keyfold/sql/Sql"
import type * as UndiciTransport from "@keyfold/undici/UndiciTransport"
import type * as WhyLabs from "@keyfold/whylabs/WhyLabs"
import type * as Config from "effect/Config"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

/** True exactly where two types are the same, `any` and optionality told apart. */
type Same<Left, Right> = (<T>() => T extends Left ? 1 : 2) extends <T>() => T extends Right ? 1 : 2 ? true : false

/** Compiles only for `true`. */
const holds = <Claim extends true>(): Claim | undefined => undefined

/** The layers of an adapter need nothing: no ky, no fetch, no vendor in their requirements. */
type Store = Layer.Layer<KeyStore, ConfigurationError>
type ConfiguredStore = Layer.Layer<KeyStore, ConfigurationError | Config.ConfigError>
type Building = Effect.Effect<Driver, ConfigurationError, Scope.Scope>

type Claims<Adapter extends { layer: unknown; layerConfig: unknown; make: unknown }> = [
  Adapter["layer"] extends (...input: never) => infer Output ? Same<Output, Store> : never,
  Adapter["layerConfig"] extends (...input: never) => infer Output ? Same<Output, ConfiguredStore> : never,
  Adapter["make"] extends (...input: never) => infer Output ? Same<Output, Building> : never
]

type True = [true, true, true]

// The helper itself: a layer that needs a fetch would not pass.
type Needy = { layer: () => Layer.Layer<KeyStore, ConfigurationError, typeof globalThis.fetch> }
// @ts-expect-error its requirement is not never
holds<Same<Claims<typeof WhyLabs & Needy>, True>>()
// @ts-expect-error a claim that fails is not true
holds<Same<Store, ConfiguredStore>>()

holds<Same<Claims<typeof WhyLabs>, True>>()
holds<Same<Claims<typeof Arthur>, True>>()
holds<Same<Claims<typeof Occam>, True>>()
holds<Same<Claims<typeof Sql>, True>>()
holds<Same<typeof UndiciTransport.layer, Layer.Layer<never>>>()
