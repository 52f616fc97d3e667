/** A backend whose keys can be looked at without asking it, and a place that one holder reads its key from. */
import { KeyId, type ApiKey, type KeyRef } from "@keyfold/core/ApiKey"
import { promised, type Capabilities } from "@keyfold/core/Capabilities"
import { DriverError, type CreateRequest, type Driver } from "@keyfold/core/Driver"
import { NotFound, Unavailable } from "@keyfold/core/KeyStoreError"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import { SinkError, type Sink } from "@keyfold/core/Sink"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"

interface Row {
  key: ApiKey
  readonly operation: string
  readonly nonce: string
}

export interface Backend {
  readonly driver: Driver
  readonly rows: ReadonlyArray<Row>
  readonly live: () => ReadonlyArray<string>
  readonly isActive: (id: string) => boolean
  /** Changes a key behind everybody's back. */
  readonly alter: (id: string, change: Partial<ApiKey>) => void
  /** Adds a key that nobody made through a store. */
  readonly add: (key: Partial<ApiKey>) => ApiKey
  /** Fails that many of the coming calls. */
  readonly fail: (operation: "create" | "revoke" | "get", times: number) => void
  readonly counts: { create: number; revoke: number; verify: number }
}

const secretOf = (id: string) => `secret of ${id}`

/** Reads a key's id from its secret. */
export const idIn = (secret: string): KeyId | undefined => {
  const id = /^secret of (.+)$/.exec(secret)?.[1]
  return id === undefined ? undefined : KeyId.make(id)
}

const refusal = new DriverError({ reason: new NotFound({}), sent: "maybe" })

/** Makes a backend with some capabilities of its own; it keeps marks in names. */
export const make = (own: Partial<Capabilities> = {}): Backend => {
  const capabilities: Capabilities = {
    ...MemoryDriver.capabilities,
    createSafety: "marker",
    tenancy: "label",
    pagination: "derived",
    usage: "unknown",
    consistency: { visibility: promised(0), settle: promised(0) },
    ...own,
    operations: { ...MemoryDriver.capabilities.operations, usage: "unsupported", ...own.operations }
  }
  const rows: Array<Row> = []
  const failures = { create: 0, revoke: 0, get: 0 }
  const counts = { create: 0, revoke: 0, verify: 0 }
  const find = (id: string) => rows.find(({ key }) => key.id === id)
  const alter = (id: string, change: Partial<ApiKey>) => {
    const row = find(id)
    if (row !== undefined) row.key = { ...row.key, ...change }
  }
  const failing = (operation: keyof typeof failures) =>
    Effect.suspend(() => {
      if (failures[operation] === 0) return Effect.void
      failures[operation]--
      return Effect.fail(new DriverError({ reason: new Unavailable({ status: 503 }), sent: "no" }))
    })
  const known = (ref: KeyRef) =>
    Effect.suspend(() => Effect.succeed(find(ref.id) ?? undefined)).pipe(
      Effect.flatMap((row) => (row === undefined ? Effect.fail(refusal) : Effect.succeed(row)))
    )
  const insert = (key: Partial<ApiKey>, operation: string, nonce: string): ApiKey => {
    const made: ApiKey = {
      id: KeyId.make(`key-${rows.length + 1}`),
      scopes: [],
      status: "active",
      tags: {},
      provider: {},
      ...key
    }
    rows.push({ key: made, operation, nonce })
    return made
  }
  const create = Effect.fnUntraced(function* (request: CreateRequest) {
    yield* failing("create")
    counts.create++
    const { expiresAt, label, owner, scopes, tags } = request
    const earlier = rows.find(
      ({ nonce, operation }) => operation === request.operationId && request.supersedes.includes(nonce)
    )
    if (capabilities.createSafety === "idempotent" && earlier !== undefined)
      alter(earlier.key.id, { status: "revoked" })
    const key = insert(
      {
        ...(label === undefined ? {} : { name: label }),
        ...(owner === undefined ? {} : { owner }),
        ...(expiresAt === undefined ? {} : { expiresAt }),
        createdAt: yield* DateTime.now,
        scopes,
        tags
      },
      request.operationId,
      request.nonce
    )
    return { key, secret: Redacted.make(secretOf(key.id)) }
  })
  const driver: Driver = {
    backend: "rows",
    capabilities,
    defaultScopes: [],
    create,
    ...(capabilities.createSafety === "idempotent"
      ? {
          findOperation: (operation) =>
            Effect.sync(() => rows.findLast((row) => row.operation === operation && row.key.status !== "revoked"))
        }
      : {}),
    get: (ref) =>
      Effect.andThen(
        failing("get"),
        Effect.map(known(ref), ({ key }) => key)
      ),
    list: {
      kind: "stream",
      open: ({ statuses }) =>
        Stream.suspend(() => Stream.make(rows.map(({ key }) => key).filter(({ status }) => statuses.includes(status))))
    },
    revoke: (ref) =>
      Effect.gen(function* () {
        yield* failing("revoke")
        const { key } = yield* known(ref)
        counts.revoke++
        alter(key.id, { status: "revoked" })
        return { id: key.id, effectiveWithin: Duration.zero }
      }),
    ...(capabilities.operations.usage === "native"
      ? {
          usage: (ref) =>
            Effect.map(known(ref), ({ key: { id, lastUsedAt } }) => ({
              id,
              precision: "exact" as const,
              ...(lastUsedAt === undefined ? {} : { lastUsedAt }),
              provider: {}
            }))
        }
      : {}),
    ...(capabilities.operations.verify === "native"
      ? {
          verify: (secret) =>
            Effect.sync(() => {
              counts.verify++
              return find(idIn(Redacted.value(secret)) ?? "")?.key.status === "active"
                ? { valid: true as const }
                : { valid: false as const }
            })
        }
      : {}),
    identify: (secret) => Option.map(Option.fromUndefinedOr(idIn(Redacted.value(secret))), (id) => ({ id }))
  }
  return {
    driver,
    rows,
    live: () => rows.flatMap(({ key }) => (key.status === "active" ? [key.id] : [])),
    isActive: (id) => find(id)?.key.status === "active",
    alter,
    add: (key) => insert(key, "", ""),
    fail: (operation, times) => (failures[operation] = times),
    counts
  }
}

