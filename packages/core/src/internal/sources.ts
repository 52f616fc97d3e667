/** The operator's view: every key of a store, read once, and whose each of them is. */
import * as Arr from "effect/Array"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ApiKey } from "../ApiKey.ts"
import type { ConfigurationError } from "../ConfigurationError.ts"
import type { Driver } from "../Driver.ts"
import { statuses } from "../KeyList.ts"
import { Unsupported, type KeyStoreError } from "../KeyStoreError.ts"
import type { OwnedKey, SharedOptions, Source, SourceFilter, Unassigned } from "../KeyStores.ts"
import * as Label from "../Label.ts"
import { CurrentPriority, type RequestBudget } from "../RequestBudget.ts"
import type { RetryPolicy } from "../RetryPolicy.ts"
import { checked, failed, guarded, labelOf, presentAs, refused } from "./calls.ts"
import { batches } from "./listing.ts"
import { tellsApart } from "./ownership.ts"
import { retrying, type Engine } from "./retry.ts"
import { checkFilter } from "./spec.ts"
import * as telemetry from "./telemetry.ts"
import type { Directory, Origin, Resource, Rule } from "./tenants.ts"

/** What reading the keys of every store takes. */
export interface Tools {
  readonly directory: Directory
  readonly open: (resource: Resource) => Effect.Effect<Driver, ConfigurationError, Scope.Scope>
  readonly budget: (resource: Resource) => RequestBudget | undefined
  readonly policy: RetryPolicy
  /** Keys the marks of stores that have no secret of their own. */
  readonly journalSecret: Redacted.Redacted<string> | Uint8Array<ArrayBuffer> | undefined
}

/** One origin that is being read. */
interface Reading {
  readonly name: string
  readonly driver: Driver
  readonly engine: Engine
  readonly origin: Origin
  readonly filter: SourceFilter
}

type Keys = Stream.Stream<OwnedKey, KeyStoreError>

/** Says whose the key with this label is; keys of backends without marks have none. */
type Attribute = (label: Label.Label | undefined) => Whose

type Whose = {
  readonly options: SharedOptions
  readonly owner: Tenanted | Untenanted
}

interface Tenanted {
  readonly tenant: string
}

interface Untenanted {
  readonly tenant: undefined
  readonly unassigned: Unassigned
  readonly partition?: string
}

const always =
  (whose: Whose): Attribute =>
  () =>
    whose

const ofTenant = (tenant: string, options: SharedOptions): Whose => ({ options, owner: { tenant } })

const ofNobody = (origin: Origin, unassigned: Unassigned, partition?: string): Whose => ({
  options: origin.resource.definition.options ?? {},
  owner: {
    tenant: undefined,
    unassigned: origin.rules.length === 0 ? "noTenants" : unassigned,
    ...(partition === undefined ? {} : { partition })
  }
})

/** A backend may hand over a list of any length at once; what is made of it must not be as long. */
const slice = 1024

const select = (reading: Reading, attribute: Attribute, keys: ReadonlyArray<ApiKey>, now: DateTime.Utc) => {
  const { driver, filter } = reading
  const asked = new Set(statuses(filter))
  const selected: Array<OwnedKey> = []
  for (const raw of keys) {
    const label = labelOf(driver, raw)
    const { options, owner } = attribute(label)
    if (filter.tenant !== undefined && owner.tenant !== filter.tenant) continue
    const key = presentAs(raw, label, options, now)
    if (!asked.has(key.status) || (filter.owner !== undefined && key.owner !== filter.owner)) continue
    selected.push(owner.tenant === undefined ? { ...owner, key } : { tenant: owner.tenant, key })
  }
  return selected
}

/** Every key of one driver, attributed one by one. */
const read = (reading: Reading, attribute: Attribute): Keys =>
  batches(reading, reading.filter).pipe(
    Stream.filter(Arr.isReadonlyArrayNonEmpty),
    // Not a stream of slices for each batch: what opens and closes a scope that often is kept alive by its predecessors.
    Stream.mapArray((chunk) => Arr.flatMap(chunk, (keys) => Arr.chunksOf(keys, slice))),
    Stream.mapEffect((keys) => Effect.map(DateTime.now, (now) => select(reading, attribute, keys, now))),
    // Flattening them as iterables holds on to batches that are long gone.
    Stream.filter(Arr.isArrayNonEmpty),
    Stream.flattenArray,
    Stream.mapError((failure) => failed(reading, "list", failure))
  )

