/**
 * A local WhyLabs ("Songbird") API-key service: the v0 and the v1 dialect, as a stateful `fetch` function.
 *
 * Emulates the four operations of `/v0/organizations/{org_id}/api-key` and the four of `/v1/api-key`, with the behaviour
 * of the open-sourced server. Where that server's behaviour could not be established, a switch chooses. Managed (child)
 * organizations, IP allow-lists and every other endpoint are not emulated. It shares no schema with any client.
 *
 * Operations are named `create`, `get` (v0 only), `list`, `revoke` and `verify` (v1 only) in interventions and in the log.
 *
 * @since 0.1.0
 */
import type { Emulator, Lag, StoredKey } from "./Emulator.ts"
import { makeClock, type WaitingClock } from "./internal/clock.ts"
import { makeEngine } from "./internal/engine.ts"
import { makeLag } from "./internal/lag.ts"
import { makeBuckets } from "./internal/whylabs/bucket.ts"
import { generateKey, keyIdOf, keyShape, parseKey } from "./internal/whylabs/keys.ts"
import { internalOrganization, makeIdentify } from "./internal/whylabs/security.ts"
import { makeServer } from "./internal/whylabs/server.ts"
import { makeTable, type Row, type Table } from "./internal/whylabs/table.ts"

/**
 * Describes an organization.
 *
 * @category models
 * @since 0.1.0
 */
export interface Organization {
  /** `org-` and letters or digits; `0` is WhyLabs' own organization and always exists. */
  readonly id: string
  /** Absent counts as `FREE`: 25 live keys at most, and no create on v1. */
  readonly tier?: "FREE" | "PAID" | "AWS_MARKETPLACE" | "SUBSCRIPTION"
  /** A deleted organization answers creates like an unknown one. */
  readonly deleted?: boolean
  /** The resource ids that v1 creates may name. Absent: any. */
  readonly resources?: ReadonlyArray<string>
}

/**
 * The AWS session credentials that a service sends as JSON in `X-API-Key`.
 *
 * @category models
 * @since 0.1.0
 */
export interface AwsIdentity {
  readonly AccessKeyId: string
  readonly SecretAccessKey: string
  readonly SessionToken: string
}

/**
 * One credential the emulator accepts.
 *
 * `system` is a key of organization `0` with scope `:whylabs_system`, the only kind of key that may call v0. `caller` is
 * any other key; on v1 it needs `:administrator` or `:account_administrator`. Both are rows of the key table, listed and
 * revocable like any other. `awsIdentity` recognises AWS session credentials; an acceptance is cached for 15 minutes.
 *
 * @category options
 * @since 0.1.0
 */
export type Credential =
  | { readonly kind: "system"; readonly value: string; readonly userId?: string }
  | {
      readonly kind: "caller"
      readonly value: string
      readonly organization: string
      readonly scopes: ReadonlyArray<string>
      readonly userId?: string
      readonly expirationTime?: number
    }
  | { readonly kind: "awsIdentity"; readonly accepts: (identity: AwsIdentity) => boolean }

/**
 * A token bucket per organization. AWS identities bypass it; requests refused with 401 or 403 take no token.
 *
 * @category options
 * @since 0.1.0
 */
export interface RateLimit {
  readonly capacity: number
  readonly refillPerMinute: number
}

/**
 * Chooses a behaviour wherever the real server's is unknown, or only inferred.
 *
 * @category options
 * @since 0.1.0
 */
export interface Switches {
  /** Status for a blank `user_id`. Default 500. */
  readonly blankUserId: 400 | 500
  /** Status for revoking an empty `key_id`. Default 404. */
  readonly blankKeyId: 404 | 500
  /** Whether an expiration in the year 10000 or later works. Default `accepted`. */
  readonly farFutureExpiration: "accepted" | "internalError"
  /** What a key created without alias comes back with. Default `empty`, the empty string. */
  readonly unsetAlias: "empty" | "absent"
  /** Status for an unroutable request that carries `X-API-Key`. Default 404. */
  readonly unroutable: 403 | 404 | 405 | 415
  /** How the plain text of a 429 is labelled. Default `application/json`. */
  readonly rateLimitContentType: "application/json" | "text/plain"
  /** Sends `null` for what the server omits. Default false. */
  readonly explicitNulls: boolean
  /** Lets an administrator key call v0 for its own organization. Default false. */
  readonly customersMayCallV0: boolean
  /** Lets a flush of last-used times that overlaps a revoke write the key back as not revoked. Default true. */
  readonly flushOverwritesRevoke: boolean
}

