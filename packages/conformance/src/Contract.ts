/**
 * The contract of a KeyStore as a list of cases, registered from what a store declares it can do.
 *
 * @since 0.1.0
 */
import type { Capabilities } from "@keyfold/core/Capabilities"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Driver } from "@keyfold/core/Driver"
import type { KeyStore, StoreOptions } from "@keyfold/core/KeyStore"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Backend, Fake } from "./Backend.ts"
import { definitions } from "./internal/cases/all.ts"
import type { Definition, Need } from "./internal/definition.ts"
import { runCase } from "./internal/world.ts"

/**
 * Values of the backend's own kind that cases use.
 *
 * - `scopes`, `owners`: two of each that the backend accepts; `read` and `write`, `ann` and `bob` when omitted.
 * - `name`: a name with letters of many scripts, where the backend takes fewer than the default one holds.
 * - `unknownId`: an id of the right form that no key has.
 * - `malformedIds`: ids the store must refuse before it sends anything.
 * - `foreignSecrets`: secrets of other systems that the store must not take for its own.
 *
 * @category options
 * @since 0.1.0
 */
export interface Samples {
  readonly scopes?: readonly [string, string]
  readonly owners?: readonly [string, string]
  readonly name?: string
  readonly unknownId?: string
  readonly malformedIds?: ReadonlyArray<string>
  readonly foreignSecrets?: ReadonlyArray<string>
}

/**
 * What every store under test states.
 *
 * `capabilities` is what the tables and the documentation say, which need not be what the store says. `credentials` are
 * the texts the store authenticates with; they must never come to light.
 *
 * @category options
 * @since 0.1.0
 */
export interface Stated {
  readonly capabilities: Capabilities
  readonly samples?: Samples
  readonly credentials?: ReadonlyArray<string>
}

/**
 * A store without a backend that cases could look behind or break.
 *
 * Give `layer` as a function of the store's options where it can take them, and `driver` where there is one below it:
 * cases about defaults, scope maps and cursors, and about what the driver does not declare, need them.
 *
 * @category options
 * @since 0.1.0
 */
export interface PlainSubject extends Stated {
  readonly backend?: undefined
  readonly layer:
    | Layer.Layer<KeyStore, ConfigurationError>
    | ((options: StoreOptions) => Layer.Layer<KeyStore, ConfigurationError>)
  readonly driver?: () => Effect.Effect<Driver, ConfigurationError, Scope.Scope>
}

/**
 * A store over a backend. Each case makes a backend of its own and builds the store over it, both in virtual time.
 *
 * @category options
 * @since 0.1.0
 */
export interface BackedSubject<B extends Backend> extends Stated {
  readonly backend: Fake<B>
  readonly layer: (options: StoreOptions, backend: B) => Layer.Layer<KeyStore, ConfigurationError>
  readonly driver?: (backend: B) => Effect.Effect<Driver, ConfigurationError, Scope.Scope>
}

/**
 * A store under test.
 *
 * @category options
 * @since 0.1.0
 */
export type Subject<B extends Backend = Backend> = PlainSubject | BackedSubject<B>

/**
 * One case, ready to run: a fresh store, virtual time, and a failure that says what the store does wrong.
 *
 * @category models
 * @since 0.1.0
 */
export interface Case {
  readonly group: string
  readonly name: string
  readonly run: Effect.Effect<void, unknown>
}

/**
 * Cases that a subject does not give what they need for.
 *
 * @category models
 * @since 0.1.0
 */
export interface Omission {
  readonly group: string
  readonly needs: ReadonlyArray<string>
  readonly cases: ReadonlyArray<string>
}

const given = <B extends Backend>(subject: Subject<B>): ReadonlySet<Need> =>
  new Set<Need>([
    ...(typeof subject.layer === "function" ? (["options"] as const) : []),
    ...(subject.driver === undefined ? [] : (["driver"] as const)),
    ...(subject.backend === undefined ? [] : (["backend", ...subject.backend.offers] as const))
  ])

const applicable = ({ capabilities }: Stated): ReadonlyArray<Definition> =>
  definitions.filter(({ when }) => when(capabilities))

/**
 * Lists the cases that a store with these declared capabilities must pass, and that the subject allows to run.
 *
 * @category constructors
 * @since 0.1.0
 */
export const cases = <B extends Backend>(subject: Subject<B>): ReadonlyArray<Case> => {
  const has = given(subject)
  return applicable(subject)
    .filter(({ needs }) => needs.every((need) => has.has(need)))
    .map((definition) => ({
      group: definition.group,
      name: definition.name,
      run: runCase(subject, definition)
    }))
}

/**
 * Lists the cases that apply to a store but cannot run, by group and by what the subject does not give.
 *
 * @category constructors
 * @since 0.1.0
 */
export const omissions = <B extends Backend>(subject: Subject<B>): ReadonlyArray<Omission> => {
  const has = given(subject)
  const found = new Map<string, Omission>()
  for (const { group, name, needs } of applicable(subject)) {
    const missing = needs.filter((need) => !has.has(need))
    if (missing.length === 0) continue
    const key = `${group}: ${missing.join(", ")}`
    const known = found.get(key) ?? { group, needs: missing, cases: [] }
    found.set(key, { ...known, cases: [...known.cases, name] })
  }
  return [...found.values()]
}
