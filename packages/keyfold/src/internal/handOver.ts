/** How the bundled command leaves a configuration that names other adapters to the modules it was made of. */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { Shell } from "../Shell.ts"
import { isCarried } from "./carried.ts"
import type { Settings } from "./root.ts"

/** Ends the run for another to begin; undefined where this program can load any adapter. */
export const HandOver = Context.Reference<Effect.Effect<never> | undefined>("keyfold/HandOver", {
  defaultValue: () => undefined
})

/** Hands over where this program cannot share effect and core with a package that is installed beside it. */
export const beforePackage: Effect.Effect<void> = Effect.flatMap(HandOver, (handOver) => handOver ?? Effect.void)

/** The names of the file's adapters, where they have been read already. */
const NamedAdapters = Context.Reference<ReadonlyArray<string> | undefined>("keyfold/NamedAdapters", {
  defaultValue: () => undefined
})

/** Says where the configuration is. */
export const placeOf = Effect.fnUntraced(function* ({ config }: Pick<Settings, "config">) {
  const { environment, folder } = yield* Shell
  const file = Option.getOrUndefined(config)
  return { folder, env: environment, ...(file === undefined ? {} : { file }) }
})

/** Names the adapters of the configuration, without loading any. */
export const adaptersIn = Effect.fnUntraced(function* (
  settings: Pick<Settings, "config">
): Effect.fn.Return<ReadonlyArray<string>, ConfigurationError, Shell> {
  const known = yield* NamedAdapters
  if (known !== undefined) return known
  const { adapterNames } = yield* Effect.promise(() => import("@keyfold/config/Configuration"))
  return yield* adapterNames(yield* placeOf(settings))
})

/** Hands over before a command has done anything, such as read a secret from standard input. */
export const layer = (settings: Pick<Settings, "config">): Layer.Layer<never, never, Shell> =>
  Layer.unwrap(
    Effect.gen(function* () {
      if ((yield* HandOver) === undefined) return Layer.empty
      const names = yield* Effect.orElseSucceed(adaptersIn(settings), () => undefined)
      if (names?.every(isCarried) === false) yield* beforePackage
      return Layer.succeed(NamedAdapters, names)
    })
  )
