/** What is to be said about one key, from what its backend tells. */
import type { ApiKey } from "@keyfold/core/ApiKey"
import type { Capabilities } from "@keyfold/core/Capabilities"
import type { OwnedKey, Source, Unassigned } from "@keyfold/core/KeyStores"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import { defaultBroad, type Class, type Finding, type Gap, type Options } from "../../Inventory.ts"
import * as namesOf from "./names.ts"

const day = Duration.toMillis(Duration.days(1))

/** Everything that the keys of one source are judged by. */
export interface Judge {
  /** Tells what is to be said about a key, and counts it. */
  readonly judge: (owned: OwnedKey) => ReadonlyArray<Finding>
  readonly counts: () => Readonly<Record<Class, number>>
  readonly gaps: () => ReadonlyArray<Gap>
}

/** What keys are judged against, the same for every source of an inventory. */
export interface Limits {
  readonly now: number
  readonly expiresBefore: number
  readonly createdBefore: number
  readonly usedBefore: number
  readonly allowed: ReadonlySet<string> | undefined
  readonly isBroad: (scope: string) => boolean
}

/** Works out the limits as of `now`. */
export const limitsOf = (options: Options, now: number): Limits => {
  const millis = (given: Duration.Input | undefined, days: number) =>
    Duration.toMillis(given === undefined ? Duration.days(days) : Duration.fromInputUnsafe(given))
  return {
    now,
    expiresBefore: now + millis(options.expiringWithin, 30),
    createdBefore: now - millis(options.olderThan, 90),
    usedBefore: now - millis(options.unusedFor, 90),
    allowed: options.allowedScopes === undefined ? undefined : new Set(options.allowedScopes),
    isBroad: options.isBroad ?? defaultBroad
  }
}

const fraction = ".000Z".length

const time = (at: DateTime.Utc): string => `${DateTime.formatIso(at).slice(0, -fraction)}Z`

const days = (millis: number): string => {
  const whole = Math.floor(millis / day)
  return whole === 1 ? "1 day" : `${whole} days`
}

const ago = (at: DateTime.Utc, { now }: Limits): string => `${time(at)}, ${days(now - at.epochMilliseconds)} ago`

/** One thing that may be said about a key by itself: whether it is so and, where somebody wants to know, by what. */
interface Rule {
  readonly class: Class
  readonly holds: (key: ApiKey, limits: Limits) => boolean
  readonly evidence: (key: ApiKey, limits: Limits) => string
}

const expiring: Rule = {
  class: "expiring",
  holds: ({ expiresAt }, { expiresBefore }) => expiresAt !== undefined && expiresAt.epochMilliseconds <= expiresBefore,
  evidence: ({ expiresAt }, { now }) =>
    expiresAt === undefined ? "" : `expires ${time(expiresAt)}, in ${days(expiresAt.epochMilliseconds - now)}`
}

const overAge: Rule = {
  class: "overAge",
  holds: ({ createdAt }, { createdBefore }) => createdAt !== undefined && createdAt.epochMilliseconds < createdBefore,
  evidence: ({ createdAt }, limits) => (createdAt === undefined ? "" : `created ${ago(createdAt, limits)}`)
}

const silence = (backend: string, { usage }: Capabilities): string =>
  usage === "unknown"
    ? `${backend} does not say when keys are used`
    : usage === "approximate"
      ? `${backend} knows of no use, but what it knows may lag or be sampled`
      : `${backend} knows of no use, which does not prove that there was none`

const isKept = ({ usage }: Capabilities): boolean => usage === "exact" || usage === "lastUsedOnly"

/** A use that is told of did happen, however roughly uses are told of; that there was none since is another matter. */
const isQuiet = ({ createdAt, lastUsedAt }: ApiKey, { usedBefore }: Limits): boolean =>
  (lastUsedAt === undefined || lastUsedAt.epochMilliseconds < usedBefore) &&
  (createdAt === undefined || createdAt.epochMilliseconds < usedBefore)

const lastUse = (backend: string, { lastUsedAt }: ApiKey, limits: Limits): string =>
  lastUsedAt === undefined ? "" : `last used ${ago(lastUsedAt, limits)}, says ${backend}`

const unused = (backend: string, capabilities: Capabilities): Rule => ({
  class: "unused",
  holds: (key, limits) => isKept(capabilities) && key.lastUsedAt !== undefined && isQuiet(key, limits),
  evidence: (key, limits) => `${lastUse(backend, key, limits)}, which keeps each key's last use`
})

const unusedUnknown = (backend: string, capabilities: Capabilities): Rule => {
  const unknown = silence(backend, capabilities)
  return {
    class: "unusedUnknown",
    holds: (key, limits) => (!isKept(capabilities) || key.lastUsedAt === undefined) && isQuiet(key, limits),
    evidence: (key, limits) =>
      key.lastUsedAt === undefined
        ? unknown
        : `${lastUse(backend, key, limits)}, but what it knows may lag or be sampled`
  }
}

const noOwner = ({ owners }: Capabilities): Rule => ({
  class: "noOwner",
  holds: ({ owner }) => owners !== "unsupported" && (owner === undefined || owner === ""),
  evidence: () => "nobody is named as its owner"
})

const isBeyond = (scope: string, { allowed, isBroad }: Limits): boolean =>
  allowed === undefined ? isBroad(scope) : !allowed.has(scope)