/**
 * What the emulator is made from.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** Default: one `FREE` organization, `org-local`. */
  readonly organizations?: ReadonlyArray<Organization>
  /** Without any, every request is refused. Get a well-formed value from `makeCredential`. */
  readonly credentials?: ReadonlyArray<Credential>
  /** Base clock in epoch milliseconds. Default `Date.now`. */
  readonly clock?: () => number
  /** Default: visibility 200 ms, revocation 200 ms, authentication 0. */
  readonly lag?: Partial<Lag>
  /** How many of the newest requests the log keeps; with 0 none is kept, nor masked. Default 10,000. */
  readonly log?: number
  /** Default: unlimited. */
  readonly rateLimit?: RateLimit
  readonly switches?: Partial<Switches>
}

/**
 * A key to put into the state. Times are epoch milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Seed {
  readonly organization: string
  readonly userId: string
  /** Ten letters or digits. Default: random. */
  readonly keyId?: string
  /** The full key, to call with. Default: random, known to nobody. */
  readonly value?: string
  readonly alias?: string
  readonly scopes?: ReadonlyArray<string>
  readonly resourceId?: string
  readonly creationTime?: number
  readonly expirationTime?: number
  readonly lastUsedTime?: number
  /** `unset` stands for a very old item that lacks the attribute. Default false. */
  readonly revoked?: boolean | "unset"
}

/**
 * A key as it truly is. Times are epoch milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Key extends StoredKey {
  readonly owner: string
  readonly organization: string
  readonly scopes: ReadonlyArray<string>
  readonly creationTime: number
  readonly expirationTime?: number
  readonly lastUsedTime?: number
  readonly resourceId?: string
}

/**
 * The emulator with the controls that only WhyLabs needs.
 *
 * @category models
 * @since 0.1.0
 */
export interface WhyLabsEmulator extends Emulator<Seed, Key> {
  /** Adds an organization or replaces the one with the same id. */
  readonly setOrganization: (organization: Organization) => void
  /** Changes switches from now on. */
  readonly setSwitches: (switches: Partial<Switches>) => void
  /** Buffers a use of a key now, as authentication does. */
  readonly touch: (keyId: string) => void
  /**
   * Writes up to 25 buffered uses to `lastUsedTime`; nothing else writes them, no timer either. `during` runs after the
   * items are loaded and before they are written back: revoke there to see the race.
   */
  readonly flush: (options?: { readonly during?: () => unknown }) => Promise<void>
}

const defaultSwitches: Switches = {
  blankUserId: 500,
  blankKeyId: 404,
  farFutureExpiration: "accepted",
  unsetAlias: "empty",
  unroutable: 404,
  rateLimitContentType: "application/json",
  explicitNulls: false,
  customersMayCallV0: false,
  flushOverwritesRevoke: true
}

const credentialHeaders = new Set(["x-api-key", "authorization", "proxy-authorization", "cookie"])

const usesPerFlush = 25

const requireOrganization = (organization: Organization): Organization => {
  if (organization.id !== internalOrganization && !/^org-[0-9a-zA-Z]+$/.test(organization.id)) {
    throw new TypeError(`organization.id takes "org-" followed by letters or digits, got "${organization.id}"`)
  }
  return organization
}

// The message names the field only: the value is a secret.
const requireKey = (field: string, value: string): string => {
  const key = parseKey(value)
  if (key !== undefined) return key
  throw new TypeError(`${field} takes a key of 10 letters or digits, ".", and 53 more; make one with makeCredential()`)
}

const snapshot = (row: Row): Key => ({
  id: row.keyId,
  label: row.alias ?? "",
  owner: row.userId,
  organization: row.organization,
  scopes: row.scopes ?? [],
  creationTime: row.creationTime,
  ...(row.expirationTime === undefined ? {} : { expirationTime: row.expirationTime }),
  ...(row.lastUsedTime === undefined ? {} : { lastUsedTime: row.lastUsedTime }),
  ...(row.resourceId === undefined ? {} : { resourceId: row.resourceId }),
  revoked: row.revoked === true,
  origin: row.origin
})

