/**
 * A local Occam AI, as far as its API keys and the tokens to manage them go: a stateful `fetch` function.
 *
 * Emulates `PUT` and `GET /keys/`, `DELETE /keys/{uuid}`, `GET /keys/{uuid}/usage`, and the three ways to an access token
 * under `/auth`. The server's source is not public: shapes come from its published clients, defaults are guesses, and
 * every behaviour that is not known is a switch. It shares no schema with any client.
 *
 * Operations are named `create`, `list`, `revoke`, `usage`, `exchange` (a key for a token), `login` and `refresh` in
 * interventions and in the log.
 *
 * @since 0.1.0
 */
import type { Emulator, Lag, StoredKey } from "./Emulator.ts"
import { makeClock, type WaitingClock } from "./internal/clock.ts"
import { makeEngine } from "./internal/engine.ts"
import { makeLag } from "./internal/lag.ts"
import { isKey, isUuid, keyOf, keyShape, tokenShape } from "./internal/occam/keys.ts"
import { makeServer } from "./internal/occam/server.ts"
import { makeSessions } from "./internal/occam/sessions.ts"
import { makeTable, type Row, type Table } from "./internal/occam/table.ts"
import { countUse, setUsage } from "./internal/occam/usage.ts"
import type { World } from "./internal/occam/world.ts"

/**
 * A user, who logs in by e-mail address and password, or by one of the API keys.
 *
 * `keys` are rows of the key table like any other: listed, revocable, and of origin `credential`.
 *
 * @category options
 * @since 0.1.0
 */
export interface User {
  readonly email: string
  /** Absent: no password works. */
  readonly password?: string
  /** Full keys; get one from `makeCredential`. */
  readonly keys?: ReadonlyArray<string>
}

/**
 * Chooses a behaviour wherever the real server's is unknown.
 *
 * @category options
 * @since 0.1.0
 */
export interface Switches {
  /** The unit of `expires_at` and `refresh_token_expires_at`; `lifetime` is seconds from now. Default `seconds`. */
  readonly expiresAt: "seconds" | "milliseconds" | "lifetime"
  /** Whether `token_type` is sent. Default `present`. */
  readonly tokenType: "present" | "absent"
  /** The 401 of an expired token: `Token expired`, or the template's words. Default `occam`. */
  readonly expiredText: "occam" | "template"
  /** What a wrong API key is refused with; 400 has the words of a wrong password. Default 400. */
  readonly badKeyStatus: 400 | 401 | 403 | 404
  /** Whether exchanging a key sets its `last_used`. Default true. */
  readonly exchangeCountsAsUse: boolean
  /** Whether a token exchanged for a key survives the key. Default `untilExpiry`. */
  readonly deletedKeyTokens: "untilExpiry" | "refused"
  /** What a create does whose name a live key of the user has. Default `newKey`. */
  readonly repeatedName: "newKey" | "returnsFirst" | "rotates" | "conflict" | "badRequest"
  /** Whether a deleted key still occupies its name for `conflict` and `badRequest`. Default false. */
  readonly deletedNamesCount: boolean
  /** The status at the limit of keys. Default 403. */
  readonly limitStatus: 400 | 402 | 403 | 409 | 429
  /** Whether the hex digits of a new key are its own `uuid`. Default `random`. */
  readonly secretHex: "random" | "uuid"
  /** How a list hides keys; `clear` does not. Default `prefixAndLastFour`. */
  readonly mask: "prefixAndLastFour" | "lastFour" | "firstFour" | "stars" | "clear"
  /** How `created` names its zone, which is UTC. Default `offset`. */
  readonly createdZone: "offset" | "zulu" | "none"
  /** How `last_used` names its zone. Default `offset`. */
  readonly lastUsedZone: "offset" | "zulu" | "none"
  /** The `last_used` of a key that was never used. Default `null`. */
  readonly neverUsed: "null" | "absent" | "created" | "epoch"
  /** Default `insertion`. */
  readonly listOrder: "insertion" | "newestFirst"
  /** Whether a list shows deleted keys, which nothing marks as such. Default false. */
  readonly listIncludesDeleted: boolean
  /** The status for deleting an unknown id; 500 is plain text. Default 404. */
  readonly unknownDelete: 200 | 404 | 500
  /** The status for deleting a deleted key. Default 404. */
  readonly repeatedDelete: 200 | 404 | 500
  /** The body of a delete: `null`, `{}`, nothing under 200, or a 204. Default `null`. */
  readonly deleteBody: "null" | "object" | "empty" | "noContent"
  /** The status for the usage of an unknown id. Default 404. */
  readonly unknownUsage: 404 | 500
  /** The usage of a deleted key. Default 404. */
  readonly usageOfDeleted: "reported" | 404 | 500
  /** The status for an id that is no UUID, in delete and usage. Default 404. */
  readonly malformedUuid: 404 | 500
  /** Another user's key: like an unknown id, or 403. Default `unknown`. */
  readonly foreignKey: "unknown" | "forbidden"
  /** The scale of `quota_usage_percentage`: 0 to 100, or 0 to 1. Default `percent`. */
  readonly quotaScale: "percent" | "fraction"
  /** Whether a path with the wrong slash is a 307 or a 404. Default `redirect`. */
  readonly wrongSlash: "redirect" | "notFound"
  /** The scheme a 307 names; `http` is what a server behind a TLS proxy believes in. Default `asSeen`. */
  readonly redirectScheme: "asSeen" | "http"
  /** Whether a JSON body without Content-Type stays unparsed. Default false. */
  readonly strictContentType: boolean
  /** The members of a validation error: the documented three, `input` besides, or a `url` too. Default `input`. */
  readonly validationMembers: "documented" | "input" | "url"
}

