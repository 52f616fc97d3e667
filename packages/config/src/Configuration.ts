/**
 * The configuration file: from text to stores that can be opened.
 *
 * @since 0.1.0
 */
import type { Adapter } from "@keyfold/core/Adapter"
import type { Capabilities } from "@keyfold/core/Capabilities"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Journal } from "@keyfold/core/Journal"
import type { StoreOptions } from "@keyfold/core/KeyStore"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { dirname } from "node:path"
import * as AdapterLoader from "./AdapterLoader.ts"
import * as Finding from "./Finding.ts"
import { parse, type Document, type Mistake, type Path } from "./internal/document.ts"
import { mistakesOf } from "./internal/issues.ts"
import * as journals from "./internal/journal.ts"
import { read, type Source } from "./internal/locate.ts"
import { completeWith, failuresOf, mistakeAt, type Checked, type Obtaining } from "./internal/references.ts"
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
 * Describes the journal of the file, checked and not yet open.
 *
 * `open` opens it, or joins those who have it open already: there is one for the whole configuration, and the end of the
 * last scope closes it.
 *
 * @category models
 * @since 0.1.0
 */
export interface JournalDefinition {
  readonly adapterName: string
  readonly open: Effect.Effect<Journal, ConfigurationError, Scope.Scope>
}

/**
 * Holds a configuration without mistakes.
 *
 * Relative paths in it start at `folder`, the file's own. `defaultStore` is the store named by `default`, or the only
 * store. Every store opened from it uses its `journal`, where it has one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Configuration {
  readonly file: string
  readonly folder: string
  readonly stores: ReadonlyMap<string, StoreDefinition>
  readonly defaultStore: string | undefined
  readonly journal: JournalDefinition | undefined
}

const File = Schema.Struct({
  stores: Schema.Record(Schema.NonEmptyString, Schema.Record(Schema.String, Schema.Unknown)).annotate({
    expected: "a mapping from store names to stores"
  }),
  default: Schema.optionalKey(Schema.String.annotate({ expected: "the name of a store" })),
  journal: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.Unknown).annotate({ expected: "a mapping that says where the journal is" })
  )
})

interface Reading {
  readonly source: Source
  readonly document: Document
  readonly mistakes: ReadonlyArray<Mistake>
  readonly stores: ReadonlyArray<readonly [name: string, written: unknown]>
  readonly defaultStore: string | undefined
  readonly journal: object | undefined
}

/** Names the adapters that stores and journal use, each once. */
const namesIn = ({ journal, stores }: Reading): ReadonlySet<string> =>
  new Set([
    ...stores.flatMap(([, written]) => stringIn(written, "adapter") ?? []),
    ...(journal === undefined ? [] : [journals.adapterNameOf(journal)])
  ])

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

const recordIn = (value: unknown, name: string): object | undefined => {
  const found: unknown = typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined
  return typeof found === "object" && found !== null && !Array.isArray(found) ? found : undefined
}

const open = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Reading, ConfigurationError> {
  const folder = options.folder ?? process.cwd()
  const source = yield* read(folder, options.file, options.env ?? process.env)
  const document = parse(source.name, source.text)
  const { value } = document
  if (value === undefined) {
    return { source, document, mistakes: [], stores: [], defaultStore: undefined, journal: undefined }
  }
  const all = Object.entries(recordIn(value, "stores") ?? {})
  const names = all.map(([name]) => name)
  const wrong = [...checkFile(value), ...checkDefault(typeof value === "object" && value !== null ? value : {}, names)]
  const noStore: Mistake = { path: ["stores"], at: "name", problem: "names no store; name at least one." }
  return {
    source,
    document,
    mistakes: wrong.length === 0 && names.length === 0 ? [noStore] : wrong,
    stores: all.filter(([name]) => !wrong.some(({ path }) => path[0] === "stores" && path[1] === name)),
    defaultStore: names.length === 1 ? names[0] : stringIn(value, "default"),
    journal: recordIn(value, "journal")
  }
})

const stringIn = (value: unknown, name: string): string | undefined => {
  const found: unknown = typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined
  return typeof found === "string" ? found : undefined
}

interface Context {
  readonly obtaining: Obtaining
  readonly load: (name: string) => Effect.Effect<Adapter<unknown>, ConfigurationError>
}

const baseOf = (name: string): Path => ["stores", name]

const fail = (mistakes: ReadonlyArray<Mistake>) => Result.fail(mistakes)

const define = Effect.fnUntraced(function* (
  { load, obtaining }: Context,
  name: string,
  written: unknown
): Effect.fn.Return<Checked<StoreDefinition>> {
  const base = baseOf(name)
  const adapterName = yield* stores.adapterNameOf(written, base)
  if (Result.isFailure(adapterName)) return fail(adapterName.failure)
  const adapter = yield* Effect.result(load(adapterName.success))
  if (Result.isFailure(adapter)) return fail([mistakeAt([...base, "adapter"], adapter.failure)])
  const judged = yield* stores.judge(name, adapter.success, written, base)
  const { shape } = judged
  const completed = yield* completeWith(
    obtaining,
    judged,
    base,
    shape === undefined ? undefined : (secrets) => stores.complete(name, shape, secrets, base)
  )
  if (shape === undefined || Result.isFailure(completed)) {
    return fail(Result.isFailure(completed) ? completed.failure : judged.mistakes)
  }
  return Result.succeed({
    name,
    adapterName: adapterName.success,
    adapter: shape.adapter,
    capabilities: shape.capabilities,
    complete: completed.success
  })
})

