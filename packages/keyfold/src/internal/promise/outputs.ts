/** From the core's values to plain ones: times become `Date`, lengths of time milliseconds, an absent value is left out. */
import type * as Core from "@keyfold/core/ApiKey"
import type * as CoreCapabilities from "@keyfold/core/Capabilities"
import type * as KeyList from "@keyfold/core/KeyList"
import type * as KeyStore from "@keyfold/core/KeyStore"
import type * as CoreUsage from "@keyfold/core/KeyUsage"
import type * as CoreRecovery from "@keyfold/core/Recovery"
import type { Delivered } from "@keyfold/core/Sink"
import type * as CoreVerification from "@keyfold/core/Verification"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type {
  ApiKey,
  Bound,
  Capabilities,
  DeliveredKey,
  IssuedKey,
  KeyUsage,
  Page,
  Recovery,
  Revocation,
  StoreDescription,
  Sweep,
  Verification
} from "../../models.ts"
import { Secret } from "../../secret.ts"

const dated = <Name extends string>(times: { readonly [Key in Name]?: DateTime.Utc | undefined }): {
  readonly [Key in Name]?: Date
} => {
  const dates: { [Key in Name]?: Date } = {}
  for (const name in times) {
    const time = times[name]
    if (time !== undefined) dates[name] = DateTime.toDateUtc(time)
  }
  return dates
}

/** Presents a key. */
export const keyOf = ({ createdAt, expiresAt, lastUsedAt, revokedAt, ...rest }: Core.ApiKey): ApiKey => ({
  ...rest,
  ...dated({ createdAt, expiresAt, lastUsedAt, revokedAt })
})

/** Presents a key with its secret. */
export const issuedOf = ({ key, secret }: Core.IssuedKey): IssuedKey => ({
  key: keyOf(key),
  secret: new Secret(Redacted.value(secret))
})

/** Presents a key whose secret was delivered. */
export const deliveredOf = ({ holds, key, sink }: Delivered): DeliveredKey => ({
  key: keyOf(key),
  sink,
  ...(Option.isSome(holds) ? { holds: holds.value } : {})
})

/** Presents a page. */
export const pageOf = ({ completeness: { lag, ...rest }, keys, ...page }: KeyList.Page): Page => ({
  ...page,
  keys: keys.map(keyOf),
  completeness: { ...rest, lagMilliseconds: Duration.toMillis(lag) }
})

/** Presents a revocation. */
export const revocationOf = ({ effectiveWithin, ...rest }: Core.Revocation): Revocation => ({
  ...rest,
  effectiveWithinMilliseconds: Duration.toMillis(effectiveWithin)
})

/** Presents the use of a key. */
export const usageOf = ({ lastUsedAt, window, ...rest }: CoreUsage.KeyUsage): KeyUsage => ({
  ...rest,
  ...dated({ lastUsedAt }),
  ...(window === undefined ? {} : { window: dated({ from: window.from, to: window.to }) })
})

/** Presents a verification. */
export const verificationOf = (verification: CoreVerification.Verification): Verification =>
  verification.valid
    ? { valid: true, ...(verification.key === undefined ? {} : { key: keyOf(verification.key) }) }
    : verification

/** Presents what became of a create. */
export const recoveryOf = (recovery: CoreRecovery.Recovery): Recovery => {
  switch (recovery.kind) {
    case "delivered":
      return { kind: "delivered", ...(recovery.key === undefined ? {} : { key: recovery.key }) }
    case "underWay":
      return { kind: "underWay", until: DateTime.toDateUtc(recovery.until) }
    case "candidates":
      return { kind: "candidates", keys: recovery.keys.map(keyOf) }
    default:
      return recovery
  }
}

/** Presents a sweep, which is plain already. */
export const sweepOf = (sweep: CoreRecovery.Sweep): Sweep => sweep

const boundOf = ({ basis, within }: CoreCapabilities.Bound): Bound => ({
  withinMilliseconds: Duration.toMillis(within),
  basis
})

const capabilitiesOf = ({ consistency, revocationLag, ...rest }: CoreCapabilities.Capabilities): Capabilities => ({
  ...rest,
  revocationLag: boundOf(revocationLag),
  consistency: { visibility: boundOf(consistency.visibility), settle: boundOf(consistency.settle) }
})

/** Describes a store. */
export const descriptionOf = ({
  backend,
  capabilities,
  store,
  tenant
}: KeyStore.KeyStore["Service"]): StoreDescription => ({
  name: store,
  backend,
  ...(Option.isSome(tenant) ? { tenant: tenant.value } : {}),
  capabilities: capabilitiesOf(capabilities)
})
