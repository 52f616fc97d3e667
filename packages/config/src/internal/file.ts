/** The file as a whole: its top-level members, before any store is looked at. */
import type * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Mistake } from "./document.ts"
import { mistakesOf } from "./issues.ts"
import * as journals from "./journal.ts"
import { Budget, Retry, Time } from "./policies.ts"
import { didYouMean } from "./spelling.ts"

const AdapterNames = Schema.Array(Schema.NonEmptyString).annotate({ expected: "a list of names of adapters" })

/** The members of the file. */
export const File = Schema.Struct({
  stores: Schema.Record(Schema.NonEmptyString, Schema.Record(Schema.String, Schema.Unknown))
    .annotate({ expected: "a mapping from store names to stores" })
    .annotateKey({ description: "The stores, by name." }),
  default: Schema.optionalKey(
    Schema.String.annotate({ expected: "the name of a store" }).annotateKey({
      description: "The store that is meant where none is named."
    })
  ),
  journal: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.Unknown)
      .annotate({ expected: "a mapping that says where the journal is" })
      .annotateKey({ description: "Where what becomes of every create is written down, for all stores." })
  ),
  rotations: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.Unknown)
      .annotate({ expected: "a mapping that says where rotations are kept" })
      .annotateKey({ description: "Where rotations of keys are kept, and the sinks, probes and checks they may name." })
  ),
  gateway: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.Unknown)
      .annotate({ expected: "a mapping that says how the gateway serves" })
      .annotateKey({ description: "How keyfold serve serves the tenants over HTTP, and whom it lets in." })
  ),
  adapters: Schema.optionalKey(
    AdapterNames.annotateKey({ description: "The only adapters this file may load; all of them when omitted." })
  ),
  retry: Schema.optionalKey(
    Retry.annotateKey({ description: "How calls are tried again, unless a store says otherwise." })
  ),
  budget: Schema.optionalKey(
    Budget.annotateKey({ description: "How many requests each credential may send, unless a store says otherwise." })
  ),
  tenants: Schema.optionalKey(
    Schema.Record(
      Schema.NonEmptyString,
      Schema.Union([
        Schema.String.annotate({ expected: "the name of a store" }),
        Schema.Record(Schema.String, Schema.Unknown).annotate({ expected: "a mapping with store" })
      ])
    )
      .annotate({ expected: "a mapping from tenants to stores" })
      .annotateKey({ description: "Which store serves each tenant; nobody else is served." })
  ),
  idle: Schema.optionalKey(
    Time.annotateKey({ description: "How long a tenant's store that nobody uses stays open; 5 minutes when omitted." })
  ),
  $schema: Schema.optionalKey(Schema.String.annotateKey({ description: "Where editors find the schema of this file." }))
})

/** The top-level members that environment variables may set. */
export const Settable = Schema.Struct({
  default: File.fields.default,
  retry: File.fields.retry,
  budget: File.fields.budget,
  idle: File.fields.idle
})

/** What the members of a file come to. */
export interface Reading {
  readonly mistakes: ReadonlyArray<Mistake>
  readonly stores: ReadonlyArray<readonly [name: string, written: object]>
  readonly defaultStore: string | undefined
  readonly journal: object | undefined
  readonly rotations: object | undefined
  readonly gateway: object | undefined
  readonly tenants: ReadonlyArray<readonly [name: string, written: string | object]>
  readonly retry: Retry
  readonly budget: Budget | undefined
  readonly idle: Duration.Duration | undefined
}

const isMapping = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const memberOf = (value: unknown, name: string): unknown =>
  isMapping(value) && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined

/** Reads a member that is text. */
export const textIn = (value: unknown, name: string): string | undefined => {
  const found = memberOf(value, name)
  return typeof found === "string" ? found : undefined
}

/** Names the stores, whatever they are. */
export const namesIn = (value: unknown): ReadonlyArray<string> => {
  const named = memberOf(value, "stores")
  return isMapping(named) ? Object.keys(named) : []
}

/** Lists the stores that are mappings. */
export const storesIn = (value: unknown): Reading["stores"] =>
  Object.entries(memberOf(value, "stores") ?? {}).filter((entry): entry is [string, object] => isMapping(entry[1]))

/** Lists the tenants whose store is named, or that are mappings. */
export const tenantsIn = (value: unknown): Reading["tenants"] =>
  Object.entries(memberOf(value, "tenants") ?? {}).filter(
    (entry): entry is [string, string | object] => typeof entry[1] === "string" || isMapping(entry[1])
  )

/** Finds a member, where it is a mapping. */
const mappingIn = (value: unknown, name: string): object | undefined => {
  const found = memberOf(value, name)
  return isMapping(found) ? found : undefined
}

/** Finds the journal, where it is a mapping. */
export const journalIn = (value: unknown): object | undefined => mappingIn(value, "journal")

/** Finds what is said of rotations, where it is a mapping. */
export const rotationsIn = (value: unknown): object | undefined => mappingIn(value, "rotations")

/** Finds what is said of the gateway, where it is a mapping. */
export const gatewayIn = (value: unknown): object | undefined => mappingIn(value, "gateway")

/** Lists the adapters that may be loaded; undefined where the file does not limit them. */
export const allowedIn = (value: unknown): ReadonlyArray<string> | undefined => {
  const found = memberOf(value, "adapters")
  if (found === undefined) return undefined
  return (Array.isArray(found) ? found : [found]).filter((name) => typeof name === "string")
}

/** Names the adapters that stores and journal use, each once. */
export const adapterNamesIn = (value: unknown): ReadonlySet<string> => {
  const journal = journalIn(value)
  return new Set([
    ...storesIn(value).flatMap(([, written]) => textIn(written, "adapter") ?? []),
    ...(journal === undefined ? [] : [journals.adapterNameOf(journal)])
  ])
}

const checkDefault = (asked: string | undefined, names: ReadonlyArray<string>): ReadonlyArray<Mistake> => {
  if (asked === undefined || asked === "" || names.length === 0 || names.includes(asked)) return []
  const problem = `no store has this name.${didYouMean(asked, names)} Stores: ${names.join(", ")}.`
  return [{ path: ["default"], at: "value", problem }]
}

const noStore: Mistake = { path: ["stores"], at: "name", problem: "names no store; name at least one." }

const strict = { errors: "all", onExcessProperty: "error" } as const

/** Judges the members of a file and takes apart what is sound. */
export const read = (value: unknown): Reading => {
  const decoded = Schema.decodeUnknownResult(File)(value, strict)
  const shape = Result.isFailure(decoded) ? mistakesOf(decoded.failure.issue, { base: [], value }) : []
  const names = namesIn(value)
  const wrong = [...shape, ...checkDefault(textIn(value, "default"), names)]
  const { budget, idle, retry = {} } = Result.isSuccess(decoded) ? decoded.success : {}
  return {
    mistakes: wrong.length === 0 && names.length === 0 ? [noStore] : wrong,
    stores: storesIn(value).filter(([name]) => !wrong.some(({ path }) => path[0] === "stores" && path[1] === name)),
    defaultStore: names.length === 1 ? names[0] : textIn(value, "default"),
    journal: journalIn(value),
    rotations: rotationsIn(value),
    gateway: gatewayIn(value),
    tenants: tenantsIn(value),
    retry,
    budget,
    idle
  }
}

/** What a file comes to whose syntax is broken. */
export const unreadable: Reading = {
  mistakes: [],
  stores: [],
  defaultStore: undefined,
  journal: undefined,
  rotations: undefined,
  gateway: undefined,
  tenants: [],
  retry: {},
  budget: undefined,
  idle: undefined
}
