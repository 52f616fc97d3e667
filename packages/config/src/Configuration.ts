/**
 * The configuration file: from text to stores that can be opened.
 *
 * @since 0.1.0
 */
import type { Adapter } from "@keyfold/core/Adapter"
import type { Capabilities } from "@keyfold/core/Capabilities"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { StoreOptions } from "@keyfold/core/KeyStore"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { dirname } from "node:path"
import * as AdapterLoader from "./AdapterLoader.ts"
import * as Finding from "./Finding.ts"
import { parse, type Document, type Mistake, type Path } from "./internal/document.ts"
import { mistakesOf } from "./internal/issues.ts"
import { read, type Source } from "./internal/locate.ts"
import { didYouMean } from "./internal/spelling.ts"
import * as stores from "./internal/store.ts"

/**
 * Says which file is read and what it may use.
 *
 * - `file`: the file. Omitted, it is the one `KEYFOLD_CONFIG` names, else `keyfold.yaml`, `keyfold.yml` or `keyfold.json`
 *   in `folder`.
 * - `folder`: the working folder; that of the process when omitted.
 * - `env`: the environment variables; those of the process when omitted.
 * - `builtIn`: adapters the program carries, by short name. They are not looked for as packages.
 * - `secrets`: `now` (when omitted) obtains every secret, so that what is missing shows at once; `later` leaves that to
 *   the opening of each store, for programs that need one store or none.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  readonly file?: string
  readonly folder?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly builtIn?: Readonly<Record<string, AdapterLoader.AnyAdapter>>
  readonly secrets?: "now" | "later"
}

/**
 * Holds what the layer of a store takes: the adapter's own options with their secrets, and the store's.
 *
 * @category models
 * @since 0.1.0
 */
export interface Complete {
  readonly options: unknown
  readonly store: StoreOptions
}

/**
 * Describes one store of the file, checked and not yet open. `complete` obtains its secrets.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoreDefinition {
  readonly name: string
  readonly adapterName: string
  readonly adapter: Adapter<unknown>
  readonly capabilities: Capabilities
  readonly complete: Effect.Effect<Complete, ConfigurationError>
}

/**
 * Holds a configuration without mistakes.
 *
 * Relative paths in it start at `folder`, the file's own. `defaultStore` is the store named by `default`, or the only
 * store.
 *
 * @category models
 * @since 0.1.0
 */
export interface Configuration {
  readonly file: string
  readonly folder: string
  readonly stores: ReadonlyMap<string, StoreDefinition>
  readonly defaultStore: string | undefined
}

const File = Schema.Struct({
  stores: Schema.Record(Schema.NonEmptyString, Schema.Record(Schema.String, Schema.Unknown)).annotate({
    expected: "a mapping from store names to stores"
  }),
  default: Schema.optionalKey(Schema.String.annotate({ expected: "the name of a store" }))
})

interface Reading {
  readonly source: Source
  readonly document: Document
  readonly mistakes: ReadonlyArray<Mistake>
  readonly stores: ReadonlyArray<readonly [name: string, written: unknown]>
  readonly defaultStore: string | undefined
}

const checkDefault = (value: object, names: ReadonlyArray<string>): ReadonlyArray<Mistake> => {
  const asked: unknown = Reflect.get(value, "default")
  if (typeof asked !== "string" || asked === "" || names.length === 0 || names.includes(asked)) return []
  const problem = `no store has this name.${didYouMean(asked, names)} Stores: ${names.join(", ")}.`
  return [{ path: ["default"], at: "value", problem }]
}

const checkFile = (value: unknown): ReadonlyArray<Mistake> => {
  const decoded = Schema.decodeUnknownResult(File)(value, { errors: "all", onExcessProperty: "error" })
  return Result.isFailure(decoded) ? mistakesOf(decoded.failure.issue, { base: [], value }) : []
}

const recordIn = (value: unknown, name: string): object => {
  const found: unknown = typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined
  return typeof found === "object" && found !== null && !Array.isArray(found) ? found : {}
}

