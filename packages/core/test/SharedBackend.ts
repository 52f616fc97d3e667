/** A backend that knows nothing of tenants, so that everybody's keys lie in one place, and each request to it is counted. */
import { KeyId, type ApiKey, type KeyRef } from "@keyfold/core/ApiKey"
import { observed, type Capabilities } from "@keyfold/core/Capabilities"
import { DriverError, type Driver, type Listing } from "@keyfold/core/Driver"
import { NotFound } from "@keyfold/core/KeyStoreError"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { capabilitiesWith, keyWith, record, type Recorded } from "./RecordedDriver.ts"

/** Which operations the backend has itself; what it has not is derived or unsupported. */
export interface Options {
  readonly get?: boolean
  readonly usage?: boolean
  readonly verify?: boolean
  readonly identify?: boolean
  readonly pages?: boolean
  /** The bound it declares, and how long it really takes where that is less. */
  readonly visibility?: Duration.Input
  readonly lag?: Duration.Input
  readonly capabilities?: Partial<Capabilities>
  /** What the backend stores of a label. */
  readonly keep?: (label: string) => string
}

export interface SharedBackend {
  readonly recorded: Recorded
  readonly keys: Map<string, ApiKey>
}

/** The refusal of a real backend: it has an id of its own, which says that the request was answered. */
const missing = new DriverError({ reason: new NotFound({ problem: "404" }), sent: "maybe", requestId: "request-404" })

const idIn = (secret: Redacted.Redacted<string>) => /^secret of (.+)$/.exec(Redacted.value(secret))?.[1]

const capabilitiesOf = ({ capabilities, get, identify = true, pages, usage, verify = true, visibility = 0 }: Options) =>
  capabilitiesWith(
    {
      createSafety: "marker",
      tenancy: "label",
      identify,
      listsRevoked: get === true ? "always" : "never",
      getsRevoked: get === true,
      pagination: pages === true ? "native" : "derived",
      revokeUnknown: "ambiguous",
      consistency: { visibility: observed(visibility), settle: observed("60 seconds") },
      ...capabilities
    },
    {
      get: get === true ? "native" : "derived",
      usage: usage === true ? "native" : "derived",
      verify: verify ? "native" : "unsupported"
    }
  )

/** Makes an empty backend. */
export const make = (options: Options = {}): SharedBackend => {
  const { keep = (label) => label } = options
  const lag = Duration.toMillis(Duration.fromInputUnsafe(options.lag ?? options.visibility ?? 0))
  const capabilities = capabilitiesOf(options)
  const keys = new Map<string, ApiKey>()
  const visible = Effect.map(Clock.currentTimeMillis, (now) =>
    [...keys.values()].filter(({ createdAt }) => (createdAt?.epochMilliseconds ?? 0) + lag <= now)
  )
  const find = ({ id }: KeyRef) =>
    Effect.flatMap(visible, (all) => {
      const key = all.find((key) => key.id === id)
      return key === undefined ? Effect.fail(missing) : Effect.succeed(key)
    })
  const listed = Effect.map(visible, (all) =>
    all.filter(({ status }) => status === "active" || capabilities.listsRevoked === "always")
  )
  const list: Listing =
    options.pages === true
      ? {
          kind: "pages",
          page: ({ position = "0" }) =>
            Effect.map(listed, (all) => {
              const end = Number(position) + 2
              return { keys: all.slice(Number(position), end), ...(end < all.length ? { next: String(end) } : {}) }
            })
        }
      : { kind: "stream", open: () => Stream.fromEffect(listed) }
  const driver: Driver = {
    backend: "shared",
    capabilities,
    defaultScopes: [],
    create: ({ label, owner }) =>
      Effect.map(DateTime.now, (createdAt) => {
        const id = `key-${keys.size + 1}`
        const key = keyWith(id, { name: keep(label ?? ""), createdAt, ...(owner === undefined ? {} : { owner }) })
        keys.set(id, key)
        return { key, secret: Redacted.make(`secret of ${id}`) }
      }),
    list,
    revoke: (ref) =>
      Effect.map(find(ref), (key) => {
        keys.set(key.id, { ...key, status: "revoked" })
        return { id: key.id, effectiveWithin: Duration.zero }
      }),
    ...(options.get === true ? { get: find } : {}),
    ...(options.usage === true
      ? { usage: (ref) => Effect.map(find(ref), ({ id }) => ({ id, precision: "exact", provider: {} })) }
      : {}),
    ...(capabilities.operations.verify === "native"
      ? {
          verify: (secret) =>
            Effect.sync(() => {
              const key = keys.get(idIn(secret) ?? "")
              return key?.status === "active" ? { valid: true } : { valid: false, reason: "refused" }
            })
        }
      : {}),
    ...(capabilities.identify
      ? {
          identify: (secret) =>
            Option.map(Option.fromUndefinedOr(idIn(secret)), (id): KeyRef => ({ id: KeyId.make(id) }))
        }
      : {})
  }
  return { recorded: record(driver), keys }
}
