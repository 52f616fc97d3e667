/** The tenants of the file: which store serves each, and what each overrides. */
import type { Adapter } from "@keyfold/core/Adapter"
import type { Capabilities } from "@keyfold/core/Capabilities"
import type * as KeyStores from "@keyfold/core/KeyStores"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import type { Settings, TenantDefinition } from "../Configuration.ts"
import type { Candidate, Given } from "./define.ts"
import { formatPath, type Mistake, type Path } from "./document.ts"
import { textIn } from "./file.ts"
import type { Budget, Retry, Spender } from "./policies.ts"
import {
  completeWith,
  decode,
  failuresOf,
  readReferences,
  unveil,
  type Checked,
  type Needed,
  type Obtained,
  type Obtaining
} from "./references.ts"
import { placed, Rotation, type Placed } from "./rotation/schedule.ts"
import { slotsOf } from "./secrets.ts"
import { show } from "./show.ts"
import { asking, nearest } from "./spelling.ts"
import * as stores from "./store.ts"

const ofStores = stores.Settable.mapFields(Struct.omit(["shared", "separateCredentials"]))

/** The members every tenant has, whatever the adapter of its store; every other overrides one of the adapter's options. */
export const Members = Schema.Struct({
  store: Schema.String.annotate({ expected: "the name of a store" })
    .check(Schema.isNonEmpty())
    .annotateKey({ description: "The store that serves this tenant." }),
  ...ofStores.fields,
  rotation: Schema.optionalKey(
    Rotation.annotateKey({
      description: "When this tenant's keys are rotated, and how; as the store says when omitted."
    })
  )
})

const memberNames = Object.keys(Members.fields)

/** Where a tenant is written. */
export const baseOf = (name: string): Path => ["tenants", name]

/** The options of an adapter with a tenant's own among them. */
export interface Own {
  readonly name: string
  readonly overridden: ReadonlyArray<string>
  readonly written: object
  readonly needed: ReadonlyArray<Needed>
  readonly options: unknown
  readonly capabilities: Capabilities
}

/** What can be told of a tenant without its secrets, where its store can be read. */
export interface Shape {
  readonly store: Candidate & { readonly shape: stores.Shape }
  readonly written: object
  readonly overrides: KeyStores.SharedOptions
  readonly retry: Retry
  readonly budget: Budget | undefined
  readonly schedules: ReadonlyArray<Placed>
  /** Undefined where it uses its store's credential. */
  readonly own: Own | "unsound" | undefined
}

/** A judged tenant. */
export interface Judged {
  readonly name: string
  readonly mistakes: ReadonlyArray<Mistake>
  readonly needed: ReadonlyArray<Needed>
  readonly shape: Shape | undefined
}

/** What is known of the stores that tenants may name. */
export interface Around {
  readonly stores: ReadonlyMap<string, object>
  readonly names: ReadonlyArray<string>
  readonly candidates: ReadonlyMap<string, Candidate>
  readonly adapterOf: (written: object) => Adapter<unknown> | undefined
}

const split = (written: object): { readonly members: Readonly<Record<string, unknown>>; readonly options: object } => {
  const entries = Object.entries(written)
  return {
    members: Object.fromEntries(entries.filter(([name]) => memberNames.includes(name))),
    options: Object.fromEntries(entries.filter(([name]) => !memberNames.includes(name)))
  }
}

const noSuchStore = (path: Path, name: string, names: ReadonlyArray<string>): Mistake => {
  const suggestion = nearest(name, names)
  const accepted = names.join(", ")
  return {
    path,
    at: "value",
    problem: `no store has this name.${asking(suggestion)} Stores: ${accepted}.`,
    found: show(name),
    accepted,
    ...(suggestion === undefined ? {} : { suggestion })
  }
}

const overridesOf = (members: typeof ofStores.Type): KeyStores.SharedOptions => {
  const { defaults, require, scopeMap } = members
  return {
    ...(defaults === undefined ? {} : { defaults }),
    ...(scopeMap === undefined ? {} : { scopeMap }),
    ...(require === undefined ? {} : { require }),
    ...stores.secretsOf(members)
  }
}

/** The same options in the same words, in whatever order. */
const wording = (written: object): string =>
  JSON.stringify(Object.entries(written).toSorted(([left], [right]) => (left < right ? -1 : 1)))

/** Options that a tenant overrides, judged; `needed` are the secrets it states itself. */
interface JudgedOptions {
  readonly checked: Checked<Omit<Own, "name">>
  readonly needed: ReadonlyArray<Needed>
}