const open = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Reading, ConfigurationError> {
  const folder = options.folder ?? process.cwd()
  const source = yield* read(folder, options.file, options.env ?? process.env)
  const document = parse(source.name, source.text)
  const { value } = document
  if (value === undefined) return { source, document, mistakes: [], stores: [], defaultStore: undefined }
  const all = Object.entries(recordIn(value, "stores"))
  const names = all.map(([name]) => name)
  const wrong = [...checkFile(value), ...checkDefault(typeof value === "object" && value !== null ? value : {}, names)]
  const noStore: Mistake = { path: ["stores"], at: "name", problem: "names no store; name at least one." }
  return {
    source,
    document,
    mistakes: wrong.length === 0 && names.length === 0 ? [noStore] : wrong,
    stores: all.filter(([name]) => !wrong.some(({ path }) => path[0] === "stores" && path[1] === name)),
    defaultStore: names.length === 1 ? names[0] : stringIn(value, "default")
  }
})

const stringIn = (value: unknown, name: string): string | undefined => {
  const found: unknown = typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined
  return typeof found === "string" ? found : undefined
}

interface StoreContext {
  readonly options: Options
  readonly reading: Reading
  readonly load: (name: string) => Effect.Effect<Adapter<unknown>, ConfigurationError>
}

const baseOf = (name: string): Path => ["stores", name]

const fail = (mistakes: ReadonlyArray<Mistake>) => Result.fail(mistakes)

/** Obtains the secrets as late as the store is opened; each opening obtains them anew. */
const completeLater = Effect.fnUntraced(function* (
  { document, source }: Reading,
  obtained: Effect.Effect<stores.Checked<ReadonlyArray<stores.Obtained>>>,
  completed: (secrets: ReadonlyArray<stores.Obtained>) => Effect.Effect<stores.Checked<Complete>>
): Effect.fn.Return<Complete, ConfigurationError> {
  const secrets = yield* obtained
  const result = Result.isSuccess(secrets) ? yield* completed(secrets.success) : fail(secrets.failure)
  if (Result.isSuccess(result)) return result.success
  return yield* Finding.toError(source.name, result.failure.map(document.locate))
})

const define = Effect.fnUntraced(function* (
  { load, options, reading }: StoreContext,
  name: string,
  written: unknown
): Effect.fn.Return<stores.Checked<StoreDefinition>> {
  const base = baseOf(name)
  const adapterName = yield* stores.adapterNameOf(written, base)
  if (Result.isFailure(adapterName)) return fail(adapterName.failure)
  const adapter = yield* Effect.result(load(adapterName.success))
  if (Result.isFailure(adapter)) return fail([stores.mistakeAt([...base, "adapter"], adapter.failure)])
  const { mistakes, needed, shape } = yield* stores.judge(name, adapter.success, written, base)
  const folder = dirname(reading.source.path)
  const obtained = stores.obtain(needed, base, { folder, env: options.env ?? process.env })
  const later = options.secrets === "later"
  const now = later ? Result.succeed([]) : yield* obtained
  if (shape === undefined || Result.isFailure(now)) {
    return fail([...mistakes, ...(Result.isFailure(now) ? now.failure : [])])
  }
  const completed = (secrets: ReadonlyArray<stores.Obtained>) => stores.complete(name, shape, secrets, base)
  const definition = {
    name,
    adapterName: adapterName.success,
    adapter: shape.adapter,
    capabilities: shape.capabilities
  }
  if (later) return Result.succeed({ ...definition, complete: completeLater(reading, obtained, completed) })
  return Result.map(yield* completed(now.success), (parts) => ({ ...definition, complete: Effect.succeed(parts) }))
})

interface Outcome {
  readonly syntax: ReadonlyArray<Finding.Finding>
  readonly mistakes: ReadonlyArray<Mistake>
  readonly locate: Document["locate"]
  readonly names: ReadonlyArray<string>
  readonly configuration: Configuration
}

const findingsOf = ({
  locate,
  mistakes,
  syntax
}: Pick<Outcome, "syntax" | "mistakes" | "locate">): ReadonlyArray<Finding.Finding> =>
  Finding.inOrder([...syntax, ...mistakes.map(locate)])