/** What a holder reads its key from. */
export interface Place {
  readonly sink: Sink
  /** The id of the key whose secret is there. */
  holds: KeyId
  /** What becomes of the coming writes, in order: `fails` writes nothing, `fallsSilent` writes and gives no answer. */
  readonly next: Array<"fails" | "fallsSilent" | "hangs" | "confirmsOther" | "slow">
  canTell: boolean
  canOpen: boolean
  readonly counts: { written: number }
}

/** Makes a place that holds a key already. */
export const place = (holds: KeyId): Place => {
  const put = (id: KeyId) => {
    self.holds = id
    self.counts.written++
    return { holds: self.canTell ? Option.some(id) : Option.none() }
  }
  const self: Place = {
    holds,
    next: [],
    canTell: true,
    canOpen: true,
    counts: { written: 0 },
    sink: {
      name: "place",
      open: Effect.suspend(() =>
        self.canOpen
          ? Effect.succeed(({ key }) =>
              Effect.suspend(() => {
                const fate = self.next.shift()
                if (fate === "fails") return Effect.fail(new SinkError({ sink: "place", problem: "it is full." }))
                if (fate === "hangs") return Effect.never
                if (fate === "slow")
                  return Effect.delay(
                    Effect.sync(() => put(key.id)),
                    "10 seconds"
                  )
                if (fate === "confirmsOther") return Effect.succeed({ holds: Option.some(self.holds) })
                const receipt = put(key.id)
                return fate === undefined ? Effect.succeed(receipt) : Effect.never
              })
            )
          : Effect.fail(new SinkError({ sink: "place", problem: "it is locked." }))
      ),
      holds: () => Effect.sync(() => (self.canTell ? Option.some(self.holds) : Option.none()))
    }
  }
  return self
}
