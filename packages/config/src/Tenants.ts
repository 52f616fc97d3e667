/**
 * The stores of many tenants, from a configuration.
 *
 * @since 0.1.0
 */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { Journal } from "@keyfold/core/Journal"
import * as KeyStores from "@keyfold/core/KeyStores"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Configuration } from "./Configuration.ts"
import { optionsOf } from "./internal/keyStores.ts"

/**
 * Makes the stores of a configuration's tenants, and opens none of them. The scope's end closes what is open.
 *
 * They use the configuration's journal, which is opened here; without one, the `Journal` this effect runs with. An
 * adapter's secrets are obtained when a store with them is opened, unless they were when the file was read. A
 * configuration without tenants serves nobody.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = Effect.fnUntraced(function* (
  configuration: Configuration
): Effect.fn.Return<KeyStores.KeyStores["Service"], ConfigurationError, Scope.Scope> {
  const { journal } = configuration
  const definitions = yield* optionsOf(configuration)
  // Opened before the stores, so that it outlasts what they still write while they close.
  const opened = journal === undefined ? yield* Journal : yield* journal.open
  return yield* Effect.provideService(KeyStores.make(definitions), Journal, opened)
})