const accept = (outcome: Outcome): Effect.Effect<Configuration, ConfigurationError> => {
  const findings = findingsOf(outcome)
  const { configuration } = outcome
  return findings.length === 0
    ? Effect.succeed(configuration)
    : Effect.fail(Finding.toError(findings[0]?.file ?? configuration.file, findings))
}

const judge = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Outcome, ConfigurationError> {
  const reading = yield* open(options)
  const folder = dirname(reading.source.path)
  const adapters = new Map<string, Effect.Effect<Adapter<unknown>, ConfigurationError>>()
  for (const [, written] of reading.stores) {
    const name = stringIn(written, "adapter") ?? ""
    adapters.set(name, yield* Effect.cached(AdapterLoader.load(name, { folder, builtIn: options.builtIn ?? {} })))
  }
  const load = (name: string) => adapters.get(name) ?? AdapterLoader.load(name, { folder })
  const defined = yield* Effect.forEach(
    reading.stores,
    ([name, written]) => define({ options, reading, load }, name, written),
    { concurrency: 8 }
  )
  const mistakes = [
    ...reading.mistakes,
    ...defined.flatMap((result) => (Result.isFailure(result) ? result.failure : []))
  ]
  const stores = defined.flatMap((result) => (Result.isSuccess(result) ? [result.success] : []))
  return {
    syntax: reading.document.findings,
    mistakes,
    locate: reading.document.locate,
    names: reading.stores.map(([name]) => name),
    configuration: {
      file: reading.source.path,
      folder,
      stores: new Map(stores.map((store) => [store.name, store])),
      defaultStore: reading.defaultStore
    }
  }
})

/**
 * Lists every mistake of a configuration file, in the order of its lines; an empty list means that it can be loaded.
 *
 * Fails only where there is no file to read.
 *
 * @category combinators
 * @since 0.1.0
 */
export const check = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<ReadonlyArray<Finding.Finding>, ConfigurationError> {
  return findingsOf(yield* judge(options))
})

/**
 * Lists the names of the adapters a file uses, each once, without loading any of them.
 *
 * A program that carries some adapters asks this first, to learn whether it needs others. A broken file names none.
 *
 * @category combinators
 * @since 0.1.0
 */
export const adapterNames = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<ReadonlyArray<string>, ConfigurationError> {
  const { stores } = yield* open(options)
  return [...new Set(stores.flatMap(([, written]) => stringIn(written, "adapter") ?? []))]
})

/**
 * Reads a configuration file, loads the adapters it names and checks all of it.
 *
 * Every mistake is reported at once, in one error that names file, line, column and member of each, what was found and
 * what is accepted. Values of secrets are never shown, and a secret written in the file is refused.
 *
 * @category constructors
 * @since 0.1.0
 */
export const load = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<Configuration, ConfigurationError> {
  return yield* accept(yield* judge(options))
})

/**
 * Holds the part of a configuration that a program with one store in mind can use, and what is wrong in the others.
 *
 * @category models
 * @since 0.1.0
 */
export interface OneStore {
  readonly configuration: Configuration
  readonly elsewhere: ReadonlyArray<Finding.Finding>
}

/**
 * Reads a configuration file for a program that needs one store: the one named by `store`, else the default store.
 *
 * Fails as `load` does for mistakes in that store or in the file as a whole. Mistakes in other stores only leave these
 * stores out of the configuration, and are returned. Every mistake counts where no store is chosen, or where the file has
 * none of that name and no sound one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const loadOne = Effect.fnUntraced(function* (
  options: Options & { readonly store?: string } = {}
): Effect.fn.Return<OneStore, ConfigurationError> {
  const outcome = yield* judge(options)
  const { configuration, locate, mistakes, names } = outcome
  const chosen = options.store ?? configuration.defaultStore
  const wanted = configuration.stores.size > 0 || names.includes(chosen ?? "") ? chosen : undefined
  const isElsewhere = ({ path }: Mistake) =>
    wanted !== undefined && path[0] === "stores" && path.length > 1 && path[1] !== wanted
  return {
    configuration: yield* accept({ ...outcome, mistakes: mistakes.filter((mistake) => !isElsewhere(mistake)) }),
    elsewhere: findingsOf({ syntax: [], locate, mistakes: mistakes.filter(isElsewhere) })
  }
})
