/** The secrets a part of the file refers to: read, obtained, and put back where they belong. */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Secret } from "@keyfold/core/Secret"
import * as SecretReference from "@keyfold/node/SecretReference"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Mistake, Path } from "./document.ts"
import { mistakesOf } from "./issues.ts"
import { placeholder, replaceAt, type Slot } from "./secrets.ts"

/** A secret that is needed, and where it is written. */
export interface Needed {
  readonly path: Path
  readonly reference: SecretReference.SecretReference
}

/** A secret that was obtained, and where it belongs. */
export interface Obtained {
  readonly path: Path
  readonly secret: Secret
}

/** A result, or every mistake found on the way to it. */
export type Checked<A> = Result.Result<A, ReadonlyArray<Mistake>>

const strict = { errors: "all", onExcessProperty: "error" } as const

/** Decodes a part of the file, or tells what is wrong with it. */
export const decode = <A>(
  schema: Schema.Codec<A, unknown>,
  value: unknown,
  base: Path,
  otherMembers: ReadonlyArray<string>
): Effect.Effect<Checked<A>> =>
  Effect.result(
    Effect.mapError(Schema.decodeUnknownEffect(schema)(value, strict), ({ issue }) =>
      mistakesOf(issue, { base, value, otherMembers })
    )
  )

/** Collects the mistakes of several results. */
export const failuresOf = (results: ReadonlyArray<Checked<unknown>>): ReadonlyArray<Mistake> =>
  results.flatMap((result) => (Result.isFailure(result) ? result.failure : []))

/** References that were read: `veiled` is the value with a stand-in for every secret. */
export interface References {
  readonly mistakes: ReadonlyArray<Mistake>
  readonly needed: ReadonlyArray<Needed>
  readonly veiled: unknown
}

/** Reads references. Those in `fixed` must stay the same, so they cannot be refreshed; its texts say which they are. */
export const readReferences = (
  slots: ReadonlyArray<Slot>,
  written: unknown,
  base: Path,
  fixed: Readonly<Record<string, string>>
): References => {
  const read = slots.map(({ path, written }): Checked<Needed> => {
    const constant = fixed[String(path[0])]
    const parsed = Result.flatMap(SecretReference.parse(written), (reference) =>
      constant !== undefined && "refresh" in reference
        ? Result.fail([{ path: ["refresh"], problem: `${constant} must not change; remove it` }])
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

type Fetch = (reference: SecretReference.SecretReference) => Effect.Effect<Secret, ConfigurationError>

/** Fetches a secret each time it is asked for. */
export const fetching =
  (options: SecretReference.Options): Fetch =>
  (reference) =>
    SecretReference.toSecret(reference, options)

/** Fetches each secret once, however many parts of the file refer to it: they all get the same answer. */
export const fetchingOnce = (options: SecretReference.Options): Fetch => {
  const started = new Map<string, Effect.Effect<Secret, ConfigurationError>>()
  const fetch = fetching(options)
  return (reference) =>
    Effect.flatMap(Effect.cached(fetch(reference)), (fetching) => {
      const id = JSON.stringify(reference)
      const first = started.get(id) ?? fetching
      started.set(id, first)
      return first
    })
}

/** Obtains secrets: all of them, or what is wrong with each that cannot be had. */
export const obtain = Effect.fnUntraced(function* (
  needed: ReadonlyArray<Needed>,
  base: Path,
  fetch: Fetch
): Effect.fn.Return<Checked<ReadonlyArray<Obtained>>> {
  const results = yield* Effect.forEach(
    needed,
    ({ path, reference }) =>
      fetch(reference).pipe(
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

/** Puts secrets where they belong. */
export const unveil = (written: unknown, secrets: ReadonlyArray<Obtained>): unknown =>
  secrets.reduce((value, { path, secret }) => replaceAt(value, path, secret), written)

/** How a part obtains its secrets: when, by what, and how a mistake found later is told. */
export interface Obtaining {
  readonly folder: string
  readonly fetch: Fetch
  readonly later: boolean
  readonly refuse: (mistakes: ReadonlyArray<Mistake>) => ConfigurationError
}

/**
 * Completes a part with its secrets: at once, or as late as it is opened, each time anew.
 *
 * Without `complete`, for a part with mistakes, it only adds the secrets that cannot be had to them.
 */
export const completeWith = Effect.fnUntraced(function* <A>(
  { fetch, later, refuse }: Obtaining,
  { mistakes, needed }: { readonly mistakes: ReadonlyArray<Mistake>; readonly needed: ReadonlyArray<Needed> },
  base: Path,
  complete: ((secrets: ReadonlyArray<Obtained>) => Effect.Effect<Checked<A>>) | undefined
): Effect.fn.Return<Checked<Effect.Effect<A, ConfigurationError>>> {
  const obtained = obtain(needed, base, fetch)
  if (complete === undefined || mistakes.length > 0) {
    return Result.fail([...mistakes, ...(later ? [] : failuresOf([yield* obtained]))])
  }
  const completed = Effect.flatMap(obtained, (secrets) =>
    Result.isSuccess(secrets) ? complete(secrets.success) : Effect.succeed(Result.fail(secrets.failure))
  )
  return later
    ? Result.succeed(
        Effect.flatMap(completed, (result) =>
          Result.isSuccess(result) ? Effect.succeed(result.success) : Effect.fail(refuse(result.failure))
        )
      )
    : Result.map(yield* completed, (parts) => Effect.succeed(parts))
})
