/** One store of the file: from what is written to what an adapter's layer takes. */
import type { Adapter } from "@keyfold/core/Adapter"
import { Requirements, type Capabilities } from "@keyfold/core/Capabilities"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as KeyStore from "@keyfold/core/KeyStore"
import { Secret } from "@keyfold/core/Secret"
import * as SecretReference from "@keyfold/node/SecretReference"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Mistake, Path } from "./document.ts"
import { mistakesOf } from "./issues.ts"
import { placeholder, replaceAt, slotsOf } from "./secrets.ts"

const Name = Schema.NonEmptyString

/** The members every store has, whatever its adapter. */
const Members = Schema.Struct({
  adapter: Schema.String.annotate({ expected: "the name of an adapter" }).check(Schema.isNonEmpty()),
  defaults: Schema.optionalKey(
    Schema.Struct({ owner: Schema.optionalKey(Name), scopes: Schema.optionalKey(Schema.Array(Name)) })
  ),
  scopeMap: Schema.optionalKey(Schema.Record(Name, Schema.Array(Name))),
  require: Schema.optionalKey(Requirements),
  cursorSecret: Schema.optionalKey(Secret)
})

const memberNames = Object.keys(Members.fields)

/** A secret that a store needs, and where it is written. */
export interface Needed {
  readonly path: Path
  readonly reference: SecretReference.SecretReference
}

/** What can be told of a store without its secrets. */
export interface Shape {
  readonly adapter: Adapter<unknown>
  readonly capabilities: Capabilities
  readonly written: unknown
}

/** A judged store: the secrets it needs, and its shape where nothing is wrong with it. */
export interface Judged {
  readonly mistakes: ReadonlyArray<Mistake>
  readonly needed: ReadonlyArray<Needed>
  readonly shape: Shape | undefined
}

/** A secret that was obtained, and where it belongs. */
export interface Obtained {
  readonly path: Path
  readonly secret: Secret
}

/** A store's options, secrets included. */
export interface Complete {
  readonly options: unknown
  readonly store: KeyStore.StoreOptions
}

/** A result, or every mistake found on the way to it. */
export type Checked<A> = Result.Result<A, ReadonlyArray<Mistake>>

const strict = { errors: "all", onExcessProperty: "error" } as const

const split = (written: unknown): { readonly members: object; readonly options: object } => {
  const entries = Object.entries(typeof written === "object" && written !== null ? written : {})
  return {
    members: Object.fromEntries(entries.filter(([name]) => memberNames.includes(name))),
    options: Object.fromEntries(entries.filter(([name]) => !memberNames.includes(name)))
  }
}

const decode = <A>(schema: Schema.Codec<A, unknown>, value: unknown, base: Path, otherMembers: ReadonlyArray<string>) =>
  Effect.result(
    Effect.mapError(Schema.decodeUnknownEffect(schema)(value, strict), ({ issue }) =>
      mistakesOf(issue, { base, value, otherMembers })
    )
  )

const decodeMembers = (members: object, base: Path) => decode(Members, members, base, [])

const failuresOf = (results: ReadonlyArray<Checked<unknown>>): ReadonlyArray<Mistake> =>
  results.flatMap((result) => (Result.isFailure(result) ? result.failure : []))

/** Reads the references of a store. A secret for cursors must stay the same, so it cannot be refreshed. */
const readReferences = (schema: Schema.Top, written: unknown, base: Path) => {
  const { members, options } = split(written)
  const slots = [...slotsOf(Members, members), ...slotsOf(schema, options)]
  const read = slots.map(({ path, written }): Checked<Needed> => {
    const parsed = Result.flatMap(SecretReference.parse(written), (reference) =>
      path[0] === "cursorSecret" && "refresh" in reference
        ? Result.fail([{ path: ["refresh"], problem: "the secret of cursors must not change; remove it" }])
        : Result.succeed({ path, reference })
    )
    return Result.mapError(parsed, (mistakes) =>
      mistakes.map((mistake) => ({
        path: [...base, ...path, ...mistake.path],
        at: "value" as const,
        problem: `${mistake.problem}.`
      }))
    )
  })
  return {
    mistakes: failuresOf(read),
    needed: read.flatMap((result) => (Result.isSuccess(result) ? [result.success] : [])),
    veiled: slots.reduce<unknown>((value, { path }) => replaceAt(value, path, placeholder), written)
  }
}

