/**
 * A local Arthur GenAI Engine, as far as its API-key router goes: a stateful `fetch` function.
 *
 * Emulates the four operations of `/auth/api_keys/` with the behaviour of the open-sourced engine, and one route of the
 * data plane, `GET /api/v2/tasks`, that checks a created key and always answers an empty list. CORS preflights, tenant
 * signup and every other endpoint are not emulated. It shares no schema with any client.
 *
 * Operations are named `create`, `get`, `list`, `revoke` and `use` (the data plane) in interventions and in the log.
 *
 * Reads are immediate by default. A key that was accepted on the data plane stays accepted there for 10 s from that
 * acceptance (`lag.authentication`), whatever happens to it; a new key is accepted at once.
 *
 * @since 0.1.0
 */
import type { Emulator, Lag, StoredKey } from "./Emulator.ts"
import { generateKey, idInKey, isBareToken, keyShape } from "./internal/arthur/keys.ts"
import { makeServer } from "./internal/arthur/server.ts"
import { makeTable, type Row, type Table } from "./internal/arthur/table.ts"
import { readUuid } from "./internal/arthur/validation.ts"
import { makeWorkers } from "./internal/arthur/workers.ts"
import { makeClock } from "./internal/clock.ts"
import { makeEngine } from "./internal/engine.ts"
import { makeLag } from "./internal/lag.ts"
import { jwtText, urlSafeToken } from "./internal/tokens.ts"

/**
 * One credential the key router accepts.
 *
 * `master` is the deployment's admin key, compared exactly. `jwt` is an identity token, accepted only while
 * `ingressConfigured` is on; get one from `makeJwt`. Its roles are compared in upper case: `ORG-ADMIN` may do everything,
 * `ORG-AUDITOR` may read. `expiresAt` is in epoch milliseconds. Keys created over the wire are not accepted there.
 *
 * @category options
 * @since 0.1.0
 */
export type Credential =
  | { readonly kind: "master"; readonly value: string }
  | {
      readonly kind: "jwt"
      readonly value: string
      readonly roles: ReadonlyArray<string>
      readonly userId?: string
      readonly expiresAt?: number
    }

/**
 * Chooses the kind of deployment, and a behaviour wherever the documentation and the server, or two versions, disagree.
 *
 * @category options
 * @since 0.1.0
 */
export interface Switches {
  /** Whether the user interface is mounted: a wrong slash is then a 404 or 405, without it a 307. Default true. */
  readonly bundledUi: boolean
  /** The scheme a 307 names; `http` is what a server behind a TLS proxy believes in. Default `asSeen`. */
  readonly redirectScheme: "asSeen" | "http"
  /** Whether identity tokens work; changes the wordings and the place of the 401. Default false. */
  readonly ingressConfigured: boolean
  /**
   * What a JWT-shaped token meets under ingress: a check, 500 `Unable to verify credentials` (`unreachable`), or the
   * generic 500 (`unusable`). Default `reachable`.
   */
  readonly jwks: "reachable" | "unreachable" | "unusable"
  /** Whether a body without Content-Type stays unparsed, as since June 2026. Default true. */
  readonly strictContentType: boolean
  /** Validation text with the server's file and route, or as the bare list of older servers. Default `place`. */
  readonly validationText: "place" | "list"
  /** Whether `TENANT-USER` gets its own 400, or is no known role, as before May 2026. Default `refused`. */
  readonly tenantUserRole: "refused" | "unknown"
  /** `postgresql` fails on U+0000 and lone surrogates; `down` fails always, `downAndLeaking` with a URL in the text. */
  readonly database: "postgresql" | "sqlite" | "down" | "downAndLeaking"
  /** What a deactivation answers: 204 as the server, or 200 and the key as its documentation. Default `noContent`. */
  readonly deactivateAnswer: "noContent" | "object"
  /** No order is promised. Default `insertion`. */
  readonly listOrder: "insertion" | "newestFirst"
}

/**
 * What the emulator is made from.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** Without any, every request is refused. Get a value from `makeCredential`. */
  readonly credentials?: ReadonlyArray<Credential>
  /** Base clock in epoch milliseconds. Default `Date.now`. */
  readonly clock?: () => number
  /** Default: visibility 0, revocation 0, authentication 10,000 ms. */
  readonly lag?: Partial<Lag>
  /** How many of the newest requests the log keeps; with 0 none is kept, nor masked. Default 10,000. */
  readonly log?: number
  /** The limit of active keys over all organizations. Default 1,000. */
  readonly maxApiKeys?: number
  /** The server's time zone as minutes east of UTC. Default 0. */
  readonly serverOffsetMinutes?: number
  /** Worker processes that take data-plane requests in turn, each with its own cache of keys. Default 1. */
  readonly workers?: number
  readonly switches?: Partial<Switches>
}

/**
 * A key to put into the state. Times are epoch milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Seed {
  /** A UUID. Default: the one in `value`, else random. */
  readonly id?: string
  /** The secret: a full key, or a bare token of 43 characters as before July 2025. Default: random, known to nobody. */
  readonly value?: string
  readonly description?: string
  /** Any strings, `TENANT-USER` included. Default `["VALIDATION-USER"]`. */
  readonly roles?: ReadonlyArray<string>
  /** Never on the wire. */
  readonly organization?: string
  /** Default: the start of the server process. */
  readonly createdAt?: number
  /** Makes the key a deactivated one. */
  readonly deactivatedAt?: number
}

