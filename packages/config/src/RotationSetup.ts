/**
 * What rotations need, from a configuration: the stores, sinks, probes and checks it names.
 *
 * @since 0.1.0
 */
import type { KeyId } from "@keyfold/core/ApiKey"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { KeyStore } from "@keyfold/core/KeyStore"
import { Unconfigured } from "@keyfold/lifecycle/Rotation"
import { askerElsewhere, toAsker, type RotationResources, type Subject } from "@keyfold/lifecycle/RotationResources"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { Configuration, RotationsDefinition, SinkDefinition } from "./Configuration.ts"
import * as scheduling from "./internal/rotation/scheduling.ts"
import { didYouMean } from "./internal/spelling.ts"

type Opening = Effect.Effect<KeyStore["Service"], ConfigurationError, Scope.Scope>

/**
 * Says where stores come from: `store` gives one of the file with all of its keys, `forTenant` a tenant's. A
 * `LiveConfiguration` has both, and `current`, the configuration in force.
 *
 * All of them use the journal that the rotations use.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  readonly current: Effect.Effect<Configuration>
  readonly store: (name: string) => Opening
  readonly forTenant: (tenant: string) => Opening
}

/**
 * The configuration has no member `rotations`; this says what to write.
 *
 * @category errors
 * @since 0.1.0
 */
export const noRotations: ConfigurationError = new ConfigurationError({
  problem: "the configuration says nothing about rotations.",
  fix: "Write rotations: { sinks: { NAME: { file: path } } } at the top level, beside a journal."
})

/**
 * Finds what a configuration says about rotations, or tells how to write it.
 *
 * @category combinators
 * @since 0.1.0
 */
export const find = ({ rotations }: Configuration): Effect.Effect<RotationsDefinition, ConfigurationError> =>
  rotations === undefined ? Effect.fail(noRotations) : Effect.succeed(rotations)

/**
 * Names the sink for one key: the sink's own name or, where its place has a key's name in it, that and the key's. Undefined
 * where the key has none.
 *
 * @category combinators
 * @since 0.1.0
 */
export const sinkFor = (sink: SinkDefinition, keyName: string | undefined): string | undefined =>
  scheduling.referTo(sink, keyName)

type What = Unconfigured["what"]

const unconfigured = (what: What, name: string, problem: string, fix?: string) =>
  new Unconfigured({ what, name, problem, ...(fix === undefined ? {} : { fix }) })

const told =
  (what: What, name: string) =>
  ({ field, fix, problem }: ConfigurationError): Unconfigured =>
    unconfigured(what, name, field === undefined ? problem : `${field}: ${problem}`, fix)

const missing = (what: What, name: string, names: Iterable<string>) => {
  const known = [...names]
  const listed = known.length === 0 ? "The configuration has none." : `The configuration has: ${known.join(", ")}.`
  return unconfigured(what, name, `there is none of this name.${didYouMean(name, known)}`, listed)
}

const named = <A>(what: What, things: ReadonlyMap<string, A>, name: string): Effect.Effect<A, Unconfigured> => {
  const found = things.get(name)
  return found === undefined ? Effect.fail(missing(what, name, things.keys())) : Effect.succeed(found)
}

const rotationsOf = ({ current }: Options, what: What, name: string) =>
  Effect.mapError(Effect.flatMap(current, find), told(what, name))

/** The store of a rotation; a tenant may have been given another store meanwhile. */
const storeOf = Effect.fnUntraced(function* ({ forTenant, store }: Options, name: string, tenant: string | undefined) {
  if (tenant === undefined) return yield* Effect.mapError(store(name), told("store", name))
  const opened = yield* Effect.mapError(forTenant(tenant), told("store", name))
  return opened.store === name
    ? opened
    : yield* unconfigured("store", name, `the tenant "${tenant}" is served by the store "${opened.store}" now.`)
})

/** Finds a sink by its name, after which the name of a key may stand. */
const sinkOf = Effect.fnUntraced(function* (options: Options, reference: string, { store, tenant }: Subject) {
  if (reference === toAsker) return askerElsewhere
  const { sinks } = yield* rotationsOf(options, "sink", reference)
  const colon = reference.indexOf(":")
  const [name, keyName] = colon < 0 ? [reference] : [reference.slice(0, colon), reference.slice(colon + 1)]
  const definition = yield* named("sink", sinks, name)
  const identifies = (yield* options.current).stores.get(store)?.capabilities.identify ?? false
  if (keyName !== undefined && !definition.perKey) {
    return yield* unconfigured("sink", reference, "no key's name stands in its place, so leave that out.")
  }
  const made = definition.make({ name: keyName, tenant, store }, identifies)
  return yield* Effect.mapError(made, told("sink", reference))
})

/** The keys that a store sends with its requests, where their secrets tell which they are. */
const ownKeysOf = Effect.fnUntraced(function* (
  options: Options,
  name: string,
  tenant: string | undefined
): Effect.fn.Return<ReadonlyArray<KeyId>, Unconfigured, Scope.Scope> {
  const { stores, tenants } = yield* options.current
  const definition = stores.get(name)
  if (definition === undefined || definition.capabilities.revokes === "any") return []
  const own = tenant === undefined ? undefined : tenants.get(tenant)?.credential?.options
  const written = yield* Effect.mapError(own ?? definition.options, told("store", name))
  const { identify } = yield* storeOf(options, name, tenant)
  const values: ReadonlyArray<unknown> = typeof written === "object" && written !== null ? Object.values(written) : []
  const secrets = values.filter((value): value is Redacted.Redacted<string> => Redacted.isRedacted(value))
  return secrets.flatMap((secret) => Option.toArray(identify(secret)).map(({ id }) => id))
})

/**
 * Makes the resources of rotations from a configuration that may change while they run.
 *
 * A name that is not in the configuration, and what cannot be opened, is `Unconfigured`. Where only the credential that
 * made a key can revoke it, the keys that a store sends itself are its `ownKeys`, as far as their secrets tell.
 *
 * @category constructors
 * @since 0.1.0
 */
export const resources = (options: Options): RotationResources["Service"] => ({
  store: (name, tenant) => storeOf(options, name, tenant),
  sink: (reference, subject) => sinkOf(options, reference, subject),
  probe: (name) => Effect.flatMap(rotationsOf(options, "probe", name), ({ probes }) => named("probe", probes, name)),
  holderCheck: (name) =>
    Effect.flatMap(rotationsOf(options, "holderCheck", name), ({ holderChecks }) =>
      named("holderCheck", holderChecks, name)
    ),
  ownKeys: (store, tenant) => ownKeysOf(options, store, tenant)
})
