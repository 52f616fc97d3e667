/** From what a program passes to the core's values. What TypeScript would have refused is refused by name. */
import { KeyId, type KeyRef as CoreRef } from "@keyfold/core/ApiKey"
import type * as KeyList from "@keyfold/core/KeyList"
import type { CreateOptions as CoreCreateOptions, KeyStore } from "@keyfold/core/KeyStore"
import { InvalidRequest, KeyStoreError, type Operation } from "@keyfold/core/KeyStoreError"
import type * as CoreSpec from "@keyfold/core/KeySpec"
import { OperationId } from "@keyfold/core/OperationId"
import type * as CoreRecovery from "@keyfold/core/Recovery"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { Filter, KeyReference, KeySpec, PageRequest, TimeSpan } from "../../models.ts"
import { Secret } from "../../secret.ts"
import type { CreateOptions, RecoverOptions, SweepOptions } from "../../store.ts"

/** The store and the operation that an input is for, to be named where it is refused. */
export interface Place {
  readonly keys: KeyStore["Service"]
  readonly operation: Operation
}

/** Refuses an input before anything is sent. */
export const refuse = (
  { keys, operation }: Place,
  field: string,
  problem: string
): Effect.Effect<never, KeyStoreError> =>
  Effect.fail(
    new KeyStoreError({
      store: keys.store,
      backend: keys.backend,
      operation,
      reason: new InvalidRequest({ field, problem }),
      attempts: 0,
      exhausted: false
    })
  )

const isText = (value: unknown): value is string => typeof value === "string"

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value)

type Check = readonly [isFine: (value: unknown) => boolean, expected: string]

const text: Check = [isText, "a text"]
const texts = (value: unknown): boolean => Array.isArray(value) && value.every(isText)

type Checks<Input> = { readonly [Name in keyof Required<Input>]: Check }

const ofSpec: Checks<KeySpec> = {
  name: text,
  owner: text,
  scopes: [texts, "a list of texts"],
  expiresAt: [(value) => value instanceof Date && !Number.isNaN(value.getTime()), "a Date that is a time"],
  tags: [(value) => isObject(value) && Object.values(value).every(isText), "an object whose values are texts"],
  provider: [
    (value) => isObject(value) && Object.values(value).every(isObject),
    "an object that holds an object for each backend"
  ]
}

const ofFilter: Checks<Filter> = {
  owner: text,
  status: [(value) => isText(value) || texts(value), "one or more of active, expired, revoked"]
}

const ofPage: Checks<PageRequest> = { ...ofFilter, cursor: text, limit: [() => true, ""] }

/** Finds what is wrong with an input, and returns what it holds; members that are `undefined` count as left out. */
const checked = Effect.fnUntraced(function* <Input extends object>(
  place: Place,
  what: string,
  input: Input,
  checks: Checks<Input>
): Effect.fn.Return<{ readonly [Name in keyof Input]?: Exclude<Input[Name], undefined> }, KeyStoreError> {
  if (!isObject(input)) return yield* refuse(place, what, "expected an object")
  const known = new Map<string, Check>(Object.entries(checks))
  const given = Object.entries(input).filter(([, value]) => value !== undefined)
  for (const [name, value] of given) {
    const check = known.get(name)
    if (check === undefined)
      return yield* refuse(place, name, `not a member; accepted: ${[...known.keys()].join(", ")}`)
    if (!check[0](value)) return yield* refuse(place, name, `expected ${check[1]}`)
  }
  // The members were checked above; only those that are undefined are gone.
  return Object.fromEntries(given) as { readonly [Name in keyof Input]?: Exclude<Input[Name], undefined> }
})

/** Takes a spec in. */
export const specFrom = (place: Place, spec: KeySpec): Effect.Effect<CoreSpec.KeySpec, KeyStoreError> =>
  Effect.map(checked(place, "spec", spec, ofSpec), ({ expiresAt, ...rest }) => ({
    ...rest,
    ...(expiresAt === undefined ? {} : { expiresAt: DateTime.makeUnsafe(expiresAt) })
  }))

/** Takes a filter in. */
export const filterFrom = (place: Place, filter: Filter): Effect.Effect<KeyList.Filter, KeyStoreError> =>
  checked(place, "filter", filter, ofFilter)

/** Takes a request for a page in; the store judges its limit. */
export const pageFrom = (place: Place, request: PageRequest): Effect.Effect<KeyList.PageRequest, KeyStoreError> =>
  checked(place, "request", request, ofPage)

/** Takes a reference in. What a whole key says about its status is kept: revoking a key that was seen knows more. */
export const refFrom = (place: Place, key: KeyReference): Effect.Effect<CoreRef, KeyStoreError> => {
  const ref = isText(key) ? { id: key } : key
  if (!isObject(ref) || !isText(ref.id) || ref.id === "") {
    return refuse(place, "id", "expected a key id, or a key as create or list returned it")
  }
  if (ref.owner !== undefined && !isText(ref.owner)) return refuse(place, "owner", "expected a text")
  return Effect.succeed({
    id: KeyId.make(ref.id),
    ...(ref.owner === undefined ? {} : { owner: ref.owner }),
    ...("status" in ref ? { status: ref.status } : {})
  })
}

/** Takes a secret in. */
export const secretFrom = (
  place: Place,
  secret: string | Secret
): Effect.Effect<Redacted.Redacted<string>, KeyStoreError> => {
  const value = secret instanceof Secret ? secret.reveal() : secret
  return isText(value) ? Effect.succeed(Redacted.make(value)) : refuse(place, "secret", "expected a text or a Secret")
}

const isOperationId = Schema.is(OperationId)

/** Takes an operation id in. */
export const operationIdFrom = (place: Place, id: string): Effect.Effect<OperationId, KeyStoreError> =>
  isOperationId(id)
    ? Effect.succeed(id)
    : refuse(place, "operationId", "expected 1 to 255 printable ASCII characters without spaces")

const spanFrom = (place: Place, field: string, span: TimeSpan): Effect.Effect<Duration.Duration, KeyStoreError> => {
  const duration = isText(span) || typeof span === "number" ? Duration.fromInput(span) : undefined
  return duration?._tag === "Some" && Duration.isFinite(duration.value) && !Duration.isNegative(duration.value)
    ? Effect.succeed(duration.value)
    : refuse(place, field, 'expected milliseconds, or a text such as "30 seconds"')
}

/** Takes the options of a create in. */
export const createOptionsFrom = Effect.fnUntraced(function* (
  place: Place,
  { operationId, within }: CreateOptions
): Effect.fn.Return<CoreCreateOptions, KeyStoreError> {
  return {
    ...(operationId === undefined ? {} : { operationId: yield* operationIdFrom(place, operationId) }),
    ...(within === undefined ? {} : { within: yield* spanFrom(place, "within", within) })
  }
})

/** Takes the options of `recover` in. */
export const recoverOptionsFrom = ({ sink }: RecoverOptions): CoreRecovery.RecoverOptions =>
  sink === undefined ? {} : { sink }

/** Takes the options of a sweep in. */
export const sweepOptionsFrom = Effect.fnUntraced(function* (
  place: Place,
  { dryRun, olderThan, sink }: SweepOptions
): Effect.fn.Return<CoreRecovery.SweepOptions, KeyStoreError> {
  return {
    ...recoverOptionsFrom({ sink }),
    ...(dryRun === undefined ? {} : { dryRun }),
    ...(olderThan === undefined ? {} : { olderThan: yield* spanFrom(place, "olderThan", olderThan) })
  }
})
