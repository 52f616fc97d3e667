/** From the options of a program to a judged file: adapters loaded, overrides in place, every mistake told. */
import type { Adapter } from "@keyfold/core/Adapter"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { dirname } from "node:path"
import * as AdapterLoader from "../AdapterLoader.ts"
import type {
  Configuration,
  GatewayDefinition,
  JournalDefinition,
  Options,
  RotationsDefinition,
  StoreDefinition,
  TenantDefinition
} from "../Configuration.ts"
import * as Finding from "../Finding.ts"
import { GatewaySettings } from "../GatewaySettings.ts"
import { baseOf as storeBase, define, judgeStore, spendersOf, type Context, type Loaded } from "./define.ts"
import { parse, type Document, type Mistake } from "./document.ts"
import * as file from "./file.ts"
import * as gateways from "./gateway.ts"
import { isolationMistakes } from "./isolation.ts"
import * as journals from "./journal.ts"
import { read, type Source } from "./locate.ts"
import { apply, variableBehind, type Overridden, type Override } from "./overrides.ts"
import { share, type Purses } from "./policies.ts"
import { failuresOf, fetching, fetchingOnce, type Checked } from "./references.ts"
import type { Placed } from "./rotation/schedule.ts"
import * as scheduling from "./rotation/scheduling.ts"
import * as settings from "./rotation/settings.ts"
import * as stores from "./store.ts"
import * as tenants from "./tenants.ts"

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
  readonly tenantNames: ReadonlyArray<string>
  readonly configuration: Configuration
  /** What the file says, overrides in place. */
  readonly value: unknown
  readonly overrides: ReadonlyArray<Override>
  /** The budgets of its stores and tenants. */
  readonly purses: Purses
}

/** Reads and parses the file. */
export const open = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Opened, ConfigurationError> {
  const source = yield* read(options.folder ?? process.cwd(), options.file, options.env ?? process.env)
  return { source, document: parse(source.name, source.text) }
})

/** Loads every adapter once, however many parts of the file name it. */
const loadAll = Effect.fnUntraced(function* (value: unknown, options: AdapterLoader.Options): Effect.fn.Return<Loaded> {
  const names = [...file.adapterNamesIn(value)]
  const loaded = yield* Effect.forEach(names, (name) => Effect.result(AdapterLoader.load(name, options)), {
    concurrency: 8
  })
  const results = new Map(names.map((name, index) => [name, loaded[index]]))
  return (name) => results.get(name)
})

const adapterOf = (loaded: Loaded, name: string | undefined): Adapter<unknown> | undefined => {
  const result = name === undefined ? undefined : loaded(name)
  return result !== undefined && Result.isSuccess(result) ? result.success : undefined
}

/** Puts the environment's overrides into the file. Of a part whose adapter is not there nobody knows the members. */
const override = (value: unknown, loaded: Loaded, env: Exclude<Options["env"], undefined>): Overridden => {
  const journal = file.journalIn(value)
  const rotations = file.rotationsIn(value)
  const gateway = file.gatewayIn(value)
  const parts = [
    ...file.storesIn(value).map(([name, written]) => {
      const options = adapterOf(loaded, file.textIn(written, "adapter"))?.options
      return { base: storeBase(name), schemas: options === undefined ? [] : [stores.Settable, options] }
    }),
    ...(journal === undefined ? [] : [journal]).map((written) => {
      const options = adapterOf(loaded, journals.adapterNameOf(written))?.journal?.options
      return { base: journals.base, schemas: options === undefined ? [] : [options] }
    }),
    ...(rotations === undefined ? [] : [{ base: settings.base, schemas: [settings.Database] }]),
    ...(gateway === undefined ? [] : [{ base: gateways.base, schemas: [GatewaySettings] }])
  ]
  return apply(value, [{ base: [], schemas: [file.Settable] }, ...parts], env)
}

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

/** The parts of a file that name adapters, defined, and what is wrong with them. */
interface Parts {
  readonly mistakes: ReadonlyArray<Mistake>
  readonly stores: ReadonlyMap<string, StoreDefinition>
  readonly tenants: ReadonlyMap<string, TenantDefinition>
  readonly journal: JournalDefinition | undefined
  readonly rotations: RotationsDefinition | undefined
  readonly gateway: GatewayDefinition | undefined
  readonly purses: Purses
}

