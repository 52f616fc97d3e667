/** From a configuration file to `Keys`. */
import type { AnyAdapter } from "@keyfold/config/AdapterLoader"
import type { LiveConfiguration, Options } from "@keyfold/config/LiveConfiguration"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type { Keys, OpenOptions } from "../../open.ts"
import { carried } from "../carried.ts"
import { logging } from "./logging.ts"
import { makeRunner, runOnce } from "./runner.ts"
import { makeStore } from "./store.ts"
import { callSite } from "./trace.ts"

/** Where stores come from. */
export type Source = Pick<LiveConfiguration, "forTenant" | "store" | "reload">

/** Makes the keys of a source; closing them closes `scope`. */
export const makeKeys = (source: Source, context: Context.Context<never>, scope: Scope.Closeable): Keys => {
  const runner = makeRunner(context, scope)
  const { close } = runner
  return {
    forTenant: (tenant) => makeStore(runner, source.forTenant(tenant)),
    store: (name) => makeStore(runner, source.store(name)),
    reload: (options = {}) =>
      runner.run(
        Effect.map(source.reload, ({ drained, stores, tenants }) => ({ stores, tenants, drained })),
        options
      ),
    close,
    [Symbol.asyncDispose]: close
  }
}

/** A reload may name any adapter, so all that come with keyfold are there from the start. */
const loadCarried = async (): Promise<Readonly<Record<string, AnyAdapter>>> =>
  Object.fromEntries(
    await Promise.all(
      Object.entries(carried).map(async ([name, load]): Promise<readonly [string, AnyAdapter]> => [name, await load()])
    )
  )

const loadTransport = async (): Promise<Layer.Layer<never>> => (await import("@keyfold/undici/UndiciTransport")).layer

const configurationOptions = ({ env, file, folder }: OpenOptions): Options => ({
  ...(file === undefined ? {} : { file }),
  ...(folder === undefined ? {} : { folder }),
  ...(env === undefined ? {} : { env })
})

/** Opens a configuration file. */
export const openKeys = async (options: OpenOptions): Promise<Keys> => {
  const site = callSite()
  const [{ make }, builtIn, transport] = await Promise.all([
    import("@keyfold/config/LiveConfiguration"),
    loadCarried(),
    loadTransport()
  ])
  const scope = Scope.makeUnsafe()
  const opening = Effect.gen(function* () {
    const context = yield* Layer.build(Layer.merge(transport, logging(options)))
    const live = yield* Effect.provide(
      make({ ...configurationOptions(options), builtIn: { ...builtIn, ...options.builtIn } }),
      context
    )
    return makeKeys(live, context, scope)
  })
  try {
    return await runOnce(Scope.provide(opening, scope), Context.empty(), options, site)
  } catch (error) {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    throw error
  }
}