/**
 * What the emulator is made from.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** Without any, every request is refused. */
  readonly users?: ReadonlyArray<User>
  /** Base clock in epoch milliseconds. Default `Date.now`. */
  readonly clock?: () => number
  /** Default: 0 for all three. */
  readonly lag?: Partial<Lag>
  /** How many of the newest requests the log keeps; with 0 none is kept, nor masked. Default 10,000. */
  readonly log?: number
  /** How long an access token works, in seconds. Default 24 hours. */
  readonly accessTokenSeconds?: number
  /** How long a refresh token works, in seconds. Default 28 days. */
  readonly refreshTokenSeconds?: number
  /** The live keys a user may have. Default: unlimited. */
  readonly maxKeys?: number
  /** The requests a key may make, which its quota percentage counts against. Default 5,000. */
  readonly quota?: number
  /** Host names, in lower case and without port; any other is refused with a plain-text 400. Default: any. */
  readonly allowedHosts?: ReadonlyArray<string>
  readonly switches?: Partial<Switches>
}

/**
 * A key to put into the state. Times are epoch milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Seed {
  /** The user it belongs to. */
  readonly email: string
  readonly name: string
  /** A UUID in lower case. Default: random. */
  readonly id?: string
  /** The full key. Default: random, known to nobody. */
  readonly value?: string
  /** Default: now. */
  readonly created?: number
  /** Absent: never used. */
  readonly lastUsed?: number
  /** Default false. */
  readonly deleted?: boolean
}

/**
 * A key as it truly is. Times are epoch milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Key extends StoredKey {
  readonly owner: string
  readonly created: number
  readonly lastUsed?: number
}

/**
 * Sets numbers of a usage report. Null leaves a number out of the report.
 *
 * @category models
 * @since 0.1.0
 */
export interface UsageChange {
  readonly completedRequests?: number | null
  readonly successfulRequests?: number | null
  readonly failedRequests?: number | null
  /** Reported as given, whatever the scale. */
  readonly quotaUsagePercentage?: number | null
  readonly requestsPerDay?: number | null
}

/**
 * The emulator with the controls that only Occam needs.
 *
 * @category models
 * @since 0.1.0
 */
export interface OccamEmulator extends Emulator<Seed, Key> {
  /** Changes switches from now on. */
  readonly setSwitches: (switches: Partial<Switches>) => void
  /** Adds a user, or changes the password of one; keys given are added. */
  readonly setUser: (user: User) => void
  /** Removes a user: its tokens, keys and password are refused from now on. */
  readonly removeUser: (email: string) => void
  /** Tells whether a key would be exchanged for a token now. */
  readonly accepts: (secret: string) => boolean
  /** Uses a key for a request now, as the agents' part of the server would; false, and not counted, when refused. */
  readonly use: (secret: string, outcome?: "successful" | "failed") => boolean
  /** Sets numbers of a key's usage report; the counts go on from there. */
  readonly setUsage: (id: string, change: UsageChange) => void
  /** Makes every access token issued so far a 401 with a bad signature. Refresh tokens go on. */
  readonly rotateSigningKey: () => void
}

const defaultSwitches: Switches = {
  expiresAt: "seconds",
  tokenType: "present",
  expiredText: "occam",
  badKeyStatus: 400,
  exchangeCountsAsUse: true,
  deletedKeyTokens: "untilExpiry",
  repeatedName: "newKey",
  deletedNamesCount: false,
  limitStatus: 403,
  secretHex: "random",
  mask: "prefixAndLastFour",
  createdZone: "offset",
  lastUsedZone: "offset",
  neverUsed: "null",
  listOrder: "insertion",
  listIncludesDeleted: false,
  unknownDelete: 404,
  repeatedDelete: 404,
  deleteBody: "null",
  unknownUsage: 404,
  usageOfDeleted: 404,
  malformedUuid: 404,
  foreignKey: "unknown",
  quotaScale: "percent",
  wrongSlash: "redirect",
  redirectScheme: "asSeen",
  strictContentType: false,
  validationMembers: "input"
}

const secrets = {
  credentialHeaders: new Set(["authorization", "proxy-authorization", "cookie", "x-api-key"]),
  credentialFields: new Set(["key", "api_key", "password", "client_secret", "refresh_token", "access_token"]),
  secretShapes: [keyShape, tokenShape]
}

