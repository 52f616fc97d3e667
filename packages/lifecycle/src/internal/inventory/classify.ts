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

interface Limits {
  readonly now: number
  readonly expiresBefore: number
  readonly createdBefore: number
  readonly usedBefore: number
  readonly allowed: ReadonlySet<string> | undefined
  readonly isBroad: (scope: string) => boolean
}

const limitsOf = (options: Options, now: number): Limits => {
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

type Rule = (key: ApiKey, limits: Limits) => Finding | undefined

const expiring: Rule = ({ expiresAt }, { expiresBefore, now }) =>
  expiresAt === undefined || expiresAt.epochMilliseconds > expiresBefore
    ? undefined
    : { class: "expiring", evidence: `expires ${time(expiresAt)}, in ${days(expiresAt.epochMilliseconds - now)}` }

const overAge: Rule = ({ createdAt }, limits) =>
  createdAt === undefined || createdAt.epochMilliseconds >= limits.createdBefore
    ? undefined
    : { class: "overAge", evidence: `created ${ago(createdAt, limits)}` }

const silent = (backend: string, { usage }: Capabilities): Finding => ({
  class: "unusedUnknown",
  evidence:
    usage === "unknown"
      ? `${backend} does not say when keys are used`
      : usage === "approximate"
        ? `${backend} knows of no use, but what it knows may lag or be sampled`
        : `${backend} knows of no use, which does not prove that there was none`
})

/** A use that is told of did happen, however roughly uses are told of; that there was none since is another matter. */
const unused = (backend: string, capabilities: Capabilities): Rule => {
  const silence = silent(backend, capabilities)
  const isKept = capabilities.usage === "exact" || capabilities.usage === "lastUsedOnly"
  return ({ createdAt, lastUsedAt }, limits) => {
    const { usedBefore } = limits
    if (lastUsedAt !== undefined && lastUsedAt.epochMilliseconds >= usedBefore) return undefined
    if (createdAt !== undefined && createdAt.epochMilliseconds >= usedBefore) return undefined
    if (lastUsedAt === undefined) return silence
    const evidence = `last used ${ago(lastUsedAt, limits)}`
    return isKept
      ? { class: "unused", evidence: `${evidence}, says ${backend}, which keeps each key's last use` }
      : { class: "unusedUnknown", evidence: `${evidence}, says ${backend}, but what it knows may lag or be sampled` }
  }
}

const ownerless: Finding = { class: "noOwner", evidence: "nobody is named as its owner" }

const noOwner = ({ owners }: Capabilities): Rule =>
  owners === "unsupported"
    ? () => undefined
    : ({ owner }) => (owner === undefined || owner === "" ? ownerless : undefined)

const overScoped = (backend: string, { scopes }: Capabilities): Rule => {
  const almighty: Finding = {
    class: "overScoped",
    evidence: `${backend} keys have no scopes and may do everything`
  }
  return (key, { allowed, isBroad }) => {
    if (!scopes) return allowed === undefined ? undefined : almighty
    const beyond = key.scopes.filter((scope) => (allowed === undefined ? isBroad(scope) : !allowed.has(scope)))
    if (beyond.length === 0) return undefined
    const what = allowed === undefined ? "may do more than most keys need" : "beyond the allowed scopes"
    return { class: "overScoped", evidence: `${what}: ${beyond.join(", ")}` }
  }
}

const strangers: { readonly [Reason in Unassigned]: string } = {
  noTenants: "its store serves no tenant",
  noMark: "its name has no mark of keyfold",
  unknownMark: "none of its store's tenants made its mark",
  unknownTenant: "nobody configured the tenant it is kept for"
}

const unassigned = (owned: OwnedKey): Finding | undefined =>
  owned.tenant !== undefined || owned.unassigned === "noTenants"
    ? undefined
    : {
        class: "unassigned",
        evidence:
          owned.partition === undefined
            ? strangers[owned.unassigned]
            : `${strangers[owned.unassigned]}: ${JSON.stringify(owned.partition)}`
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
  noOwner(capabilities),
  overScoped(backend, capabilities)
]

/** Makes the judge of single keys. */
export const alone = (source: Declared, options: Options, now: number) => {
  const limits = limitsOf(options, now)
  const rules = rulesOf(source)
  return (key: ApiKey): ReadonlyArray<Finding> =>
    key.status === "active" ? rules.flatMap((rule) => rule(key, limits) ?? nothing) : nothing
}

/** Makes the judge of one source. */
export const make = (source: Source, options: Options, now: number): Judge => {
  const limits = limitsOf(options, now)
  const rules = rulesOf(source)
  const names = namesOf.make(options.nameLimit ?? defaultNameLimit)
  const counts = zero()
  const unjudged: Unjudged = { active: 0, ageless: 0, uncompared: 0 }
  const compared = (owned: OwnedKey): Finding | undefined => {
    const { name } = owned.key
    if (name === undefined) return undefined
    const isSeen = names.seen(groupOf(owned), name)
    if (isSeen === undefined) unjudged.uncompared++
    return isSeen === true ? namesake : undefined
  }
  const judge = (owned: OwnedKey): ReadonlyArray<Finding> => {
    const { key } = owned
    if (key.status !== "active") return nothing
    unjudged.active++
    if (key.createdAt === undefined) unjudged.ageless++
    let findings: Array<Finding> | undefined
    const found = (finding: Finding | undefined) => {
      if (finding === undefined) return
      counts[finding.class]++
      if (findings === undefined) findings = [finding]
      else findings.push(finding)
    }
    for (const rule of rules) found(rule(key, limits))
    found(compared(owned))
    found(unassigned(owned))
    return findings ?? nothing
  }
  return { judge, counts: () => ({ ...counts }), gaps: () => gapsOf(source, unjudged) }
}