/** Judges what the adapter says to its own options with the tenant's among them. */
const judgeOptions = Effect.fnUntraced(function* (
  adapter: Adapter<unknown>,
  { options, ofStore }: { readonly options: object; readonly ofStore: object },
  base: Path,
  isSound: boolean
): Effect.fn.Return<JudgedOptions> {
  const written = { ...ofStore, ...options }
  const overridden = Object.keys(options)
  const { mistakes, needed, veiled } = readReferences(slotsOf(adapter.options, written), written, base, {})
  const decoded = yield* decode(adapter.options, veiled, base, memberNames)
  // What is wrong with the store's own options is told there.
  const isNew = ({ path }: Mistake) => isSound || overridden.includes(String(path[base.length]))
  const wrong = [...mistakes, ...failuresOf([decoded])].filter(isNew)
  const stated = needed.filter(({ path }) => overridden.includes(String(path[0])))
  if (wrong.length > 0 || Result.isFailure(decoded)) return { checked: Result.fail(wrong), needed: stated }
  const capabilities = adapter.capabilities(decoded.success)
  const own = { overridden, written, needed, options: decoded.success, capabilities }
  return { checked: Result.succeed(own), needed: stated }
})

const keeping = ({ createSafety, tenancy }: Capabilities): string => `${tenancy} ${createSafety}`

/** What a tenant may not override although the adapter takes it. */
const ownMistakes = (
  base: Path,
  { capabilities, overridden }: Omit<Own, "name">,
  shape: stores.Shape | undefined
): ReadonlyArray<Mistake> => {
  if (shape === undefined) return []
  if (keeping(capabilities) !== keeping(shape.capabilities)) {
    const problem =
      "what it overrides changes how this backend keeps tenants apart. Write a store of its own for this tenant."
    return [{ path: base, at: "name", problem }]
  }
  if (capabilities.tenancy !== "native" || !overridden.includes("tenant")) return []
  const problem = "whose keys these are is said by the tenant's name here. Remove it."
  return [{ path: [...base, "tenant"], at: "name", problem }]
}

const isSame = (ofStore: object, options: object): boolean => wording({ ...ofStore, ...options }) === wording(ofStore)

const budgetMistakes = (
  base: Path,
  budget: unknown,
  store: object | undefined,
  options: object
): ReadonlyArray<Mistake> => {
  if (budget === undefined || store === undefined || !isSame(stores.split(store).options, options)) return []
  const problem = "a budget belongs to a credential, and this tenant has none of its own. Write it at the store."
  return [{ path: [...base, "budget"], at: "name", problem }]
}

/** What a tenant says of its store. */
interface Asked {
  readonly name: string | undefined
  readonly written: object | undefined
  readonly candidate: Candidate | undefined
}

const judgeStore = (base: Path, { name }: Asked, own: object, names: ReadonlyArray<string>): ReadonlyArray<Mistake> => {
  if (name === undefined) {
    const misspelt = Object.keys(own).find((option) => nearest(option, ["store"]) !== undefined)
    if (misspelt === undefined) return []
    const problem = 'not a known member. Did you mean "store"?'
    return [{ path: [...base, misspelt], at: "name", problem, accepted: "store", suggestion: "store" }]
  }
  return name === "" || names.includes(name) ? [] : [noSuchStore([...base, "store"], name, names)]
}

/** Judges the options a tenant overrides; undefined where they leave its store's as they are, or nobody knows them. */
const judgeOwn = (
  { adapterOf }: Around,
  { candidate, written }: Asked,
  options: object,
  base: Path
): Effect.Effect<JudgedOptions | undefined> => {
  const adapter = written === undefined ? undefined : adapterOf(written)
  const ofStore = stores.split(written).options
  return adapter === undefined || isSame(ofStore, options)
    ? Effect.undefined
    : judgeOptions(adapter, { options, ofStore }, base, candidate?.judged.mistakes.length === 0)
}

const judgeMapping = Effect.fnUntraced(function* (
  around: Around,
  name: string,
  written: object
): Effect.fn.Return<Judged> {
  const base = baseOf(name)
  const named = textIn(written, "store") ?? ""
  const asked = {
    name: textIn(written, "store"),
    written: around.stores.get(named),
    candidate: around.candidates.get(named)
  }
  const { members, options } = split(written)
  const { mistakes, needed, veiled } = readReferences(slotsOf(Members, members), members, base, stores.fixed)
  const decoded = yield* decode(Members, veiled, base, [])
  const judged = yield* judgeOwn(around, asked, options, base)
  const own = judged?.checked
  const shape = asked.candidate?.judged.shape
  const told = [
    ...mistakes,
    ...failuresOf(own === undefined ? [decoded] : [decoded, own]),
    ...judgeStore(base, asked, options, around.names),
    ...budgetMistakes(base, members["budget"], asked.written, options),
    ...(own !== undefined && Result.isSuccess(own) ? ownMistakes(base, own.success, shape) : [])
  ]
  if (asked.candidate === undefined || shape === undefined || Result.isFailure(decoded)) {
    return { name, mistakes: told, needed: [...needed, ...(judged?.needed ?? [])], shape: undefined }
  }
  const { budget, retry = {}, rotation } = decoded.success
  const { rotation: __, store: _, ...settings } = members
  const store = { ...asked.candidate, shape }
  const schedules = placed(base, store.name, name, rotation)
  const common = { store, written: settings, overrides: overridesOf(decoded.success), retry, budget, schedules }
  if (judged === undefined) return { name, mistakes: told, needed, shape: { ...common, own: undefined } }
  return Result.isSuccess(judged.checked)
    ? { name, mistakes: told, needed, shape: { ...common, own: { ...judged.checked.success, name } } }
    : { name, mistakes: told, needed: [...needed, ...judged.needed], shape: { ...common, own: "unsound" } }
})