const insertSeed = (table: Table, clock: WaitingClock, seed: Seed, origin: StoredKey["origin"]): Row => {
  if (seed.keyId !== undefined && !/^[A-Za-z0-9]{10}$/.test(seed.keyId)) {
    throw new TypeError(`keyId takes 10 letters or digits, got "${seed.keyId}"`)
  }
  const key = seed.value === undefined ? generateKey(seed.keyId) : requireKey("value", seed.value)
  return table.insert({
    key,
    keyId: keyIdOf(key),
    organization: seed.organization,
    userId: seed.userId,
    alias: seed.alias,
    scopes: seed.scopes,
    resourceId: seed.resourceId,
    creationTime: seed.creationTime ?? clock.wall(),
    expirationTime: seed.expirationTime,
    lastUsedTime: seed.lastUsedTime,
    revoked: seed.revoked === "unset" ? undefined : (seed.revoked ?? false),
    origin,
    committedAt: -Infinity
  })
}

const insertCredential = (table: Table, clock: WaitingClock, credential: Credential): void => {
  if (credential.kind === "awsIdentity") return
  const userId = credential.userId ?? credential.kind
  const value = credential.value
  const seed: Seed =
    credential.kind === "system"
      ? { organization: internalOrganization, userId, value, scopes: [":whylabs_system"] }
      : { ...credential, userId }
  insertSeed(table, clock, seed, "credential")
}

const makeFlush =
  (table: Table, switches: () => Switches): WhyLabsEmulator["flush"] =>
  async (options) => {
    const loaded = table.takeUses(usesPerFlush).map((use) => ({ ...use, revoked: use.row.revoked }))
    await options?.during?.()
    for (const { revoked, row, time } of loaded) {
      row.lastUsedTime = time
      const overwrites = switches().flushOverwritesRevoke && revoked !== undefined && revoked !== row.revoked
      if (overwrites) table.setRevoked(row, revoked)
    }
  }

type KeyControls = Pick<WhyLabsEmulator, "seed" | "keys" | "owns" | "touch" | "flush">

const makeKeyControls = (table: Table, clock: WaitingClock, switches: () => Switches): KeyControls => ({
  seed: (...keys) => keys.map((seed) => snapshot(insertSeed(table, clock, seed, "seeded"))),
  keys: () => table.all().map(snapshot),
  owns: (secret) => {
    const key = parseKey(secret)
    return key === undefined ? undefined : table.find(key)?.keyId
  },
  touch: (keyId) => {
    const row = table.findById(keyId)
    if (row === undefined) throw new TypeError(`touch takes the id of a stored key, got "${keyId}"`)
    table.markUsed(row)
  },
  flush: makeFlush(table, switches)
})

/**
 * Draws a fresh, well-formed key for an organization, to be used as a credential. Default: WhyLabs' own organization.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeCredential = (organization: string = internalOrganization): string =>
  `${generateKey()}:${organization}`

/**
 * Makes a WhyLabs emulator with its own state.
 *
 * Throws a `TypeError` that names the option when one is malformed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options = {}): WhyLabsEmulator => {
  const organizations = new Map<string, Organization>([
    [internalOrganization, { id: internalOrganization, tier: "PAID" }]
  ])
  const setOrganization = (organization: Organization) => {
    organizations.set(organization.id, requireOrganization(organization))
  }
  for (const organization of options.organizations ?? [{ id: "org-local" }]) setOrganization(organization)
  let switches: Switches = { ...defaultSwitches, ...options.switches }
  const clock = makeClock(options.clock ?? Date.now)
  const lag = makeLag({ visibility: 200, revocation: 200, authentication: 0, ...options.lag })
  const table = makeTable(clock, lag.get)
  const credentials = options.credentials ?? []
  for (const credential of credentials) insertCredential(table, clock, credential)
  const backend = makeServer({
    world: { clock, table, organizations, switches: () => switches },
    identify: makeIdentify(table, clock, credentials),
    takeToken: makeBuckets(clock, options.rateLimit)
  })
  const engine = makeEngine({ clock, lag, log: options.log, credentialHeaders, secretShapes: [keyShape], backend })
  return {
    ...engine,
    get lag() {
      return lag.get()
    },
    ...makeKeyControls(table, clock, () => switches),
    name: "whylabs",
    setOrganization,
    setSwitches: (change) => {
      switches = { ...switches, ...change }
    }
  }
}
