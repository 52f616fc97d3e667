/** Which tenant is served by what: the tenants of a configuration as they are written, checked and looked up. */
import { ConfigurationError } from "../ConfigurationError.ts"
import * as KeyStore from "../KeyStore.ts"
import type { Assignment, Options, SharedOptions, StoreDefinition } from "../KeyStores.ts"
import * as RequestBudget from "../RequestBudget.ts"
import type { RetryPolicy } from "../RetryPolicy.ts"
import { tellsApart } from "./ownership.ts"
import { isUnstorable } from "./spec.ts"

/** One driver: a store definition with one of its credentials. */
export interface Resource {
  readonly id: string
  readonly name: string
  readonly credential: string | undefined
  readonly definition: StoreDefinition
  readonly driver: StoreDefinition["driver"]
}

/**
 * What serves one tenant, or all tenants of one pattern: `sharers` of them see the same keys, and `isShared` says whether
 * they must be told apart.
 */
export interface Rule {
  readonly written: string
  readonly resource: Resource
  readonly options: SharedOptions
  readonly retry: Partial<RetryPolicy>
  readonly isOverridden: boolean
  readonly isShared: boolean
  readonly sharers: number
}

/** Keys that are read together: those of a store or, where each of its credentials has keys of its own, of one of them. */
export interface Origin {
  readonly resource: Resource
  readonly rules: ReadonlyArray<Rule>
}

interface Pattern {
  readonly prefix: string
  readonly suffix: string
  readonly rule: Rule
}

/** The tenants of a configuration. */
export interface Directory {
  readonly rules: ReadonlyArray<Rule>
  /** Every key of the configuration's backends lies in one of them. */
  readonly origins: ReadonlyArray<Origin>
  /** The rule of a tenant: its own, or that of the longest pattern; undefined where there is none, or no single one. */
  readonly find: (tenant: string) => Rule | undefined
}

type Entry = Assignment & { readonly written: string }

const entriesOf = ({ tenants }: Options): ReadonlyArray<Entry> =>
  Object.entries(tenants).map(([written, assignment]) =>
    typeof assignment === "string" ? { store: assignment, written } : { ...assignment, written }
  )

const isPattern = (written: string): boolean => written.includes("*")

const defined = (options: Options, name: string): StoreDefinition | undefined =>
  Object.hasOwn(options.stores, name) ? options.stores[name] : undefined

/** Names who sees the same keys: everybody at a store, unless each credential has keys of its own. */
const groupOf = ({ separateCredentials }: StoreDefinition, { credential, store }: Entry): string =>
  JSON.stringify(separateCredentials === true ? [store, credential ?? null] : [store])

const sizes = (options: Options, entries: ReadonlyArray<Entry>): ReadonlyMap<string, number> => {
  const counted = new Map<string, number>()
  for (const entry of entries) {
    const definition = defined(options, entry.store)
    if (definition === undefined) continue
    const group = groupOf(definition, entry)
    counted.set(group, (counted.get(group) ?? 0) + 1)
  }
  return counted
}

const merged = (shared: SharedOptions = {}, own: SharedOptions = {}): SharedOptions => ({
  ...shared,
  ...own,
  ...(shared.defaults === undefined && own.defaults === undefined
    ? {}
    : { defaults: { ...shared.defaults, ...own.defaults } }),
  ...(shared.require === undefined && own.require === undefined
    ? {}
    : { require: { ...shared.require, ...own.require } })
})

const driverOf = (
  definition: StoreDefinition,
  credential: string | undefined
): StoreDefinition["driver"] | undefined => {
  const { credentials = {}, driver } = definition
  if (credential === undefined) return driver
  return Object.hasOwn(credentials, credential) ? credentials[credential] : undefined
}

const resourceOf = (
  name: string,
  definition: StoreDefinition,
  credential: string | undefined
): Resource | undefined => {
  const driver = driverOf(definition, credential)
  const id = JSON.stringify([name, credential ?? null])
  return driver === undefined ? undefined : { id, name, credential, definition, driver }
}

