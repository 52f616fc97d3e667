/**
 * A driver that keeps keys in memory: the reference for what every operation means.
 *
 * Use it in an application's own tests and to try Keyfold without any backend. Keys vanish with the process.
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { KeyId, settleStatus, type ApiKey, type IssuedKey, type KeyRef, type Revocation } from "./ApiKey.ts"
import { promised, type Capabilities } from "./Capabilities.ts"
import type { ConfigurationError } from "./ConfigurationError.ts"
import {
  DriverError,
  type CreateRequest,
  type Driver,
  type DriverPage,
  type FoundOperation,
  type PageRequest
} from "./Driver.ts"
import * as crypto from "./internal/crypto.ts"
import * as KeyStore from "./KeyStore.ts"
import { Conflict, NotFound } from "./KeyStoreError.ts"
import type { KeyUsage } from "./KeyUsage.ts"
import type { OperationId } from "./OperationId.ts"
import type { Verification } from "./Verification.ts"

/**
 * Declares what the memory driver can do: everything, exactly and at once.
 *
 * @category models
 * @since 0.1.0
 */
export const capabilities: Capabilities = {
  operations: {
    create: "native",
    get: "native",
    list: "native",
    revoke: "native",
    usage: "native",
    verify: "native"
  },
  identify: true,
  listsRevoked: "always",
  getsRevoked: true,
  expiry: true,
  scopes: true,
  owners: "optional",
  tags: true,
  pagination: "native",
  usage: "exact",
  createSafety: "idempotent",
  revokes: "any",
  revokeUnknown: "notFound",
  repeatedRevoke: "unchanged",
  revocationLag: promised(0),
  quota: { source: "unknown" },
  consistency: { visibility: promised(0), settle: promised(0) },
  tenancy: "native"
}

interface Entry {
  readonly key: ApiKey
  readonly digest: Uint8Array
  readonly accepted: number
  readonly refused: number
  /** Counts the keys of a shelf in the order of their creation. */
  readonly serial: number
}

interface Shelf {
  created: number
  readonly entries: Map<string, Entry>
  /** The key of each operation, and the nonce of the attempt that made it. */
  readonly operations: Map<string, { readonly id: string; readonly nonce: string }>
}

const secretPattern = /^mem_([A-Za-z0-9_-]{12})\.[A-Za-z0-9_-]{43}$/

const idOf = (secret: Redacted.Redacted<string>): string | undefined => secretPattern.exec(Redacted.value(secret))?.[1]

const notFound = new DriverError({ reason: new NotFound({}), sent: "maybe" })

const find = (shelf: Shelf, ref: KeyRef): Effect.Effect<Entry, DriverError> =>
  Effect.suspend(() => {
    const entry = shelf.entries.get(ref.id)
    return entry === undefined ? Effect.fail(notFound) : Effect.succeed(entry)
  })

const create = Effect.fnUntraced(function* (
  shelf: Shelf,
  request: CreateRequest
): Effect.fn.Return<IssuedKey, DriverError> {
  const id = KeyId.make(crypto.randomText(9))
  const secret = `mem_${id}.${crypto.randomText(32)}`
  // Nothing may be interrupted between the look at the shelf and the writes to it.
  const digest = yield* Effect.promise(() => crypto.sha256(secret))
  const createdAt = yield* DateTime.now
  const existing = shelf.operations.get(request.operationId)
  if (existing !== undefined) {
    if (existing.nonce !== request.nonce && !request.supersedes.includes(existing.nonce)) {
      const reason = new Conflict({ existing: { id: KeyId.make(existing.id) } })
      return yield* new DriverError({ reason, sent: "maybe" })
    }
    shelf.entries.delete(existing.id)
  }
  const { expiresAt, name, owner } = request
  const key: ApiKey = {
    id,
    ...(name === undefined ? {} : { name }),
    ...(owner === undefined ? {} : { owner }),
    scopes: request.scopes,
    status: "active",
    createdAt,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    hint: secret.slice(-4),
    tags: request.tags,
    provider: {}
  }
  shelf.operations.set(request.operationId, { id, nonce: request.nonce })
  shelf.created += 1
  shelf.entries.set(id, { key, digest, accepted: 0, refused: 0, serial: shelf.created })
  return { key, secret: Redacted.make(secret, { label: "secret" }) }
})