/** Defines the rotations, and holds the schedules of stores and tenants against them. */
const defineRotations = Effect.fnUntraced(function* (
  { env, obtaining }: Context,
  { journal, rotations }: file.Reading,
  schedules: ReadonlyArray<Placed>
): Effect.fn.Return<Checked<RotationsDefinition | undefined>> {
  const mistakes = scheduling.mistakesOf(schedules, rotations, journal !== undefined)
  if (rotations === undefined) return mistakes.length > 0 ? Result.fail(mistakes) : Result.succeed(undefined)
  const isSql = journal !== undefined && /^(?:@keyfold\/)?sql$/.test(journals.adapterNameOf(journal))
  const written = journal === undefined ? undefined : { written: journal, isSql }
  const defined = yield* settings.define(obtaining, rotations, written, env)
  if (Result.isFailure(defined) || mistakes.length > 0) return Result.fail([...failuresOf([defined]), ...mistakes])
  const { sinks } = defined.success
  const known = schedules.map((schedule) => scheduling.scheduleOf(schedule, sinks))
  return Result.succeed({ ...defined.success, schedules: known })
})

const successesOf = <A>(results: ReadonlyArray<Checked<A>>): ReadonlyArray<A> =>
  results.flatMap((result) => (Result.isSuccess(result) ? [result.success] : []))

const byName = <A extends { readonly name: string }>(parts: ReadonlyArray<A>): ReadonlyMap<string, A> =>
  new Map(parts.map((part) => [part.name, part]))

const defineParts = Effect.fnUntraced(function* (
  context: Context,
  reading: file.Reading,
  value: unknown,
  before: Purses
): Effect.fn.Return<Parts> {
  const { loaded, obtaining } = context
  const judged = yield* Effect.forEach(reading.stores, ([name, written]) => judgeStore({ loaded }, name, written))
  const candidates = successesOf(judged)
  const around: tenants.Around = {
    stores: new Map(file.storesIn(value)),
    names: file.namesIn(value),
    candidates: byName(candidates),
    adapterOf: (written) => adapterOf(loaded, file.textIn(written, "adapter"))
  }
  const ofTenants = yield* tenants.judgeAll(around, reading.tenants)
  const spenders = [...spendersOf(candidates, reading.budget), ...tenants.spendersOf(ofTenants, reading.budget)]
  const given = { retry: reading.retry, budgets: share(spenders, before) }
  const stores = yield* Effect.forEach(candidates, (store) => define({ obtaining }, store, given), { concurrency: 8 })
  const definedTenants = yield* Effect.forEach(ofTenants, (tenant) => tenants.define(obtaining, tenant, given), {
    concurrency: 8
  })
  const journal = yield* defineJournal(context, reading.journal)
  const shapes = [...candidates.map(({ judged }) => judged.shape), ...ofTenants.map(({ shape }) => shape)]
  const schedules = shapes.flatMap((shape) => shape?.schedules ?? [])
  const rotations = yield* defineRotations(context, reading, schedules)
  const gateway = yield* gateways.define(obtaining, reading)
  return {
    mistakes: [
      ...failuresOf([...judged, ...stores, ...definedTenants, journal, rotations, gateway]),
      ...isolationMistakes(candidates, ofTenants, reading.journal !== undefined)
    ],
    stores: byName(successesOf(stores)),
    tenants: byName(successesOf(definedTenants)),
    journal: Result.isSuccess(journal) ? journal.success : undefined,
    rotations: Result.isSuccess(rotations) ? rotations.success : undefined,
    gateway: Result.isSuccess(gateway) ? gateway.success : undefined,
    purses: given.budgets.purses
  }
})

/** Judges a whole file. Budgets that are as in `before` go on from there. */
export const judge = Effect.fnUntraced(function* (
  options: Options,
  before: Purses = new Map()
): Effect.fn.Return<Outcome, ConfigurationError> {
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
  const fetch = options.secrets === "later" ? fetching({ folder, env }) : fetchingOnce({ folder, env })
  const obtaining = { folder, fetch, later: options.secrets === "later", refuse }
  const { mistakes, purses, ...parts } = yield* defineParts({ loaded, obtaining, env }, reading, value, before)
  return {
    syntax: document.findings,
    mistakes: [...reading.mistakes, ...ofOverrides, ...mistakes],
    locate,
    names: reading.stores.map(([name]) => name),
    tenantNames: reading.tenants.map(([name]) => name),
    value,
    overrides,
    purses,
    configuration: { file: source.path, folder, defaultStore: reading.defaultStore, idle: reading.idle, ...parts }
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
