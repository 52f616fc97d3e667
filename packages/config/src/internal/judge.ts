/** From the options of a program to a judged file: adapters loaded, overrides in place, every mistake told. */
import type { Adapter } from "@keyfold/core/Adapter"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { dirname } from "node:path"
import * as AdapterLoader from "../AdapterLoader.ts"
import type { Complete, Configuration, JournalDefinition, Options, StoreDefinition } from "../Configuration.ts"
import * as Finding from "../Finding.ts"
import { parse, type Document, type Mistake, type Path } from "./document.ts"
import * as file from "./file.ts"
import * as journals from "./journal.ts"
import { read, type Source } from "./locate.ts"
import { apply, variableBehind, type Overridden, type Override } from "./overrides.ts"
import { share, type Budget, type Budgets, type Retry, type Spender } from "./policies.ts"
import { completeWith, failuresOf, mistakeAt, type Checked, type Obtained, type Obtaining } from "./references.ts"
import * as stores from "./store.ts"
import { targetsOf } from "./variables.ts"

/** A file that was read and parsed. */
export interface Opened {
  readonly source: Source
  readonly document: Document
}

/** A judged file: what is wrong with it, and the configuration that the rest makes. */
export interface Outcome {
  readonly syntax: ReadonlyArray<Finding.Finding>
  readonly mistakes: ReadonlyArray<Mistake>
  readonly locate: Document["locate"]
  readonly names: ReadonlyArray<string>
  readonly configuration: Configuration
  /** What the file says, overrides in place. */
  readonly value: unknown
  readonly overrides: ReadonlyArray<Override>
}

/** Reads and parses the file. */
export const open = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Opened, ConfigurationError> {
  const source = yield* read(options.folder ?? process.cwd(), options.file, options.env ?? process.env)
  return { source, document: parse(source.name, source.text) }
})

type Loaded = (name: string) => Result.Result<Adapter<unknown>, ConfigurationError> | undefined

/** Loads every adapter once, however many parts of the file name it. */
const loadAll = Effect.fnUntraced(function* (value: unknown, options: AdapterLoader.Options): Effect.fn.Return<Loaded> {
  const names = [...file.adapterNamesIn(value)]
  const loaded = yield* Effect.forEach(names, (name) => Effect.result(AdapterLoader.load(name, options)), {
    concurrency: 8
  })
  const results = new Map(names.map((name, index) => [name, loaded[index]]))
  return (name) => results.get(name)
})

const baseOf = (name: string): Path => ["stores", name]

const adapterOf = (loaded: Loaded, name: string | undefined): Adapter<unknown> | undefined => {
  const result = name === undefined ? undefined : loaded(name)
  return result !== undefined && Result.isSuccess(result) ? result.success : undefined
}

/** Puts the environment's overrides into the file. Of a part whose adapter is not there nobody knows the members. */
const override = (value: unknown, loaded: Loaded, env: Exclude<Options["env"], undefined>): Overridden => {
  const journal = file.journalIn(value)
  const parts = [
    ...file.storesIn(value).map(([name, written]) => {
      const options = adapterOf(loaded, file.textIn(written, "adapter"))?.options
      return { base: baseOf(name), schemas: options === undefined ? [] : [stores.Settable, options] }
    }),
    ...(journal === undefined ? [] : [journal]).map((written) => {
      const options = adapterOf(loaded, journals.adapterNameOf(written))?.journal?.options
      return { base: journals.base, schemas: options === undefined ? [] : [options] }
    })
  ]
  const ofParts = parts.flatMap(({ base, schemas }) => schemas.flatMap(({ ast }) => targetsOf(ast, base)))
  return apply(value, {
    targets: [...targetsOf(file.Settable.ast, []), ...ofParts],
    opaque: parts.flatMap(({ base, schemas }) => (schemas.length === 0 ? [base] : [])),
    env
  })
}

/** What the parts of one file share. */
interface Context {
  readonly loaded: Loaded
  readonly obtaining: Obtaining
}

/** A store whose adapter is there, judged and without its secrets yet. */
interface Candidate {
  readonly name: string
  readonly adapterName: string
  readonly judged: stores.Judged
}

const judgeStore = Effect.fnUntraced(function* (
  { loaded }: Context,
  name: string,
  written: unknown
): Effect.fn.Return<Checked<Candidate>> {
  const base = baseOf(name)
  const adapterName = yield* stores.adapterNameOf(written, base)
  if (Result.isFailure(adapterName)) return Result.fail(adapterName.failure)
  const adapter = loaded(adapterName.success)
  if (adapter === undefined) return Result.fail([])
  if (Result.isFailure(adapter)) return Result.fail([mistakeAt([...base, "adapter"], adapter.failure)])
  const judged = yield* stores.judge(name, adapter.success, written, base)
  return Result.succeed({ name, adapterName: adapterName.success, judged })
})

/** The stores that have a budget, their own or that of the file. */
const spendersOf = (candidates: ReadonlyArray<Candidate>, common: Budget | undefined): ReadonlyArray<Spender> =>
  candidates.flatMap(({ judged: { shape }, name }) => {
    const budget = shape?.budget ?? common
    if (shape === undefined || budget === undefined) return []
    const { adapter, credentials } = shape
    return [{ store: name, adapter: adapter.name, credentials, budget, base: baseOf(name) }]
  })

