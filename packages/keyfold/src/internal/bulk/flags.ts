/** The flags of `keyfold revoke --where`, and what they come to. */
import { parse, print, type Selector, type SelectorError } from "@keyfold/lifecycle/Selector"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Shell } from "../../Shell.ts"
import { type CommandError, usage } from "../failure.ts"
import type { Settings } from "../root.ts"

const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.optional)

const number = (name: string, description: string) =>
  Flag.Int(name).pipe(Flag.withMetavar("NUMBER"), Flag.withDescription(description), Flag.optional)

const toggle = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(description), Flag.withDefault(false), Flag.withoutNegation)

/** The flags. */
export const bulkFlags = {
  where: text("where", "SELECTOR", `Revoke all keys that it means, such as 'owner == "ci" and age > 90d'; look first`),
  dryRun: toggle("dry-run", "With --where: show the keys and the digest of their set; revoke nothing"),
  digest: text("digest", "DIGEST", "With --where: revoke the keys of this plan, as --dry-run showed it, and no others"),
  limit: number("limit", "With --where: refuse where more keys are meant, 1000 when omitted"),
  concurrency: number("concurrency", "With --where: how many keys are revoked at the same time, 8 when omitted"),
  allStores: toggle("all-stores", "With --where: in every store of the configuration"),
  leaveAdded: toggle("leave-added", "With --digest: leave keys alone that match since the plan, instead of refusing"),
  progress: text(
    "progress",
    "PLACE",
    "With --where: where plans and progress are kept, a file or a PostgreSQL URL; .keyfold/revocations.db beside the " +
      "configuration when omitted"
  )
}

/** The flags as a handler reads them. */
export interface Given {
  readonly where: Option.Option<string>
  readonly dryRun: boolean
  readonly digest: Option.Option<string>
  readonly limit: Option.Option<number>
  readonly concurrency: Option.Option<number>
  readonly allStores: boolean
  readonly leaveAdded: boolean
  readonly progress: Option.Option<string>
}

/** What was asked for. Without a digest only a look is taken. */
export interface Asked {
  readonly selector: Selector
  readonly digest: string | undefined
  readonly limit: number
  readonly concurrency: number
  readonly allStores: boolean
  readonly leaveAdded: boolean
  readonly progress: string | undefined
  /** Writes the command that goes on with a plan, or with `--dry-run` makes one. */
  readonly command: (digest: string | undefined) => string
}

/** The first flag that needs `--where`. */
export const stray = (given: Given): string | undefined => {
  if (given.dryRun) return "--dry-run"
  if (given.allStores) return "--all-stores"
  if (given.leaveAdded) return "--leave-added"
  const named = (["digest", "limit", "concurrency", "progress"] as const).find((name) => given[name]._tag === "Some")
  return named === undefined ? undefined : `--${named}`
}

/** Writes a word so that a POSIX shell takes it as it is. */
export const quoted = (word: string): string =>
  /^[A-Za-z0-9_./:@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`

const usualLimit = 1000
const usualConcurrency = 8

const commandOf = (given: Given, settings: Settings, selector: Selector, start: string) => {
  const flag = <A extends string | number>(name: string, value: Option.Option<A>) =>
    Option.isSome(value) ? [`--${name} ${quoted(String(value.value))}`] : []
  return (digest: string | undefined): string =>
    [
      `${start} revoke --where ${quoted(print(selector))}`,
      digest === undefined ? "--dry-run" : `--digest ${digest}`,
      ...flag("limit", given.limit),
      ...flag("concurrency", given.concurrency),
      ...flag("progress", given.progress),
      ...(given.allStores ? ["--all-stores"] : []),
      ...(given.leaveAdded && digest !== undefined ? ["--leave-added"] : []),
      ...flag("store", settings.store),
      ...flag("config", settings.config)
    ].join(" ")
}

const within = (
  flag: string,
  given: Option.Option<number>,
  usual: number,
  most: number
): Effect.Effect<number, CommandError> => {
  const value = Option.getOrElse(given, () => usual)
  return value >= 1 && value <= most
    ? Effect.succeed(value)
    : Effect.fail(usage(`${flag} takes a number from 1 to ${most.toLocaleString("en-US")}.`))
}

const mistake = (given: Given, settings: Settings, look: string): CommandError | undefined => {
  if (given.dryRun && Option.isSome(given.digest)) return usage("--dry-run and --digest exclude each other.")
  if (!given.dryRun && Option.isNone(given.digest)) {
    return usage("look at the keys first: the real run needs the digest that --dry-run shows.", `Run: ${look}`)
  }
  if (given.allStores && Option.isSome(settings.store)) return usage("--all-stores and --store exclude each other.")
  return Option.isSome(given.digest) && !/^[0-9a-f]{64}$/.test(given.digest.value)
    ? usage("--digest takes the 64 characters that --dry-run showed.")
    : undefined
}

/** Reads the flags. */
export const read = Effect.fnUntraced(function* (
  given: Given,
  where: string,
  settings: Settings
): Effect.fn.Return<Asked, CommandError | SelectorError, Shell> {
  const selector = yield* Effect.fromResult(parse(where))
  const command = commandOf(given, settings, selector, (yield* Shell).command)
  const wrong = mistake(given, settings, command(undefined))
  if (wrong !== undefined) return yield* wrong
  return {
    selector,
    digest: Option.getOrUndefined(given.digest),
    limit: yield* within("--limit", given.limit, usualLimit, 1_000_000),
    concurrency: yield* within("--concurrency", given.concurrency, usualConcurrency, 64),
    allStores: given.allStores,
    leaveAdded: given.leaveAdded,
    progress: Option.getOrUndefined(given.progress),
    command
  }
})