const sentence = ({ fix, problem }: ConfigurationError): string => (fix === undefined ? problem : `${problem} ${fix}`)

/** Turns a refusal by core or a driver into a mistake at the field it names. */
export const mistakeAt = (base: Path, error: ConfigurationError): Mistake => ({
  path: error.field === undefined ? base : [...base, ...error.field.split(".")],
  at: "value",
  problem: sentence(error)
})

/** Tells the adapter's name, or what is wrong with it. */
export const adapterNameOf = (written: unknown, base: Path): Effect.Effect<Checked<string>> =>
  Effect.map(decodeMembers(split(written).members, base), (members) => {
    if (Result.isSuccess(members)) return Result.succeed(members.success.adapter)
    const name: unknown = Reflect.get(split(written).members, "adapter")
    // Other members may be wrong too; the name serves to judge the rest, and `judge` tells all.
    return typeof name === "string" && name !== "" ? Result.succeed(name) : Result.fail(members.failure)
  })

/** Judges all of a store but the values of its secrets. */
export const judge = Effect.fnUntraced(function* (
  name: string,
  adapter: Adapter<unknown>,
  written: unknown,
  base: Path
): Effect.fn.Return<Judged> {
  const { mistakes, needed, veiled } = readReferences(adapter.options, written, base)
  const parts = split(veiled)
  const members = yield* decodeMembers(parts.members, base)
  const options = yield* decode(adapter.options, parts.options, base, memberNames)
  const wrong = [...mistakes, ...failuresOf([members, options])]
  if (Result.isFailure(members) || Result.isFailure(options)) return { mistakes: wrong, needed, shape: undefined }
  const capabilities = adapter.capabilities(options.success)
  const { cursorSecret: _, ...store } = members.success
  const refused = KeyStore.check({ backend: adapter.name, capabilities }, { ...store, store: name })
  const all = [...wrong, ...refused.map((error) => mistakeAt(base, error))]
  return { mistakes: all, needed, shape: all.length > 0 ? undefined : { adapter, capabilities, written } }
})

/** Obtains the secrets of a store: all of them, or what is wrong with each that cannot be had. */
export const obtain = Effect.fnUntraced(function* (
  needed: ReadonlyArray<Needed>,
  base: Path,
  options: SecretReference.Options
): Effect.fn.Return<Checked<ReadonlyArray<Obtained>>> {
  const results = yield* Effect.forEach(
    needed,
    ({ path, reference }) =>
      SecretReference.toSecret(reference, options).pipe(
        Effect.map((secret) => ({ path, secret })),
        Effect.mapError((error) => [mistakeAt([...base, ...path], error)]),
        Effect.result
      ),
    { concurrency: 4 }
  )
  const missing = failuresOf(results)
  return missing.length > 0
    ? Result.fail(missing)
    : Result.succeed(results.flatMap((result) => (Result.isSuccess(result) ? [result.success] : [])))
})

/** Decodes a store with its secrets in place. */
export const complete = Effect.fnUntraced(function* (
  name: string,
  { adapter, written }: Shape,
  secrets: ReadonlyArray<Obtained>,
  base: Path
): Effect.fn.Return<Checked<Complete>> {
  const parts = split(secrets.reduce((value, { path, secret }) => replaceAt(value, path, secret), written))
  const members = yield* decodeMembers(parts.members, base)
  const options = yield* decode(adapter.options, parts.options, base, memberNames)
  if (Result.isFailure(members) || Result.isFailure(options)) return Result.fail(failuresOf([members, options]))
  const { adapter: _, cursorSecret, ...store } = members.success
  const cursors = cursorSecret !== undefined && Redacted.isRedacted(cursorSecret) ? { cursorSecret } : {}
  return Result.succeed({ options: options.success, store: { ...store, ...cursors, store: name } })
})