const findOperation = (shelf: Shelf, operationId: OperationId): FoundOperation | undefined => {
  const operation = shelf.operations.get(operationId)
  const entry = operation === undefined ? undefined : shelf.entries.get(operation.id)
  return operation === undefined || entry === undefined ? undefined : { key: entry.key, nonce: operation.nonce }
}

const page = Effect.fnUntraced(function* (shelf: Shelf, request: PageRequest): Effect.fn.Return<DriverPage> {
  const now = yield* DateTime.now
  // A replaced key leaves no gap: the position is the number of the last key of the page before, not its id.
  const after = Number(request.position ?? 0)
  const found: Array<Entry> = []
  for (const entry of shelf.entries.values()) {
    const { key, serial } = entry
    const { status } = settleStatus(key, now)
    const matches = request.statuses.includes(status) && (request.owner === undefined || key.owner === request.owner)
    if (serial > after && matches) found.push(entry)
    if (found.length > request.limit) break
  }
  const shown = found.slice(0, request.limit)
  const keys = shown.map(({ key }) => key)
  const last = shown.at(-1)
  return last !== undefined && found.length > request.limit ? { keys, next: String(last.serial) } : { keys }
})

const revoke = Effect.fnUntraced(function* (shelf: Shelf, ref: KeyRef): Effect.fn.Return<Revocation, DriverError> {
  const entry = yield* find(shelf, ref)
  const { id } = entry.key
  if (entry.key.status === "revoked") return { id, alreadyRevoked: true, effectiveWithin: Duration.zero }
  const revokedAt = yield* DateTime.now
  shelf.entries.set(id, { ...entry, key: { ...entry.key, status: "revoked", revokedAt } })
  return { id, effectiveWithin: Duration.zero }
})

const verify = Effect.fnUntraced(function* (
  shelf: Shelf,
  secret: Redacted.Redacted<string>
): Effect.fn.Return<Verification> {
  const id = idOf(secret)
  if (id === undefined) return { valid: false, reason: "malformed" }
  const digest = yield* Effect.promise(() => crypto.sha256(Redacted.value(secret)))
  const entry = shelf.entries.get(id)
  if (entry === undefined || !crypto.equalInConstantTime(entry.digest, digest)) {
    return { valid: false, reason: "unknown" }
  }
  const now = yield* DateTime.now
  const { status } = settleStatus(entry.key, now)
  if (status !== "active") {
    shelf.entries.set(id, { ...entry, refused: entry.refused + 1 })
    return { valid: false, reason: status }
  }
  const key: ApiKey = { ...entry.key, lastUsedAt: now }
  shelf.entries.set(id, { ...entry, key, accepted: entry.accepted + 1 })
  return { valid: true, key }
})

const usage = (entry: Entry): KeyUsage => ({
  id: entry.key.id,
  precision: "exact",
  ...(entry.key.lastUsedAt === undefined ? {} : { lastUsedAt: entry.key.lastUsedAt }),
  completedRequests: entry.accepted + entry.refused,
  successfulRequests: entry.accepted,
  failedRequests: entry.refused,
  provider: {}
})

/**
 * Makes an empty memory driver. `partition` gives each tenant keys of its own.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Driver => {
  const shelves = new Map<string, Shelf>()
  const view = (tenant: string): Driver => {
    const shelf = shelves.get(tenant) ?? { created: 0, entries: new Map(), operations: new Map() }
    shelves.set(tenant, shelf)
    return {
      backend: "memory",
      capabilities,
      defaultScopes: [],
      create: (request) => create(shelf, request),
      findOperation: (operationId) => Effect.sync(() => findOperation(shelf, operationId)),
      get: (ref) => Effect.map(find(shelf, ref), (entry) => entry.key),
      list: { kind: "pages", page: (request) => page(shelf, request) },
      revoke: (ref) => revoke(shelf, ref),
      usage: (ref) => Effect.map(find(shelf, ref), usage),
      verify: (secret) => verify(shelf, secret),
      identify: (secret) => Option.map(Option.fromUndefinedOr(idOf(secret)), (id) => ({ id: KeyId.make(id) })),
      partition: view,
      partitions: Effect.sync(() => [...shelves].flatMap(([name, { entries }]) => (entries.size === 0 ? [] : [name])))
    }
  }
  return view("")
}

/**
 * Provides a store in memory.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: KeyStore.StoreOptions = {}): Layer.Layer<KeyStore.KeyStore, ConfigurationError> =>
  Layer.effect(
    KeyStore.KeyStore,
    Effect.suspend(() => KeyStore.make(make(), options))
  )