const dayInSeconds = 86_400

const requireWhole = (name: string, value: number, least: number): number => {
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new TypeError(`${name} takes a whole number of ${least} or more, got ${value}`)
}

// The message names the field only: the value is a secret.
const requireKey = (field: string, value: string): string => {
  if (isKey(value)) return value
  throw new TypeError(`${field} takes a key that starts with sk-occam-; make one with makeCredential()`)
}

const requireEmail = (email: string): string => {
  if (email !== "") return email
  throw new TypeError("email takes a user's e-mail address, got an empty text")
}

const insertSeed = (table: Table, clock: WaitingClock, seed: Seed, origin: StoredKey["origin"]): Row => {
  if (seed.id !== undefined && !(isUuid(seed.id) && seed.id === seed.id.toLowerCase())) {
    throw new TypeError(`id takes a UUID in lower case, got "${seed.id}"`)
  }
  const { deleted = false, email, lastUsed, name } = seed
  return table.insert({
    id: seed.id ?? crypto.randomUUID(),
    email: requireEmail(email),
    name,
    secret: seed.value === undefined ? keyOf(crypto.randomUUID()) : requireKey("value", seed.value),
    created: seed.created ?? clock.wall(),
    committedAt: -Infinity,
    origin,
    deleted,
    ...(lastUsed === undefined ? {} : { lastUsed })
  })
}

const snapshot = (row: Row): Key => ({
  id: row.id,
  label: row.name,
  owner: row.email,
  created: row.created,
  ...(row.lastUsed === undefined ? {} : { lastUsed: row.lastUsed }),
  revoked: row.deleted,
  origin: row.origin
})

const rowOf = (table: Table, id: string): Row => {
  const row = table.find(id)
  if (row === undefined) throw new TypeError(`setUsage takes the id of a stored key, got "${id}"`)
  return row
}

const acceptedRow = ({ table, users }: World, secret: string): Row | undefined => {
  const row = table.authenticate(secret)
  return row !== undefined && users.has(row.email) ? row : undefined
}

type Controls = Pick<OccamEmulator, "seed" | "keys" | "owns" | "accepts" | "use" | "setUsage" | "rotateSigningKey">

const makeControls = (world: World, clock: WaitingClock): Controls => ({
  seed: (...keys) => keys.map((seed) => snapshot(insertSeed(world.table, clock, seed, "seeded"))),
  keys: () => world.table.all().map(snapshot),
  owns: (secret) => world.table.findBySecret(secret)?.id,
  accepts: (secret) => acceptedRow(world, secret) !== undefined,
  use: (secret, outcome = "successful") => {
    const row = acceptedRow(world, secret)
    if (row !== undefined) countUse(world, row, outcome === "failed")
    return row !== undefined
  },
  setUsage: (id, change) => setUsage(rowOf(world.table, id), change),
  rotateSigningKey: world.sessions.rotateSigningKey
})

/**
 * Draws a fresh API key in the form Occam issues, to be given to a user or seeded.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeCredential = (): string => keyOf(crypto.randomUUID())

const makeWorld = (
  options: Options,
  parts: Pick<World, "users" | "switches" | "table"> & { readonly clock: WaitingClock }
): World => ({
  ...parts,
  sessions: makeSessions(parts.clock, {
    access: requireWhole("accessTokenSeconds", options.accessTokenSeconds ?? dayInSeconds, 1),
    refresh: requireWhole("refreshTokenSeconds", options.refreshTokenSeconds ?? 28 * dayInSeconds, 1)
  }),
  maxKeys: options.maxKeys === undefined ? Infinity : requireWhole("maxKeys", options.maxKeys, 0),
  quota: requireWhole("quota", options.quota ?? 5_000, 1),
  allowedHosts: options.allowedHosts
})

/**
 * Makes an Occam emulator with its own state.
 *
 * Throws a `TypeError` that names the option when one is malformed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options = {}): OccamEmulator => {
  let switches: Switches = { ...defaultSwitches, ...options.switches }
  const clock = makeClock(options.clock ?? Date.now)
  const lag = makeLag({ visibility: 0, revocation: 0, authentication: 0, ...options.lag })
  const table = makeTable(clock, lag.get)
  const users = new Map<string, User>()
  const setUser = (user: User) => {
    users.set(requireEmail(user.email), user)
    for (const key of user.keys ?? []) {
      const value = requireKey("keys", key)
      if (table.findBySecret(value) !== undefined) continue
      insertSeed(table, clock, { email: user.email, name: "credential", value }, "credential")
    }
  }
  const world = makeWorld(options, { clock, table, users, switches: () => switches })
  for (const user of options.users ?? []) setUser(user)
  const engine = makeEngine({ clock, lag, log: options.log, ...secrets, backend: makeServer(world) })
  return {
    ...engine,
    get lag() {
      return lag.get()
    },
    ...makeControls(world, clock),
    name: "occam",
    setUser,
    removeUser: (email) => void users.delete(email),
    setSwitches: (change) => {
      switches = { ...switches, ...change }
    }
  }
}
