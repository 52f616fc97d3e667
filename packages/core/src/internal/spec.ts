/** Input checks and the resolution of a spec against its store's defaults: all before anything is sent. */
import type * as DateTime from "effect/DateTime"
import * as Result from "effect/Result"
import type { ApiKey, KeyRef } from "../ApiKey.ts"
import type { CreateRequest, Driver } from "../Driver.ts"
import { statuses, type Filter } from "../KeyList.ts"
import type { KeySpec } from "../KeySpec.ts"
import { InvalidRequest, Unsupported, type Reason } from "../KeyStoreError.ts"
import { markLength } from "../Label.ts"

/** What a store adds to every spec. */
export interface StoreDefaults {
  readonly owner?: string
  readonly scopes?: ReadonlyArray<string>
}

/** Portable scope name → the backend's own scopes. */
export type ScopeMap = Readonly<Record<string, ReadonlyArray<string>>>

/** The part of a create request that does not change between attempts. */
export type ResolvedSpec = Omit<CreateRequest, "operationId" | "nonce" | "label" | "supersedes">

const invalid = (field: string, problem: string) => Result.fail(new InvalidRequest({ field, problem }))

const unsupported = (capability: string, problem: string) => Result.fail(new Unsupported({ capability, problem }))

/** Texts that some backends answer with a 500 after the key was made. */
export const isUnstorable = (text: string): boolean => text.includes("\u0000") || !text.isWellFormed()

/** Checks a reference to a key. */
export const checkRef = (ref: KeyRef): Result.Result<KeyRef, Reason> => {
  if (typeof ref.id !== "string" || ref.id === "" || isUnstorable(ref.id)) {
    return invalid("id", "expected a key id, as create or list returned it")
  }
  if (ref.owner === "" || isUnstorable(ref.owner ?? "")) {
    return invalid("owner", "expected a non-empty owner without U+0000 and unpaired surrogates, or none")
  }
  return Result.succeed(ref)
}

/** Checks what a listing asks for against what the backend can show. */
export const checkFilter = (driver: Driver, filter: Filter): Result.Result<Filter, Reason> => {
  const { listsRevoked, owners } = driver.capabilities
  if (filter.owner === "" || isUnstorable(filter.owner ?? "")) {
    return invalid("owner", "expected a non-empty owner without U+0000 and unpaired surrogates, or none")
  }
  if (filter.owner !== undefined && owners === "unsupported") {
    return unsupported("owners", `${driver.backend} keys have no owner; list without one`)
  }
  const asked = statuses(filter)
  if (asked.length === 0) return invalid("status", "expected at least one of active, expired, revoked")
  if (asked.includes("revoked") && listsRevoked === "never") {
    return unsupported("listsRevoked", `${driver.backend} does not list revoked keys; leave "revoked" out of status`)
  }
  if (asked.includes("revoked") && listsRevoked === "byOwner" && filter.owner === undefined) {
    return unsupported("listsRevoked", `${driver.backend} lists revoked keys of one owner only; give an owner`)
  }
  return Result.succeed(filter)
}

const resolveName = (driver: Driver, name: string | undefined): Result.Result<string | undefined, Reason> => {
  if (name === undefined) return Result.succeed(undefined)
  if (name === "") return invalid("name", "expected a non-empty name, or none")
  if (isUnstorable(name)) return invalid("name", "expected text without U+0000 and without unpaired surrogates")
  // The mark needs its place in the same field, and a space before it.
  const taken = driver.capabilities.createSafety === "marker" ? markLength + 1 : 0
  if (driver.nameLimit !== undefined && name.length > driver.nameLimit - taken) {
    return invalid("name", `expected at most ${driver.nameLimit - taken} characters, found ${name.length}`)
  }
  return Result.succeed(name)
}

const resolveOwner = (
  driver: Driver,
  defaults: StoreDefaults,
  asked: string | undefined
): Result.Result<string | undefined, Reason> => {
  const { owners } = driver.capabilities
  if (owners === "unsupported") {
    return asked === undefined
      ? Result.succeed(undefined)
      : unsupported("owners", `${driver.backend} keys have no owner; leave owner out`)
  }
  const owner = asked ?? defaults.owner
  if (owner === undefined && owners === "required") {
    return invalid("owner", `${driver.backend} needs an owner; give one or set defaults.owner of the store`)
  }
  if (owner === "" || (owner !== undefined && isUnstorable(owner))) {
    return invalid("owner", "expected non-empty text without U+0000 and without unpaired surrogates")
  }
  return Result.succeed(owner)
}

/** Translates portable scope names; the backend's own names pass where the store has no map. */
export const mapScopes = (
  scopeMap: ScopeMap | undefined,
  scopes: ReadonlyArray<string>
): Result.Result<ReadonlyArray<string>, Reason> => {
  if (scopes.includes("")) return invalid("scopes", "expected non-empty scope names")
  if (scopeMap === undefined) return Result.succeed([...new Set(scopes)])
  const unknown = scopes.filter((scope) => !Object.hasOwn(scopeMap, scope))
  if (unknown.length > 0) {
    const accepted = Object.keys(scopeMap).join(", ")
    return invalid("scopes", `"${unknown.join('", "')}" is not in the store's scopeMap; accepted: ${accepted}`)
  }
  return Result.succeed([...new Set(scopes.flatMap((scope) => scopeMap[scope] ?? []))])
}