/** Where marks tell tenants apart: those whose marks look alike are asked one after the other, and each proves its own. */
const byMarks = Effect.fnUntraced(function* (
  { driver: { backend }, origin }: Reading,
  { journalSecret }: Tools
): Effect.fn.Return<Attribute> {
  const known = new Map<string, Array<{ readonly rule: Rule; readonly codec: Label.Codec }>>()
  for (const rule of origin.rules) {
    const secret = rule.options.labelSecret ?? journalSecret
    if (secret === undefined) continue
    const codec = yield* Label.make({ secret, backend, tenant: rule.written })
    known.set(codec.tenant, [...(known.get(codec.tenant) ?? []), { rule, codec }])
  }
  const whose = new Map(origin.rules.map((rule) => [rule, ofTenant(rule.written, rule.options)]))
  const noMark = ofNobody(origin, "noMark")
  const unknownMark = ofNobody(origin, "unknownMark")
  return (label) => {
    if (label?.mark === undefined) return noMark
    const owner = known.get(label.mark.tenant)?.find(({ codec }) => codec.proves(label))
    return (owner === undefined ? undefined : whose.get(owner.rule)) ?? unknownMark
  }
})

/** The partition of one tenant; `tenant` must be there. */
const partitionOf = (reading: Reading, { directory }: Tools, tenant: string): Keys => {
  const { driver, origin } = reading
  const rule = directory.find(tenant)
  const whose =
    rule === undefined || !origin.rules.includes(rule)
      ? ofNobody(origin, "unknownTenant", tenant)
      : ofTenant(tenant, rule.options)
  return read({ ...reading, driver: driver.partition?.(tenant) ?? driver }, always(whose))
}

const unlisted = new Unsupported({
  capability: "partitions",
  problem: "the backend does not say which tenants have keys; only those that are configured by name were read"
})

/** Where the backend keeps tenants apart: the partition of everybody who has keys, known or not. */
const byPartitions = (reading: Reading, tools: Tools): Keys => {
  const { driver, engine, filter, origin } = reading
  if (filter.tenant !== undefined) return partitionOf(reading, tools, filter.tenant)
  const { partition, partitions } = driver
  if (partition !== undefined && partitions !== undefined) {
    const names = Effect.mapError(
      retrying("list", engine, () => partitions),
      (failure) => failed(reading, "list", failure)
    )
    return Stream.flatMap(Stream.fromIterableEffect(names), (name) => partitionOf(reading, tools, name))
  }
  const named = origin.rules.filter(({ written }) => !written.includes("*"))
  const own = origin.rules.length === 0 ? read(reading, always(ofNobody(origin, "noTenants"))) : Stream.empty
  return Stream.fromIterable(named).pipe(
    Stream.flatMap(({ written }) => partitionOf(reading, tools, written)),
    Stream.concat(own),
    Stream.concat(Stream.fail(refused(reading, "list", unlisted)))
  )
}

/** How the keys of an origin are told apart. */
const attributed = (reading: Reading, tools: Tools): Keys => {
  const { driver, origin } = reading
  if (driver.capabilities.tenancy === "native") return byPartitions(reading, tools)
  const [only] = origin.rules
  // Nobody else may use the backend: every key is the tenant's, as the tenant's own store shows it.
  if (only !== undefined && !only.isShared) return read(reading, always(ofTenant(only.written, only.options)))
  if (!tellsApart(driver.capabilities)) return read(reading, always(ofNobody(origin, "noMark")))
  return Stream.unwrap(Effect.map(byMarks(reading, tools), (attribute) => read(reading, attribute)))
}

const open = Effect.fnUntraced(function* (
  origin: Origin,
  filter: SourceFilter,
  tools: Tools
): Effect.fn.Return<Keys, ConfigurationError | KeyStoreError, Scope.Scope> {
  const { resource } = origin
  const driver = yield* tools.open(resource)
  const { name } = resource
  const meter = yield* telemetry.make({ store: name, backend: driver.backend })
  const budget = tools.budget(resource)
  if (budget === undefined) return yield* Effect.die(new Error("no such resource"))
  const reading: Reading = {
    name,
    driver,
    engine: { policy: { ...tools.policy, ...resource.definition.retry }, budget, meter },
    origin,
    filter
  }
  yield* guarded(reading, "list")
  yield* checked(reading, "list", checkFilter(driver, filter))
  return telemetry.observedStream(meter, "list", attributed(reading, tools))
})

const sourceOf = (origin: Origin, tools: Tools): Source => {
  const { credential, definition, name } = origin.resource
  const serves = (tenant: string): boolean => {
    const rule = tools.directory.find(tenant)
    return rule !== undefined && origin.rules.includes(rule)
  }
  return {
    store: name,
    credential,
    backend: definition.backend,
    capabilities: definition.capabilities,
    tenants: origin.rules.map(({ written }) => written),
    serves,
    keys: (filter: SourceFilter = {}) =>
      filter.tenant !== undefined && !serves(filter.tenant)
        ? Stream.empty
        : Stream.unwrap(open(origin, filter, tools)).pipe(Stream.provideService(CurrentPriority, "background"))
  }
}

/** Makes the sources of a configuration; none of them is opened. */
export const make = (tools: Tools): ReadonlyArray<Source> =>
  tools.directory.origins.map((origin) => sourceOf(origin, tools))
