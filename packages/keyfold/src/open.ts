/**
 * The Promise API: a configuration, opened for programs that use promises.
 *
 * @since 0.1.0
 */
import type { AnyAdapter } from "@keyfold/config/AdapterLoader"
import { openKeys } from "./internal/promise/open.ts"
import type { CallOptions, Store } from "./store.ts"

/**
 * Tells what happened in the background. `annotations` say about what, such as the `store`; none holds a secret.
 *
 * @category models
 * @since 0.1.0
 */
export interface LogLine {
  readonly time: Date
  readonly level: "trace" | "debug" | "info" | "warn" | "error" | "fatal"
  readonly message: string
  readonly annotations: Readonly<Record<string, string>>
}

/**
 * Says which file is opened.
 *
 * - `file`: the file. Omitted, it is the one `KEYFOLD_CONFIG` names, else `keyfold.yaml`, `keyfold.yml` or `keyfold.json`
 *   in `folder`.
 * - `folder`: the working folder; that of the process when omitted.
 * - `env`: the environment variables; those of the process when omitted.
 * - `builtIn`: adapters the program carries, by short name, beside `sql`, `whylabs`, `arthur` and `occam`.
 * - `log`: takes what happens in the background from level `info` up. Omitted, warnings and errors go to standard error.
 * - `signal`: gives the opening up.
 *
 * @category options
 * @since 0.1.0
 */
export interface OpenOptions extends CallOptions {
  readonly file?: string | undefined
  readonly folder?: string | undefined
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  readonly builtIn?: Readonly<Record<string, AnyAdapter>> | undefined
  readonly log?: ((line: LogLine) => void) | undefined
}

/**
 * Tells what a reload changed: the names of stores and tenants that were added, removed or changed. `drained` says that
 * nobody uses what was there before any more.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reload {
  readonly stores: ReadonlyArray<string>
  readonly tenants: ReadonlyArray<string>
  readonly drained: boolean
}

/**
 * Gives the stores of an open configuration.
 *
 * - `forTenant` gives a tenant's store, and `store` one by its name in the file, or the default store: all of its keys,
 *   whosever they are. Neither opens anything; whether the tenant or the store exists, the first call tells.
 * - `reload` reads the file and every secret again. A file with mistakes changes nothing and rejects with all of them.
 *   Else calls that come next use the new configuration. It resolves once calls under way have finished on the old one, or
 *   after 30 seconds.
 * - `close` waits for calls under way, ends listings nobody reads from, and gives creates whose outcome is being settled up
 *   to 10 seconds. Calls that come later reject with `KeysClosedError`. `await using` closes too.
 *
 * @category services
 * @since 0.1.0
 */
export interface Keys extends AsyncDisposable {
  forTenant(tenant: string): Store
  store(name?: string): Store
  reload(options?: CallOptions): Promise<Reload>
  close(): Promise<void>
}

/**
 * Opens a configuration file, given by its path or by options.
 *
 * Rejects with a `ConfigurationError` that names every mistake: of the file, of its secrets, which are all obtained now,
 * and of what its backends cannot do. No backend is asked anything yet.
 *
 * **Example** (A key for one tenant)
 *
 * `await using keys = await open("keyfold.yaml")`
 *
 * `const { key, secret } = await keys.forTenant("acme").create({ name: "ci" })`
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = (fileOrOptions: string | OpenOptions = {}): Promise<Keys> =>
  openKeys(typeof fileOrOptions === "string" ? { file: fileOrOptions } : fileOrOptions)