/**
 * On a backend whose keys may do everything, a portable name is accepted only where the store's map gives it no scopes:
 * that is how its operator consents. A powerless key cannot be had there.
 */
const scopesOfNone = (
  driver: Driver,
  scopeMap: ScopeMap = {},
  asked: ReadonlyArray<string> | undefined
): Result.Result<ReadonlyArray<string>, Reason> => {
  if (asked === undefined) return Result.succeed([])
  if (asked.length === 0) {
    return unsupported("scopes", `${driver.backend} keys have no scopes: one that may do nothing cannot be made`)
  }
  const refusedScope = asked.find((scope) => !Object.hasOwn(scopeMap, scope))
  return refusedScope === undefined
    ? Result.succeed([])
    : unsupported(
        "scopes",
        `${driver.backend} keys have no scopes and may do everything; leave scopes out, or accept that for ` +
          `"${refusedScope}" with scopeMap: { "${refusedScope}": [] } in the store's configuration`
      )
}

const resolveScopes = (
  driver: Driver,
  defaults: StoreDefaults,
  scopeMap: ScopeMap | undefined,
  asked: ReadonlyArray<string> | undefined
): Result.Result<ReadonlyArray<string>, Reason> => {
  if (!driver.capabilities.scopes) return scopesOfNone(driver, scopeMap, asked)
  const scopes = asked ?? defaults.scopes
  return scopes === undefined ? Result.succeed(driver.defaultScopes) : mapScopes(scopeMap, scopes)
}

const resolveExpiry = (
  driver: Driver,
  expiresAt: DateTime.Utc | undefined,
  now: DateTime.Utc
): Result.Result<DateTime.Utc | undefined, Reason> => {
  if (expiresAt === undefined) return Result.succeed(undefined)
  if (!driver.capabilities.expiry) {
    return unsupported("expiry", `${driver.backend} keys do not expire; leave expiresAt out and revoke the key instead`)
  }
  return expiresAt.epochMilliseconds <= now.epochMilliseconds
    ? invalid("expiresAt", "expected a time in the future")
    : Result.succeed(expiresAt)
}

const resolveTags = (driver: Driver, tags: KeySpec["tags"]): Result.Result<CreateRequest["tags"], Reason> => {
  const entries = Object.entries(tags ?? {})
  if (entries.length > 0 && !driver.capabilities.tags) {
    return unsupported("tags", `${driver.backend} keys have no tags; leave tags out`)
  }
  return entries.some(([name, value]) => name === "" || isUnstorable(name) || isUnstorable(value))
    ? invalid("tags", "expected non-empty names, and text without U+0000 and without unpaired surrogates")
    : Result.succeed(tags ?? {})
}

const resolveProvider = (
  driver: Driver,
  provider: KeySpec["provider"]
): Result.Result<CreateRequest["provider"], Reason> => {
  const own = provider?.[driver.backend] ?? {}
  const accepted = driver.providerInputs ?? []
  const unknown = Object.keys(own).find((name) => !accepted.includes(name))
  if (unknown === undefined) return Result.succeed(own)
  const list = accepted.length === 0 ? "it takes none" : `accepted: ${accepted.join(", ")}`
  return invalid(`provider.${driver.backend}.${unknown}`, `${driver.backend} does not know this input; ${list}`)
}

/** Resolves a spec into what the driver is asked for, or the reason why it cannot be honoured. */
export const resolveSpec = (
  driver: Driver,
  defaults: StoreDefaults,
  scopeMap: ScopeMap | undefined,
  spec: KeySpec,
  now: DateTime.Utc
): Result.Result<ResolvedSpec, Reason> =>
  Result.all({
    name: resolveName(driver, spec.name),
    owner: resolveOwner(driver, defaults, spec.owner),
    scopes: resolveScopes(driver, defaults, scopeMap, spec.scopes),
    expiresAt: resolveExpiry(driver, spec.expiresAt, now),
    tags: resolveTags(driver, spec.tags),
    provider: resolveProvider(driver, spec.provider)
  })

/**
 * Shows a key's scopes under the store's portable names: each name whose backend scopes the key all has, then the
 * backend scopes no name covers.
 */
export const portableScopes = (scopeMap: ScopeMap | undefined, key: ApiKey): ApiKey => {
  if (scopeMap === undefined || key.scopes.length === 0) return key
  const has = new Set(key.scopes)
  const names = Object.keys(scopeMap).filter((name) => {
    const scopes = scopeMap[name] ?? []
    return scopes.length > 0 && scopes.every((scope) => has.has(scope))
  })
  const covered = new Set(names.flatMap((name) => scopeMap[name] ?? []))
  return { ...key, scopes: [...names, ...key.scopes.filter((scope) => !covered.has(scope))] }
}