/** What a store has from the file and from the other stores, beside what it says itself. */
interface Given {
  readonly retry: Retry
  readonly budgets: Budgets
}

const define = Effect.fnUntraced(function* (
  { obtaining }: Context,
  { adapterName, judged, name }: Candidate,
  { budgets, retry }: Given
): Effect.fn.Return<Checked<StoreDefinition>> {
  const base = baseOf(name)
  const { needed, shape } = judged
  const mistakes = [...judged.mistakes, ...budgets.mistakes.filter(({ path }) => path[1] === name)]
  const budget = budgets.of.get(name)
  const finish = (shape: stores.Shape, secrets: ReadonlyArray<Obtained>): Effect.Effect<Checked<Complete>> =>
    Effect.map(
      stores.complete(name, shape, secrets, base),
      Result.map(({ options, store }) => ({
        options,
        store: budget === undefined ? store : { ...store, budget },
        retry: { ...retry, ...shape.retry }
      }))
    )
  const completed = yield* completeWith(
    obtaining,
    { mistakes, needed },
    base,
    shape === undefined ? undefined : (secrets) => finish(shape, secrets)
  )
  if (Result.isFailure(completed)) return Result.fail(completed.failure)
  return shape === undefined
    ? Result.fail(mistakes)
    : Result.succeed({
        name,
        adapterName,
        adapter: shape.adapter,
        capabilities: shape.capabilities,
        complete: completed.success
      })
})

const defineStores = Effect.fnUntraced(function* (
  context: Context,
  { budget, retry, stores }: file.Reading
): Effect.fn.Return<ReadonlyArray<Checked<StoreDefinition>>> {
  const judged = yield* Effect.forEach(stores, ([name, written]) => judgeStore(context, name, written))
  const candidates = judged.flatMap((result) => (Result.isSuccess(result) ? [result.success] : []))
  const budgets = share(spendersOf(candidates, budget))
  return yield* Effect.forEach(
    judged,
    (result) =>
      Result.isSuccess(result)
        ? define(context, result.success, { retry, budgets })
        : Effect.succeed(Result.fail(result.failure)),
    { concurrency: 8 }
  )
})

const defineJournal = Effect.fnUntraced(function* (
  { loaded, obtaining }: Context,
  written: object | undefined
): Effect.fn.Return<Checked<JournalDefinition | undefined>> {
  if (written === undefined) return Result.succeed(undefined)
  const adapterName = journals.adapterNameOf(written)
  const adapter = loaded(adapterName)
  if (adapter === undefined) return Result.fail([])
  if (Result.isFailure(adapter)) return Result.fail([journals.unloadable(written, adapter.failure)])
  const opening = yield* journals.define(adapter.success, written, obtaining)
  return Result.map(opening, (open) => ({ adapterName, open }))
})

/** Finds places in the file, and the variable that a mistake comes from. */
const locating =
  ({ locate }: Document, overrides: ReadonlyArray<Override>): Document["locate"] =>
  (mistake) => {
    const variable = mistake.variable ?? variableBehind(mistake.path, overrides)
    return locate(variable === undefined ? mistake : { ...mistake, variable })
  }

/** Judges a whole file. */
export const judge = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Outcome, ConfigurationError> {
  const { document, source } = yield* open(options)
  const folder = dirname(source.path)
  const env = options.env ?? process.env
  const allowed = file.allowedIn(document.value)
  const limits = allowed === undefined ? {} : { allowed }
  const loaded = yield* loadAll(document.value, { folder, builtIn: options.builtIn ?? {}, ...limits })
  const isReadable = document.value !== undefined
  const { mistakes: ofOverrides, overrides, value } = override(document.value, loaded, isReadable ? env : {})
  const locate = locating(document, overrides)
  const reading = isReadable ? file.read(value) : file.unreadable
  const refuse = (mistakes: ReadonlyArray<Mistake>) => Finding.toError(source.name, mistakes.map(locate))
  const context: Context = {
    loaded,
    obtaining: { from: { folder, env }, later: options.secrets === "later", refuse }
  }
  const defined = yield* defineStores(context, reading)
  const journal = yield* defineJournal(context, reading.journal)
  const sound = defined.flatMap((result) => (Result.isSuccess(result) ? [result.success] : []))
  return {
    syntax: document.findings,
    mistakes: [...reading.mistakes, ...ofOverrides, ...failuresOf([...defined, journal])],
    locate,
    names: reading.stores.map(([name]) => name),
    value,
    overrides,
    configuration: {
      file: source.path,
      folder,
      stores: new Map(sound.map((store) => [store.name, store])),
      defaultStore: reading.defaultStore,
      journal: Result.isSuccess(journal) ? journal.success : undefined
    }
  }
})

/** All that is wrong with a judged file, in the order of its lines. */
export const findingsOf = ({
  locate,
  mistakes,
  syntax
}: Pick<Outcome, "syntax" | "mistakes" | "locate">): ReadonlyArray<Finding.Finding> =>
  Finding.inOrder([...syntax, ...mistakes.map(locate)])

/** Accepts a judged file without mistakes. */
export const accept = (outcome: Outcome): Effect.Effect<Configuration, ConfigurationError> => {
  const findings = findingsOf(outcome)
  const { configuration } = outcome
  return findings.length === 0
    ? Effect.succeed(configuration)
    : Effect.fail(Finding.toError(findings[0]?.file ?? configuration.file, findings))
}