const judgeName = ({ candidates, names }: Around, name: string, asked: string): Judged => {
  const candidate = candidates.get(asked)
  const shape = candidate?.judged.shape
  return {
    name,
    mistakes: candidate !== undefined || names.includes(asked) ? [] : [noSuchStore(baseOf(name), asked, names)],
    needed: [],
    shape:
      candidate === undefined || shape === undefined
        ? undefined
        : {
            store: { ...candidate, shape },
            written: {},
            overrides: {},
            retry: {},
            budget: undefined,
            schedules: [],
            own: undefined
          }
  }
}

/** Gives tenants who override the same options in the same words one credential. */
const sharingCredentials = (judged: ReadonlyArray<Judged>): ReadonlyArray<Judged> => {
  const names = new Map<string, string>()
  return judged.map((tenant) => {
    const { shape } = tenant
    if (shape?.own === undefined || shape.own === "unsound") return tenant
    const id = JSON.stringify([shape.store.name, wording(shape.own.written)])
    const name = names.get(id) ?? tenant.name
    names.set(id, name)
    return { ...tenant, shape: { ...shape, own: { ...shape.own, name } } }
  })
}

/** Judges tenants one by one. */
export const judgeAll = (
  around: Around,
  tenants: ReadonlyArray<readonly [name: string, written: string | object]>
): Effect.Effect<ReadonlyArray<Judged>> =>
  Effect.map(
    Effect.forEach(tenants, ([name, written]) =>
      typeof written === "string"
        ? Effect.succeed(judgeName(around, name, written))
        : judgeMapping(around, name, written)
    ),
    sharingCredentials
  )

/** Lists the tenants with a credential of their own that has a budget: their own, their store's or the file's. */
export const spendersOf = (tenants: ReadonlyArray<Judged>, common: Budget | undefined): ReadonlyArray<Spender> =>
  tenants.flatMap(({ name, shape }) => {
    const budget = shape?.budget ?? shape?.store.shape.budget ?? common
    if (shape?.own === undefined || shape.own === "unsound" || budget === undefined) return []
    return [{ adapter: shape.store.shape.adapter.name, credentials: shape.own.needed, budget, base: baseOf(name) }]
  })

const decodeSettings = (
  written: object,
  secrets: ReadonlyArray<Obtained>,
  base: Path
): Effect.Effect<Checked<KeyStores.SharedOptions>> =>
  Effect.map(decode(ofStores, unveil(written, secrets), base, []), Result.map(overridesOf))

const defineOwn = Effect.fnUntraced(function* (
  obtaining: Obtaining,
  adapter: Adapter<unknown>,
  { name, needed, overridden, written }: Own,
  base: Path
): Effect.fn.Return<Checked<TenantDefinition["credential"]>> {
  const options = yield* completeWith(obtaining, { mistakes: [], needed }, base, (secrets) =>
    stores.complete({ adapter, written }, secrets, base)
  )
  // A secret of the store's own that cannot be had is told there.
  const isNew = ({ path }: Mistake) => overridden.includes(String(path[base.length]))
  return Result.mapBoth(options, {
    onSuccess: (options) => ({ name, options }),
    onFailure: (mistakes) => mistakes.filter(isNew)
  })
})

/** Prepares a judged tenant for opening; what is wrong with it is told here. */
export const define = Effect.fnUntraced(function* (
  obtaining: Obtaining,
  { mistakes, name, needed, shape }: Judged,
  { budgets, retry }: Given
): Effect.fn.Return<Checked<TenantDefinition>> {
  const base = baseOf(name)
  const disagreements = budgets.mistakes.filter(({ path }) => path[0] === base[0] && path[1] === name)
  const budget = budgets.of.get(formatPath(base))
  const settle = (
    { retry: own, store, written }: Shape,
    secrets: ReadonlyArray<Obtained>
  ): Effect.Effect<Checked<Settings>> =>
    Effect.map(
      decodeSettings(written, secrets, base),
      Result.map((overrides) => ({
        store: budget === undefined ? overrides : { ...overrides, budget },
        retry: { ...retry, ...store.shape.retry, ...own }
      }))
    )
  const wrong = { mistakes: [...mistakes, ...disagreements], needed }
  const settings = yield* completeWith(obtaining, wrong, base, shape && ((secrets) => settle(shape, secrets)))
  const credential =
    shape?.own === undefined || shape.own === "unsound"
      ? Result.succeed(undefined)
      : yield* defineOwn(obtaining, shape.store.shape.adapter, shape.own, base)
  if (shape === undefined || shape.own === "unsound" || Result.isFailure(settings) || Result.isFailure(credential)) {
    return Result.fail(failuresOf([settings, credential]))
  }
  return Result.succeed({
    name,
    store: shape.store.name,
    settings: settings.success,
    credential: credential.success
  })
})
