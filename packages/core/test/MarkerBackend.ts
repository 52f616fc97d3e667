/** A backend that knows nothing of operations: it makes a key for each request, and a test decides what answers get lost. */
import { KeyId, type ApiKey } from "@keyfold/core/ApiKey"
import { observed, type Capabilities } from "@keyfold/core/Capabilities"
import { DriverError, type CreateRequest, type Driver } from "@keyfold/core/Driver"
import { Network, NotFound, Unavailable, type Reason } from "@keyfold/core/KeyStoreError"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { capabilitiesWith } from "./RecordedDriver.ts"

/** What becomes of one create. `late` commits that many milliseconds after its client was told that it failed. */
export type Fate =
  | "answered"
  | "lost"
  | "notCommitted"
  | "hangs"
  | "hangsCommitted"
  | "twice"
  | "refused"
  | { readonly late: number }

/** What the backend knows of one key. */
export interface Row {
  readonly id: KeyId
  label: string
  readonly owner: string | undefined
  readonly secret: string
  readonly at: number
  revokedAt: number | undefined
}

export interface Options {
  readonly visibility?: Duration.Input
  readonly settle?: Duration.Input
  readonly capabilities?: Partial<Capabilities>
  /** What the backend stores of a label. */
  readonly keep?: (label: string) => string
}

export interface MarkerBackend {
  readonly driver: Driver
  readonly rows: ReadonlyArray<Row>
  /** Ids of keys that are not revoked. */
  readonly live: () => ReadonlyArray<string>
  /** Decides about the coming creates, in order; those after them are answered. */
  readonly next: (...fates: ReadonlyArray<Fate>) => void
  readonly insert: (label: string) => Row
  readonly counts: { create: number; list: number; revoke: number }
  /** Fails that many of the coming lists or revokes. */
  readonly fail: (operation: "list" | "revoke", times: number) => void
}

const broken = (reason: Reason) => new DriverError({ reason, sent: "maybe" })

const lost = broken(new Network({ code: "ECONNRESET" }))

const idIn = (secret: string) => /^secret of (.+)$/.exec(secret)?.[1]

/** Makes an empty backend. */
export const make = (options: Options = {}): MarkerBackend => {
  const { keep = (label) => label, settle = "60 seconds", visibility = "10 seconds" } = options
  const capabilities = capabilitiesWith(
    {
      createSafety: "marker",
      getsRevoked: false,
      listsRevoked: "never",
      revokeUnknown: "ambiguous",
      consistency: { visibility: observed(visibility), settle: observed(settle) },
      ...options.capabilities
    },
    { get: "derived", usage: "unsupported", verify: "unsupported" }
  )
  const lag = Duration.toMillis(Duration.fromInputUnsafe(visibility))
  const rows: Array<Row> = []
  const fates: Array<Fate> = []
  const failures = { list: 0, revoke: 0 }
  const counts = { create: 0, list: 0, revoke: 0 }

  const insertAt = (label: string, owner: string | undefined, at: number): Row => {
    const id = KeyId.make(`key-${rows.length + 1}`)
    const row: Row = { id, label: keep(label), owner, secret: `secret of ${id}`, at, revokedAt: undefined }
    rows.push(row)
    return row
  }
  const commit = (request: CreateRequest) =>
    Effect.map(Clock.currentTimeMillis, (now) => insertAt(request.label ?? "", request.owner, now))
  const toKey = ({ id, label, owner }: Row): ApiKey => ({
    id,
    ...(label === "" ? {} : { name: label }),
    ...(owner === undefined ? {} : { owner }),
    scopes: [],
    status: "active",
    tags: {},
    provider: {}
  })
  const answered = (row: Row) => ({ key: toKey(row), secret: Redacted.make(row.secret) })

  const create = (request: CreateRequest) =>
    Effect.suspend(() => {
      counts.create++
      const fate = fates.shift() ?? "answered"
      if (typeof fate === "object") {
        const commitLate = Effect.andThen(Effect.sleep(Duration.millis(fate.late)), commit(request))
        return Effect.andThen(Effect.forkDetach(commitLate), Effect.fail(lost))
      }
      switch (fate) {
        case "answered":
          return Effect.map(commit(request), answered)
        case "lost":
          return Effect.andThen(commit(request), Effect.fail(lost))
        case "notCommitted":
          return Effect.fail(lost)
        case "hangs":
          return Effect.never
        case "hangsCommitted":
          return Effect.andThen(commit(request), Effect.never)
        case "twice":
          return Effect.andThen(commit(request), Effect.map(commit(request), answered))
        case "refused":
          return Effect.fail(new DriverError({ reason: new Unavailable({}), sent: "no" }))
      }
    })

  const list = Effect.gen(function* () {
    counts.list++
    if (failures.list > 0) {
      failures.list--
      return yield* broken(new Unavailable({}))
    }
    const now = yield* Clock.currentTimeMillis
    return rows.filter(({ at, revokedAt }) => now - at >= lag && revokedAt === undefined).map(toKey)
  })

  const revoke: Driver["revoke"] = ({ id }) =>
    Effect.gen(function* () {
      counts.revoke++
      if (failures.revoke > 0) {
        failures.revoke--
        return yield* broken(new Unavailable({}))
      }
      const now = yield* Clock.currentTimeMillis
      const row = rows.find((row) => row.id === id)
      // As at WhyLabs: what the index does not show yet cannot be revoked.
      if (row === undefined || now - row.at < lag) return yield* broken(new NotFound({}))
      row.revokedAt ??= now
      return { id, effectiveWithin: Duration.zero }
    })

  return {
    rows,
    counts,
    live: () => rows.filter(({ revokedAt }) => revokedAt === undefined).map(({ id }) => id),
    next: (...more) => void fates.push(...more),
    insert: (label) => insertAt(label, undefined, Number.NEGATIVE_INFINITY),
    fail: (operation, times) => {
      failures[operation] = Math.max(0, failures[operation] + times)
    },
    driver: {
      backend: "marked",
      capabilities,
      defaultScopes: [],
      create,
      list: { kind: "stream", open: () => Stream.fromEffect(list) },
      revoke,
      identify: (secret) =>
        Option.map(Option.fromUndefinedOr(idIn(Redacted.value(secret))), (id) => ({ id: KeyId.make(id) }))
    }
  }
}
