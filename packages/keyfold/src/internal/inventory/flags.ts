/** The flags of `keyfold inventory`, and what they come to. */
import type { KeyStatus } from "@keyfold/core/ApiKey"
import type { Source } from "@keyfold/core/KeyStores"
import type { Class, Options } from "@keyfold/lifecycle/Inventory"
import * as Flag from "effect/cli/Flag"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type CommandError, usage } from "../failure.ts"
import type { Settings } from "../root.ts"
import { readDuration } from "../values.ts"
import { readClasses, spellings } from "./classes.ts"

const formats = ["table", "jsonl", "csv", "markdown", "sarif"] as const

/** Names a format. */
export type FormatName = (typeof formats)[number]

const length = (name: string, what: string) =>
  Flag.String(name).pipe(Flag.withMetavar("DURATION"), Flag.withDescription(what), Flag.optional)

const several = (name: string, metavar: string, what: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(what), Flag.atLeast(0))

/** The flags. */
export const flags = {
  output: Flag.Literals("output", formats).pipe(
    Flag.withAlias("o"),
    Flag.withMetavar("FORMAT"),
    Flag.withDescription("table, jsonl, csv, markdown or sarif; table when omitted, and jsonl with --json"),
    Flag.optional
  ),
  tenant: Flag.String("tenant").pipe(
    Flag.withMetavar("TENANT"),
    Flag.withDescription("Only this tenant's keys"),
    Flag.optional
  ),
  status: Flag.Literals("status", ["active", "expired", "revoked"]).pipe(
    Flag.withMetavar("STATUS"),
    Flag.withDescription("Only keys in this state, repeatable; every state when omitted"),
    Flag.atLeast(0)
  ),
  expiringWithin: length("expiring-within", "What is soon for an expiry, 30d when omitted"),
  olderThan: length("older-than", "From which age a key is over age, 90d when omitted"),
  unusedFor: length("unused-for", "How long a key must not have been used, 90d when omitted"),
  allowedScope: several(
    "allowed-scope",
    "SCOPE",
    "A scope that keys may have, repeatable; when omitted, wildcards and administrators' scopes are what they may not"
  ),
  only: several("only", "CLASS", "Show only keys with such a finding, repeatable or with commas"),
  failOn: several(
    "fail-on",
    "CLASS",
    `Exit with 6 where such a finding is made, repeatable or with commas: ${spellings}`
  )
}

/** The flags as a handler reads them. */
export interface Given {
  readonly output: Option.Option<FormatName>
  readonly tenant: Option.Option<string>
  readonly status: ReadonlyArray<KeyStatus>
  readonly expiringWithin: Option.Option<string>
  readonly olderThan: Option.Option<string>
  readonly unusedFor: Option.Option<string>
  readonly allowedScope: ReadonlyArray<string>
  readonly only: ReadonlyArray<string>
  readonly failOn: ReadonlyArray<string>
}

/** What was asked for. */
export interface Asked {
  readonly format: FormatName
  readonly options: Options
  readonly only: ReadonlySet<Class>
  readonly failOn: ReadonlySet<Class>
}

const readLength = (
  flag: string,
  given: Option.Option<string>
): Effect.Effect<Duration.Duration | undefined, CommandError> =>
  Option.isNone(given) ? Effect.undefined : readDuration(flag, given.value)

const readFormat = (output: Option.Option<FormatName>, json: boolean): Effect.Effect<FormatName, CommandError> => {
  const format = Option.getOrElse(output, () => (json ? ("jsonl" as const) : ("table" as const)))
  return json && format !== "jsonl"
    ? Effect.fail(usage(`--json is --output jsonl; leave it out for ${format}.`))
    : Effect.succeed(format)
}

/** Reads the flags; whatever cannot be is a mistake before anything is opened. */
export const read = Effect.fnUntraced(function* (
  given: Given,
  { json }: Pick<Settings, "json">
): Effect.fn.Return<Asked, CommandError> {
  const { allowedScope, status } = given
  const format = yield* readFormat(given.output, json)
  const expiringWithin = yield* readLength("--expiring-within", given.expiringWithin)
  const olderThan = yield* readLength("--older-than", given.olderThan)
  const unusedFor = yield* readLength("--unused-for", given.unusedFor)
  const tenant = Option.getOrUndefined(given.tenant)
  return {
    format,
    only: yield* readClasses("--only", given.only),
    failOn: yield* readClasses("--fail-on", given.failOn),
    options: {
      ...(expiringWithin === undefined ? {} : { expiringWithin }),
      ...(olderThan === undefined ? {} : { olderThan }),
      ...(unusedFor === undefined ? {} : { unusedFor }),
      ...(allowedScope.length === 0 ? {} : { allowedScopes: allowedScope }),
      ...(status.length === 0 ? {} : { status }),
      ...(tenant === undefined ? {} : { tenant })
    }
  }
})

/** Finds the sources that are meant, or says that there are none. */
export const choose = (
  sources: ReadonlyArray<Source>,
  { store }: Pick<Settings, "store">,
  { tenant }: Options
): Effect.Effect<ReadonlyArray<Source>, CommandError> => {
  const named = Option.isNone(store) ? sources : sources.filter((source) => source.store === store.value)
  if (Option.isSome(store) && named.length === 0) {
    const known = [...new Set(sources.map((source) => source.store))].join(", ")
    return Effect.fail(usage(`there is no store "${store.value}".`, `Stores: ${known}.`))
  }
  if (tenant === undefined) return Effect.succeed(named)
  const serving = named.filter((source) => source.serves(tenant))
  const where = Option.isNone(store) ? "no store is configured for" : `store "${store.value}" does not serve`
  return serving.length > 0
    ? Effect.succeed(serving)
    : Effect.fail(usage(`${where} tenant "${tenant}".`, "Name one that is under tenants in the configuration."))
}
