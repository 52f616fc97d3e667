/** The stores of the file: judged one by one and together, then prepared for opening. */
import type { Adapter } from "@keyfold/core/Adapter"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Complete, Settings, StoreDefinition } from "../Configuration.ts"
import { formatPath, type Path } from "./document.ts"
import type { Budget, Budgets, Retry, Spender } from "./policies.ts"
import {
  completeWith,
  failuresOf,
  mistakeAt,
  type Checked,
  type Needed,
  type Obtained,
  type Obtaining
} from "./references.ts"
import * as stores from "./store.ts"

/** Tells what came of loading an adapter. */
export type Loaded = (name: string) => Result.Result<Adapter<unknown>, ConfigurationError> | undefined

/** What the parts of one file share. */
export interface Context {
  readonly loaded: Loaded
  readonly obtaining: Obtaining
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Where a store is written. */
export const baseOf = (name: string): Path => ["stores", name]

/** A store whose adapter is there, judged and without its secrets yet. */
export interface Candidate {
  readonly name: string
  readonly adapterName: string
  readonly judged: stores.Judged
}

/** Judges a store, its adapter first. */
export const judgeStore = Effect.fnUntraced(function* (
  { loaded }: Pick<Context, "loaded">,
  name: string,
  written: unknown
): Effect.fn.Return<Checked<Candidate>> {
  const base = baseOf(name)
  const adapterName = yield* stores.adapterNameOf(written, base)
  if (Result.isFailure(adapterName)) return Result.fail(adapterName.failure)
  const adapter = loaded(adapterName.success)
  if (adapter === undefined) return Result.fail([])
  if (Result.isFailure(adapter)) return Result.fail([mistakeAt([...base, "adapter"], adapter.failure)])
  const judged = yield* stores.judge(name, adapter.success, written, base)
  return Result.succeed({ name, adapterName: adapterName.success, judged })
})

/** Lists the stores that have a budget, their own or that of the file. */
export const spendersOf = (candidates: ReadonlyArray<Candidate>, common: Budget | undefined): ReadonlyArray<Spender> =>
  candidates.flatMap(({ judged: { shape }, name }) => {
    const budget = shape?.budget ?? common
    if (shape === undefined || budget === undefined) return []
    const { adapter, credentials } = shape
    return [{ adapter: adapter.name, credentials, budget, base: baseOf(name) }]
  })

/** What a part has from the file and from the other parts, beside what it says itself. */
export interface Given {
  readonly retry: Retry
  readonly budgets: Budgets
}

type Settle = (secrets: ReadonlyArray<Obtained>) => Effect.Effect<Checked<Settings>>

const settling =
  (name: string, shape: stores.Shape, { budgets, retry }: Given): Settle =>
  (secrets) =>
    Effect.map(
      stores.settle(name, shape, secrets, baseOf(name)),
      Result.map((store) => {
        const budget = budgets.of.get(formatPath(baseOf(name)))
        return { store: budget === undefined ? store : { ...store, budget }, retry: { ...retry, ...shape.retry } }
      })
    )

/** Prepares the openings of a store without mistakes: of all of it, and of what either half of its secrets serves. */
const prepare = Effect.fnUntraced(function* (
  obtaining: Obtaining,
  {
    base,
    needed,
    settle,
    shape
  }: {
    readonly base: Path
    readonly needed: ReadonlyArray<Needed>
    readonly settle: Settle
    readonly shape: stores.Shape
  }
): Effect.fn.Return<Checked<Pick<StoreDefinition, "complete" | "options" | "settings">>> {
  const finish = (secrets: ReadonlyArray<Obtained>) => stores.complete(shape, secrets, base)
  const both = (secrets: ReadonlyArray<Obtained>): Effect.Effect<Checked<Complete>> =>
    Effect.map(Effect.all([finish(secrets), settle(secrets)]), ([options, settings]) =>
      Result.isSuccess(options) && Result.isSuccess(settings)
        ? Result.succeed({ options: options.success, ...settings.success })
        : Result.fail(failuresOf([options, settings]))
    )
  const complete = yield* completeWith(obtaining, { mistakes: [], needed }, base, both)
  if (Result.isFailure(complete)) return Result.fail(complete.failure)
  const [ofMembers, ofOptions] = [needed.filter(stores.isOfMember), needed.filter((each) => !stores.isOfMember(each))]
  const settings = yield* completeWith(obtaining, { mistakes: [], needed: ofMembers }, base, settle)
  const options = yield* completeWith(obtaining, { mistakes: [], needed: ofOptions }, base, finish)
  return Result.isSuccess(settings) && Result.isSuccess(options)
    ? Result.succeed({ complete: complete.success, options: options.success, settings: settings.success })
    : Result.fail(failuresOf([settings, options]))
})

/** Prepares a judged store for opening; what is wrong with it is told here. */
export const define = Effect.fnUntraced(function* (
  { obtaining }: Pick<Context, "obtaining">,
  { adapterName, judged, name }: Candidate,
  given: Given
): Effect.fn.Return<Checked<StoreDefinition>> {
  const base = baseOf(name)
  const { needed, shape } = judged
  const disagreements = given.budgets.mistakes.filter(({ path }) => path[0] === base[0] && path[1] === name)
  const mistakes = [...judged.mistakes, ...disagreements]
  if (shape === undefined || mistakes.length > 0) {
    return Result.fail(failuresOf([yield* completeWith(obtaining, { mistakes, needed }, base, undefined)]))
  }
  const prepared = yield* prepare(obtaining, { base, needed, settle: settling(name, shape, given), shape })
  const { adapter, capabilities, separateCredentials, shared } = shape
  return Result.map(prepared, (parts) => ({
    name,
    adapterName,
    adapter,
    capabilities,
    shared,
    separateCredentials,
    ...parts
  }))
})