const overScoped = (backend: string, { scopes }: Capabilities): Rule => ({
  class: "overScoped",
  holds: ({ scopes: granted }, limits) => {
    if (!scopes) return limits.allowed !== undefined
    for (const scope of granted) if (isBeyond(scope, limits)) return true
    return false
  },
  evidence: (key, limits) => {
    if (!scopes) return `${backend} keys have no scopes and may do everything`
    const what = limits.allowed === undefined ? "may do more than most keys need" : "beyond the allowed scopes"
    return `${what}: ${key.scopes.filter((scope) => isBeyond(scope, limits)).join(", ")}`
  }
})

const strangers: { readonly [Reason in Unassigned]: string } = {
  noTenants: "its store serves no tenant",
  noMark: "its name has no mark of keyfold",
  unknownMark: "none of its store's tenants made its mark",
  unknownTenant: "nobody configured the tenant it is kept for"
}

const isUnassigned = (owned: OwnedKey): boolean => owned.tenant === undefined && owned.unassigned !== "noTenants"

const unassigned = (owned: OwnedKey): string => {
  if (owned.tenant !== undefined) return ""
  const { partition, unassigned } = owned
  return partition === undefined ? strangers[unassigned] : `${strangers[unassigned]}: ${JSON.stringify(partition)}`
}

const namesake: Finding = { class: "duplicateName", evidence: "another active key of its tenant has the same name" }

/** Whose names may not be alike: a tenant's, or those in one partition that nobody configured. No tenant has U+0000. */
const groupOf = (owned: OwnedKey): string | undefined => {
  if (owned.tenant !== undefined) return owned.tenant
  return owned.partition === undefined ? undefined : `\u0000${owned.partition}`
}

const nothing: ReadonlyArray<Finding> = []

const defaultNameLimit = 1_000_000

interface Unjudged {
  active: number
  ageless: number
  uncompared: number
}

const gapsOf = ({ backend, capabilities }: Source, unjudged: Unjudged): ReadonlyArray<Gap> => {
  const { active, ageless, uncompared } = unjudged
  const gap = (name: Class, keys: number, reason: string) => (keys === 0 ? [] : [{ class: name, keys, reason }])
  return [
    ...gap("overAge", ageless, "the backend does not say when they were created"),
    ...gap("noOwner", capabilities.owners === "unsupported" ? active : 0, `${backend} keys have no owner`),
    ...gap("duplicateName", uncompared, "there were more names than are compared")
  ]
}

const zero = (): Record<Class, number> => ({
  expiring: 0,
  overAge: 0,
  unused: 0,
  unusedUnknown: 0,
  noOwner: 0,
  overScoped: 0,
  duplicateName: 0,
  unassigned: 0
})

type Declared = Pick<Source, "backend" | "capabilities">

/** What a key is judged by without looking at others. */
const rulesOf = ({ backend, capabilities }: Declared): ReadonlyArray<Rule> => [
  expiring,
  overAge,
  unused(backend, capabilities),
  unusedUnknown(backend, capabilities),
  noOwner(capabilities),
  overScoped(backend, capabilities)
]

/** Makes the judge of single keys. */
export const alone = (source: Declared, options: Options, now: number) => {
  const limits = limitsOf(options, now)
  const rules = rulesOf(source)
  return (key: ApiKey): ReadonlyArray<Finding> =>
    key.status === "active"
      ? rules
          .filter(({ holds }) => holds(key, limits))
          .map((rule) => ({ class: rule.class, evidence: rule.evidence(key, limits) }))
      : nothing
}

/** Makes the judge of one source. */
export const make = (source: Source, options: Options, limits: Limits): Judge => {
  const rules = rulesOf(source)
  const names = namesOf.make(options.nameLimit ?? defaultNameLimit)
  const counts = zero()
  const unjudged: Unjudged = { active: 0, ageless: 0, uncompared: 0 }
  const wanted = options.classes === undefined ? undefined : new Set(options.classes)
  const isNamesake = (owned: OwnedKey): boolean => {
    const { name } = owned.key
    if (name === undefined) return false
    const isSeen = names.seen(groupOf(owned), name)
    if (isSeen === undefined) unjudged.uncompared++
    return isSeen === true
  }
  const isTold = (name: Class): boolean => wanted === undefined || wanted.has(name)
  const judge = (owned: OwnedKey): ReadonlyArray<Finding> => {
    const { key } = owned
    if (key.status !== "active") return nothing
    unjudged.active++
    if (key.createdAt === undefined) unjudged.ageless++
    let findings = nothing
    for (const rule of rules) {
      if (!rule.holds(key, limits)) continue
      counts[rule.class]++
      if (isTold(rule.class)) findings = [...findings, { class: rule.class, evidence: rule.evidence(key, limits) }]
    }
    if (isNamesake(owned)) {
      counts.duplicateName++
      if (isTold("duplicateName")) findings = [...findings, namesake]
    }
    if (isUnassigned(owned)) {
      counts.unassigned++
      if (isTold("unassigned")) findings = [...findings, { class: "unassigned", evidence: unassigned(owned) }]
    }
    return findings
  }
  return { judge, counts: () => ({ ...counts }), gaps: () => gapsOf(source, unjudged) }
}
