/** The journal of the file: from what is written to one journal that all stores share. */
import { BaseFolder, type Adapter } from "@keyfold/core/Adapter"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Journal } from "@keyfold/core/Journal"
import * as Effect from "effect/Effect"
import * as RcRef from "effect/RcRef"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import type { Mistake, Path } from "./document.ts"
import { completeWith, decode, failuresOf, readReferences, unveil, type Checked, type Obtaining } from "./references.ts"
import { slotsOf } from "./secrets.ts"

/** Where the journal stands in the file. */
export const base: Path = ["journal"]

/** The members every journal has, whatever its adapter. */
export const Members = Schema.Struct({
  adapter: Schema.optionalKey(
    Schema.String.annotate({ expected: "the name of an adapter" })
      .check(Schema.isNonEmpty())
      .annotateKey({ description: "An adapter that can keep a journal; sql when omitted." })
  )
})

const memberNames = Object.keys(Members.fields)

const fixed = { secret: "the journal's secret" }

/** Names the adapter of a journal that names none. */
export const defaultAdapter = "sql"

const split = (written: object): { readonly members: object; readonly options: object } => {
  const entries = Object.entries(written)
  return {
    members: Object.fromEntries(entries.filter(([name]) => memberNames.includes(name))),
    options: Object.fromEntries(entries.filter(([name]) => !memberNames.includes(name)))
  }
}

/** Tells the adapter's name; a journal whose name is no text is judged by the default adapter, and told of it. */
export const adapterNameOf = (written: object): string => {
  const name: unknown = Reflect.get(written, "adapter")
  return typeof name === "string" && name !== "" ? name : defaultAdapter
}

/** Points at the adapter where one is named, else at the journal. */
const adapterPath = (written: object): Path => (Object.hasOwn(written, "adapter") ? [...base, "adapter"] : base)

/** Tells that the adapter could not be loaded. */
export const unloadable = (written: object, { fix, problem }: ConfigurationError): Mistake => ({
  path: adapterPath(written),
  at: "value",
  problem: fix === undefined ? problem : `${problem} ${fix}`
})

const named = ({ field, fix, problem }: ConfigurationError): ConfigurationError =>
  new ConfigurationError({
    field: field === undefined ? "journal" : `journal.${field}`,
    problem,
    ...(fix === undefined ? {} : { fix })
  })

/** Makes one journal of all openings: the first opens it, the end of the last scope closes it. */
const share = (
  opening: Effect.Effect<Journal, ConfigurationError, Scope.Scope>
): Effect.Effect<Effect.Effect<Journal, ConfigurationError, Scope.Scope>> =>
  // It holds nothing while nobody has it open, so nothing has to close the sharing itself.
  RcRef.make({ acquire: opening }).pipe(
    Effect.provideService(Scope.Scope, Scope.makeUnsafe()),
    Effect.map((shared) => RcRef.get(shared))
  )

/** Checks the journal and prepares its opening. */
export const define = Effect.fnUntraced(function* (
  { journal: keeper, name }: Adapter<unknown>,
  written: object,
  obtaining: Obtaining
): Effect.fn.Return<Checked<Effect.Effect<Journal, ConfigurationError, Scope.Scope>>> {
  if (keeper === undefined) {
    const problem = `the adapter "${name}" cannot keep a journal. Name one that can, such as ${defaultAdapter}.`
    return Result.fail([{ path: adapterPath(written), at: "value", problem }])
  }
  const { members, options } = split(written)
  const { mistakes, needed, veiled } = readReferences(slotsOf(keeper.options, options), options, base, fixed)
  const judged = [yield* decode(Members, members, base, []), yield* decode(keeper.options, veiled, base, memberNames)]
  const wrong = [...mistakes, ...failuresOf(judged)]
  const completed = yield* completeWith(obtaining, { mistakes: wrong, needed }, base, (secrets) =>
    decode(keeper.options, unveil(options, secrets), base, memberNames)
  )
  if (Result.isFailure(completed)) return Result.fail(completed.failure)
  const opening = Effect.flatMap(completed.success, (complete) => Effect.mapError(keeper.open(complete), named)).pipe(
    Effect.provideService(BaseFolder, obtaining.folder)
  )
  return Result.succeed(yield* share(opening))
})
