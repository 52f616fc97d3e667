/**
 * What rotations need, by name: a rotation outlives the process that began it, so it keeps names, and every process that may
 * take a step of it must find the same things under them.
 *
 * @since 0.1.0
 */
import type { IssuedKey, KeyId, KeyRef } from "@keyfold/core/ApiKey"
import type { KeyStore } from "@keyfold/core/KeyStore"
import { SinkError, type Sink } from "@keyfold/core/Sink"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { Unconfigured, type RotationId } from "./Rotation.ts"

/**
 * A probe or a holder's check has no answer. The text never holds a secret.
 *
 * @category errors
 * @since 0.1.0
 */
export class CheckError extends Schema.TaggedError<CheckError>("@keyfold/lifecycle/CheckError")("CheckError", {
  problem: Schema.String
}) {
  override get message(): string {
    return this.problem
  }
}

/**
 * Says for which rotation something is looked up. `key` is the old key.
 *
 * @category models
 * @since 0.1.0
 */
export interface Subject {
  readonly rotationId: RotationId
  readonly store: string
  readonly tenant: string | undefined
  readonly key: KeyRef
}

/**
 * Tells whether keys work where they are meant to.
 *
 * - `accepts`: whether a request with this new secret is let in. False is a refusal; an outage is a `CheckError`.
 * - `refuses`: whether a request with the secret of this revoked key is turned away, where the probe has a way to make
 *   one. Only what it saw refused counts as a confirmed revocation.
 *
 * @category models
 * @since 0.1.0
 */
export interface Probe {
  readonly accepts: (issued: IssuedKey) => Effect.Effect<boolean, CheckError>
  readonly refuses?: (revoked: KeyRef) => Effect.Effect<boolean, CheckError>
}

/**
 * Asks the holder whether it works with the new key: succeeds where it does, and says in the error what it says instead.
 *
 * @category models
 * @since 0.1.0
 */
export type HolderCheck = (
  rotation: Subject & { readonly old: KeyRef; readonly new: KeyRef }
) => Effect.Effect<void, CheckError>

/**
 * Names the sink of a rotation whose new secret goes to whoever asked for it, in an answer: no configured sink can have this
 * name. Only the process that answers can take the secret; everywhere else the name stands for `askerElsewhere`.
 *
 * @category constants
 * @since 0.1.0
 */
export const toAsker = ":asker"

/**
 * Stands for an answer that this process does not give: it takes no secret, so that no key is made for it, and cannot
 * tell what the asker holds.
 *
 * @category constants
 * @since 0.1.0
 */
export const askerElsewhere: Sink = {
  name: "the answer to a request",
  open: Effect.fail(
    new SinkError({ sink: "the answer to a request", problem: "nobody waits in this process for the new secret." })
  ),
  holds: () => Effect.succeed(Option.none())
}

/**
 * Finds what rotations need.
 *
 * Each is asked for again at every step, and given back when the step is over; a name that is not there fails
 * `Unconfigured`. A `store` is built with the journal that `Rotations` has. `ownKeys`, where it is there, names the keys
 * that are a store's own credentials, so that their rotation strands nothing.
 *
 * @category services
 * @since 0.1.0
 */
export class RotationResources extends Context.Service<
  RotationResources,
  {
    readonly store: (
      name: string,
      tenant: string | undefined
    ) => Effect.Effect<KeyStore["Service"], Unconfigured, Scope.Scope>
    readonly sink: (name: string, subject: Subject) => Effect.Effect<Sink, Unconfigured, Scope.Scope>
    readonly probe: (name: string, subject: Subject) => Effect.Effect<Probe, Unconfigured, Scope.Scope>
    readonly holderCheck: (name: string, subject: Subject) => Effect.Effect<HolderCheck, Unconfigured, Scope.Scope>
    readonly ownKeys?: (
      store: string,
      tenant: string | undefined
    ) => Effect.Effect<ReadonlyArray<KeyId>, Unconfigured, Scope.Scope>
  }
>()("@keyfold/lifecycle/RotationResources") {}

/**
 * Names what a program has at hand. Each store is opened when a step needs it; `KeyStore.make(...)` is such an effect, and
 * so is `Effect.succeed(keys)`.
 *
 * @category options
 * @since 0.1.0
 */
export interface Named {
  readonly stores: Readonly<
    Record<string, (tenant: string | undefined) => Effect.Effect<KeyStore["Service"], Unconfigured, Scope.Scope>>
  >
  readonly sinks: Readonly<Record<string, (subject: Subject) => Sink>>
  readonly probes?: Readonly<Record<string, Probe>>
  readonly holderChecks?: Readonly<Record<string, HolderCheck>>
  readonly ownKeys?: Readonly<Record<string, ReadonlyArray<KeyId>>>
}

const named = <A>(
  what: Unconfigured["what"],
  entries: Readonly<Record<string, A>>,
  name: string
): Effect.Effect<A, Unconfigured> => {
  const entry = Object.hasOwn(entries, name) ? entries[name] : undefined
  if (entry !== undefined) return Effect.succeed(entry)
  const names = Object.keys(entries)
  const known = names.length === 0 ? "none is" : `these are: ${names.join(", ")}`
  return Effect.fail(new Unconfigured({ what, name, problem: `it is not set up here; ${known}.` }))
}

/**
 * Makes the resources of records of named things.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (things: Named): RotationResources["Service"] => ({
  store: (name, tenant) => Effect.flatMap(named("store", things.stores, name), (open) => open(tenant)),
  sink: (name, subject) => Effect.map(named("sink", things.sinks, name), (make) => make(subject)),
  probe: (name) => named("probe", things.probes ?? {}, name),
  holderCheck: (name) => named("holderCheck", things.holderChecks ?? {}, name),
  ownKeys: (store) => Effect.succeed(things.ownKeys?.[store] ?? [])
})

/**
 * Provides resources made of records of named things.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (things: Named): Layer.Layer<RotationResources> => Layer.succeed(RotationResources, make(things))
