/**
 * The `fetch` the default transport calls: the one seam tests and emulators use.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"

/**
 * Holds the `fetch` function of every transport built below it; the platform's own by default.
 *
 * Provide an emulator's `fetch` to run a store without any network.
 *
 * @category services
 * @since 0.1.0
 */
export const Fetch: Context.Reference<typeof globalThis.fetch> = Context.Reference<typeof globalThis.fetch>(
  "@keyfold/http/Fetch",
  { defaultValue: () => globalThis.fetch }
)