const defineJournal = Effect.fnUntraced(function* (
  { load, obtaining }: Context,
  written: object | undefined
): Effect.fn.Return<Checked<JournalDefinition | undefined>> {
  if (written === undefined) return Result.succeed(undefined)
  const adapterName = journals.adapterNameOf(written)
  const adapter = yield* Effect.result(load(adapterName))
  if (Result.isFailure(adapter)) return fail([journals.unloadable(written, adapter.failure)])
  const opening = yield* journals.define(adapter.success, written, obtaining)
  return Result.map(opening, (open) => ({ adapterName, open }))
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

/** Makes every adapter be loaded once, however many parts of the file name it. */
const loadingOnce = Effect.fnUntraced(function* (names: Iterable<string>, options: AdapterLoader.Options) {
  const adapters = new Map<string, Effect.Effect<Adapter<unknown>, ConfigurationError>>()
  for (const name of names) adapters.set(name, yield* Effect.cached(AdapterLoader.load(name, options)))
  return (name: string) => adapters.get(name) ?? AdapterLoader.load(name, options)
})

const judge = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Outcome, ConfigurationError> {
  const reading = yield* open(options)
  const { document, source } = reading
  const folder = dirname(source.path)
  const context: Context = {
    obtaining: {
      from: { folder, env: options.env ?? process.env },
      later: options.secrets === "later",
      refuse: (mistakes) => Finding.toError(source.name, mistakes.map(document.locate))
    },
    load: yield* loadingOnce(namesIn(reading), { folder, builtIn: options.builtIn ?? {} })
  }
  const defined = yield* Effect.forEach(reading.stores, ([name, written]) => define(context, name, written), {
    concurrency: 8
  })
  const journal = yield* defineJournal(context, reading.journal)
  const mistakes = [...reading.mistakes, ...failuresOf([...defined, journal])]
  const stores = defined.flatMap((result) => (Result.isSuccess(result) ? [result.success] : []))
  return {
    syntax: document.findings,
    mistakes,
    locate: document.locate,
    names: reading.stores.map(([name]) => name),
    configuration: {
      file: source.path,
      folder,
      stores: new Map(stores.map((store) => [store.name, store])),
      defaultStore: reading.defaultStore,
      journal: Result.isSuccess(journal) ? journal.success : undefined
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
 * Lists the names of the adapters a file uses, the journal's included, each once, without loading any of them.
 *
 * A program that carries some adapters asks this first, to learn whether it needs others. A broken file names none.
 *
 * @category combinators
 * @since 0.1.0
 */
export const adapterNames = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<ReadonlyArray<string>, ConfigurationError> {
  return [...namesIn(yield* open(options))]
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
 * Holds the part of a configuration that a program can use, and what is wrong in the stores that were left out.
 *
 * @category models
 * @since 0.1.0
 */
export interface OneStore {
  readonly configuration: Configuration
  readonly elsewhere: ReadonlyArray<Finding.Finding>
}

const leaveOut = Effect.fnUntraced(function* (
  outcome: Outcome,
  isElsewhere: (mistake: Mistake) => boolean
): Effect.fn.Return<OneStore, ConfigurationError> {
  const { locate, mistakes } = outcome
  return {
    configuration: yield* accept({ ...outcome, mistakes: mistakes.filter((mistake) => !isElsewhere(mistake)) }),
    elsewhere: findingsOf({ syntax: [], locate, mistakes: mistakes.filter(isElsewhere) })
  }
})

const isInStore = ({ path }: Mistake): boolean => path[0] === "stores" && path.length > 1

/**
 * Reads a configuration file for a program that needs one store: the one named by `store`, else the default store.
 *
 * Fails as `load` does for mistakes in that store, in the journal or in the file as a whole. Mistakes in other stores only
 * leave these stores out of the configuration, and are returned. Every mistake counts where no store is chosen, or where
 * the file has none of that name and no sound one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const loadOne = Effect.fnUntraced(function* (
  options: Options & { readonly store?: string } = {}
): Effect.fn.Return<OneStore, ConfigurationError> {
  const outcome = yield* judge(options)
  const { configuration, names } = outcome
  const chosen = options.store ?? configuration.defaultStore
  const wanted = configuration.stores.size > 0 || names.includes(chosen ?? "") ? chosen : undefined
  return yield* leaveOut(outcome, (mistake) => wanted !== undefined && isInStore(mistake) && mistake.path[1] !== wanted)
})

/**
 * Reads a configuration file for a program that needs its journal and no store.
 *
 * Fails as `load` does for mistakes in the journal or in the file as a whole. Mistakes in stores only leave these stores
 * out of the configuration, and are returned.
 *
 * @category constructors
 * @since 0.1.0
 */
export const loadJournal = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<OneStore, ConfigurationError> {
  return yield* leaveOut(yield* judge(options), isInStore)
})