const rulesOf = (options: Options): ReadonlyArray<Rule> => {
  const entries = entriesOf(options)
  const counted = sizes(options, entries)
  return entries.flatMap((entry): ReadonlyArray<Rule> => {
    const definition = defined(options, entry.store)
    const resource = definition === undefined ? undefined : resourceOf(entry.store, definition, entry.credential)
    if (definition === undefined || resource === undefined) return []
    const sharers = counted.get(groupOf(definition, entry)) ?? 1
    return [
      {
        written: entry.written,
        resource,
        options: merged(definition.options, entry.options),
        retry: { ...definition.retry, ...entry.retry },
        isOverridden: entry.options !== undefined,
        isShared: definition.capabilities.tenancy === "native" || definition.shared === true || sharers > 1,
        sharers
      }
    ]
  })
}

/** Credentials that see the same keys are read through one of them: through the store's own, unless nobody uses that. */
const readersOf = (
  { credentials = {}, separateCredentials }: StoreDefinition,
  rules: ReadonlyArray<Rule>
): ReadonlyArray<string | undefined> => {
  if (separateCredentials === true) return [undefined, ...Object.keys(credentials)]
  const used = rules.map(({ resource }) => resource.credential)
  return [used.includes(undefined) ? undefined : used[0]]
}

const originsOf = (options: Options, rules: ReadonlyArray<Rule>): ReadonlyArray<Origin> => {
  const ofStore = Map.groupBy(rules, ({ resource }) => resource.name)
  return Object.entries(options.stores).flatMap(([store, definition]) => {
    const own = ofStore.get(store) ?? []
    return readersOf(definition, own).flatMap((credential) => {
      const resource = resourceOf(store, definition, credential)
      const isOf = (rule: Rule) => definition.separateCredentials !== true || rule.resource.credential === credential
      return resource === undefined ? [] : [{ resource, rules: own.filter(isOf) }]
    })
  })
}

const patternOf = (rule: Rule): Pattern => {
  const [prefix = "", suffix = ""] = rule.written.split("*")
  return { prefix, suffix, rule }
}

const weight = ({ prefix, suffix }: Pattern): number => prefix.length + suffix.length

/** Takes the tenants of a checked configuration in. */
export const directoryOf = (options: Options): Directory => {
  const rules = rulesOf(options)
  const exact = new Map(rules.filter(({ written }) => !isPattern(written)).map((rule) => [rule.written, rule]))
  const patterns = rules.filter(({ written }) => isPattern(written)).map(patternOf)
  return {
    rules,
    origins: originsOf(options, rules),
    find: (tenant) => {
      if (tenant === "" || isUnstorable(tenant)) return undefined
      const own = exact.get(tenant)
      if (own !== undefined) return own
      const matching = patterns
        .filter(
          (pattern) =>
            tenant.length > weight(pattern) && tenant.startsWith(pattern.prefix) && tenant.endsWith(pattern.suffix)
        )
        .toSorted((left, right) => weight(right) - weight(left))
      const [best, next] = matching
      // Two patterns that fit equally well do not say whose tenant it is.
      return best === undefined || (next !== undefined && weight(next) === weight(best)) ? undefined : best.rule
    }
  }
}