/**
 * A key as it truly is. Times are epoch milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Key extends StoredKey {
  readonly roles: ReadonlyArray<string>
  readonly organization?: string
  /** What the server reports: the start of the process that made the key. */
  readonly createdAt: number
  /** The last deactivation. */
  readonly deactivatedAt?: number
}

/**
 * The emulator with the controls that only Arthur needs.
 *
 * @category models
 * @since 0.1.0
 */
export interface ArthurEmulator extends Emulator<Seed, Key> {
  /** Changes switches from now on. */
  readonly setSwitches: (switches: Partial<Switches>) => void
  /** Presents a created key to the data plane, as a request would, and tells whether it was accepted. */
  readonly accepts: (secret: string) => boolean
  /** Restarts the server process: new keys get a new `created_at`, and cached keys are forgotten. */
  readonly restart: () => void
}

const defaultSwitches: Switches = {
  bundledUi: true,
  redirectScheme: "asSeen",
  ingressConfigured: false,
  jwks: "reachable",
  strictContentType: true,
  validationText: "place",
  tenantUserRole: "refused",
  database: "postgresql",
  deactivateAnswer: "noContent",
  listOrder: "insertion"
}

const credentialHeaders = new Set(["authorization", "proxy-authorization", "cookie", "x-api-key"])

const requireWhole = (name: string, value: number, least: number): number => {
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new TypeError(`${name} takes a whole number of ${least} or more, got ${value}`)
}

const requireOffset = (minutes: number): number => {
  if (Number.isInteger(minutes) && Math.abs(minutes) <= 1_440) return minutes
  throw new TypeError(`serverOffsetMinutes takes whole minutes from -1440 to 1440, got ${minutes}`)
}

// The messages name the field only: the value is a secret.
const requireCredential = (credential: Credential): Credential => {
  if (credential.value !== "" && !/\s/.test(credential.value)) return credential
  throw new TypeError("credentials.value takes text without spaces; make one with makeCredential() or makeJwt()")
}

const requireSecret = (value: string): string => {
  if (idInKey(value) !== undefined || isBareToken(value)) return value
  throw new TypeError("value takes a key of 108 characters or a bare token of 43; see makeSecret()")
}

const seedId = (seed: Seed): string => {
  const carried = seed.value === undefined ? undefined : idInKey(requireSecret(seed.value))
  const given = seed.id === undefined ? undefined : readUuid(seed.id)
  if (seed.id !== undefined && given === undefined) throw new TypeError(`id takes a UUID, got "${seed.id}"`)
  if (carried !== undefined && given !== undefined && carried !== given) {
    throw new TypeError(`id takes the UUID that value carries, got "${seed.id}"`)
  }
  return carried ?? given ?? crypto.randomUUID()
}

const insertSeed = (table: Table, processStart: number, seed: Seed): Row => {
  const id = seedId(seed)
  return table.insert({
    id,
    secret: seed.value ?? generateKey(id),
    description: seed.description ?? null,
    roles: seed.roles ?? ["VALIDATION-USER"],
    organization: seed.organization,
    createdAt: seed.createdAt ?? processStart,
    origin: "seeded",
    committedAt: -Infinity,
    active: seed.deactivatedAt === undefined,
    deactivatedAt: seed.deactivatedAt,
    deactivationCommittedAt: -Infinity
  })
}

const snapshot = (row: Row): Key => ({
  id: row.id,
  label: row.description ?? "",
  roles: row.roles,
  ...(row.organization === undefined ? {} : { organization: row.organization }),
  createdAt: row.createdAt,
  ...(row.deactivatedAt === undefined ? {} : { deactivatedAt: row.deactivatedAt }),
  revoked: !row.active,
  origin: row.origin
})

/**
 * Draws a fresh admin key.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeCredential = (): string => urlSafeToken()

/**
 * Draws text in the form of an RS256 token; the emulator knows it by its value and verifies no signature.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeJwt = (): string => jwtText("RS256", { jti: crypto.randomUUID() })

/**
 * Draws a key in the form the engine issues, to be seeded.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeSecret = (id: string = crypto.randomUUID()): string => generateKey(id)

/**
 * Makes an Arthur emulator with its own state.
 *
 * Throws a `TypeError` that names the option when one is malformed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options = {}): ArthurEmulator => {
  let switches: Switches = { ...defaultSwitches, ...options.switches }
  const clock = makeClock(options.clock ?? Date.now)
  const lag = makeLag({ visibility: 0, revocation: 0, authentication: 10_000, ...options.lag })
  let processStart = clock.wall()
  const table = makeTable(clock, lag.get)
  const workers = makeWorkers(clock, table, lag.get, requireWhole("workers", options.workers ?? 1, 1))
  const backend = makeServer({
    clock,
    table,
    workers,
    credentials: (options.credentials ?? []).map(requireCredential),
    switches: () => switches,
    maxApiKeys: requireWhole("maxApiKeys", options.maxApiKeys ?? 1_000, 0),
    serverOffsetMinutes: requireOffset(options.serverOffsetMinutes ?? 0),
    processStart: () => processStart
  })
  const engine = makeEngine({ clock, lag, log: options.log, credentialHeaders, secretShapes: [keyShape], backend })
  return {
    ...engine,
    get lag() {
      return lag.get()
    },
    name: "arthur",
    seed: (...keys) => keys.map((seed) => snapshot(insertSeed(table, processStart, seed))),
    keys: () => table.all().map(snapshot),
    owns: (secret) => table.findBySecret(secret)?.id,
    setSwitches: (change) => {
      switches = { ...switches, ...change }
    },
    accepts: (secret) => workers.use(secret) !== undefined,
    restart: () => {
      processStart = clock.wall()
      workers.restart()
    }
  }
}