const isolationMistakes = (rule: Rule, isKept: boolean): ReadonlyArray<ConfigurationError> => {
  const { isShared, options, resource, sharers, written } = rule
  const { backend, capabilities } = resource.definition
  const store = resource.name
  const split = "Give each of its tenants a store of its own, or choose a backend that keeps tenants apart."
  if (isPattern(written) && capabilities.tenancy !== "native") {
    const problem = `a pattern needs a store that keeps tenants apart by itself, and ${backend} does not.`
    return [new ConfigurationError({ store, field: `tenants.${written}`, problem, fix: "Name each tenant." })]
  }
  if (!isShared || capabilities.tenancy === "native") return []
  if (!tellsApart(capabilities)) {
    const who = sharers > 1 ? `${sharers} tenants` : "more than one tenant"
    const problem = `${backend} does not keep tenants apart, and this store is to serve ${who}.`
    return [new ConfigurationError({ store, field: "tenants", problem, fix: split })]
  }
  if (options.labelSecret !== undefined || isKept) return []
  const problem = `tenants of ${backend} are told apart by keyed marks, and this store has no secret for them.`
  const fix = "Set labelSecret to at least 16 random characters, the same in every process, or use a journal."
  return [new ConfigurationError({ store, field: "labelSecret", problem, fix })]
}

const withField = (error: ConfigurationError, field: string): ConfigurationError =>
  new ConfigurationError({
    ...(error.store === undefined ? {} : { store: error.store }),
    field,
    problem: error.problem,
    ...(error.fix === undefined ? {} : { fix: error.fix })
  })

const optionMistakes = (rule: Rule): ReadonlyArray<ConfigurationError> => {
  const { isOverridden, isShared, options, resource, written } = rule
  const { backend, capabilities } = resource.definition
  const tenant = isShared && tellsApart(capabilities) ? { tenant: written } : {}
  return KeyStore.check({ backend, capabilities }, { ...options, ...tenant, store: resource.name }).map((error) =>
    isOverridden ? withField(error, `tenants.${written}.${error.field ?? "options"}`) : error
  )
}

const entryMistakes = (options: Options, { credential, store, written }: Entry): ReadonlyArray<ConfigurationError> => {
  const field = `tenants.${written}`
  const mistake = (problem: string, fix: string) => [new ConfigurationError({ field, problem, fix })]
  if (written === "" || isUnstorable(written)) return mistake("the tenant's name cannot be used.", "Name it.")
  if (written.split("*").length > 2) {
    return mistake("a pattern has one * at most.", 'Write one, such as "dev-*", or name each tenant.')
  }
  const definition = defined(options, store)
  if (definition === undefined) {
    return mistake(`there is no store "${store}".`, `Stores: ${Object.keys(options.stores).join(", ")}.`)
  }
  if (driverOf(definition, credential) !== undefined) return []
  const names = Object.keys(definition.credentials ?? {})
  const known = names.length === 0 ? "it has none" : `it has ${names.join(", ")}`
  return mistake(`store "${store}" has no credential "${credential}".`, `Name one of its credentials; ${known}.`)
}

const budgetMistakes = ([store, { budget }]: readonly [string, StoreDefinition]): ReadonlyArray<ConfigurationError> => {
  try {
    if (budget !== undefined) RequestBudget.make(budget)
    return []
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return [new ConfigurationError({ store, field: "budget", problem: `${error.message}.` })]
  }
}

const unassigned = (options: Options, rules: ReadonlyArray<Rule>): ReadonlyArray<ConfigurationError> => {
  const assigned = new Set(rules.map(({ resource }) => resource.name))
  return Object.entries(options.stores).flatMap(([store, { backend, capabilities, options: own }]) =>
    assigned.has(store) ? [] : KeyStore.check({ backend, capabilities }, { ...own, store })
  )
}

/** Lists what cannot work, each mistake once. `isKept` where a journal lends its secret to stores without one. */
export const mistakesOf = (options: Options, isKept: boolean): ReadonlyArray<ConfigurationError> => {
  const rules = rulesOf(options)
  const all = [
    ...entriesOf(options).flatMap((entry) => entryMistakes(options, entry)),
    ...Object.entries(options.stores).flatMap(budgetMistakes),
    ...rules.flatMap((rule) => isolationMistakes(rule, isKept)),
    ...rules.flatMap(optionMistakes),
    ...unassigned(options, rules)
  ]
  return [...new Map(all.map((mistake) => [mistake.message, mistake])).values()]
}
