/** One store of the file: from what is written to what an adapter's layer takes. */
import type { Adapter } from "@keyfold/core/Adapter"
import { Requirements, type Capabilities } from "@keyfold/core/Capabilities"
import * as KeyStore from "@keyfold/core/KeyStore"
import { Secret } from "@keyfold/core/Secret"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import type { Mistake, Path } from "./document.ts"
import { Budget, Retry } from "./policies.ts"
import {
  decode,
  failuresOf,
  mistakeAt,
  readReferences,
  unveil,
  type Checked,
  type Needed,
  type Obtained
} from "./references.ts"
import { placed, Rotation, type Placed } from "./rotation/schedule.ts"
import { slotsOf } from "./secrets.ts"

const Name = Schema.NonEmptyString

/** The members every store has, whatever its adapter. */
export const Members = Schema.Struct({
  adapter: Schema.String.annotate({ expected: "the name of an adapter" })
    .check(Schema.isNonEmpty())
    .annotateKey({ description: "A short name means @keyfold/<name>; any other is the npm package's own." }),
  defaults: Schema.optionalKey(
    Schema.Struct({ owner: Schema.optionalKey(Name), scopes: Schema.optionalKey(Schema.Array(Name)) }).annotateKey({
      description: "Owner and scopes of keys that are created without."
    })
  ),
  scopeMap: Schema.optionalKey(
    Schema.Record(Name, Schema.Array(Name)).annotateKey({
      description: "From a portable name of a scope to the backend's own scopes."
    })
  ),
  require: Schema.optionalKey(
    Requirements.annotateKey({ description: "What the backend must be able to do, or the file is refused." })
  ),
  cursorSecret: Schema.optionalKey(
    Secret.annotateKey({ description: "Lets several processes read each other's page cursors." })
  ),
  labelSecret: Schema.optionalKey(
    Secret.annotateKey({ description: "Lets several processes recognise each other's creates." })
  ),
  retry: Schema.optionalKey(Retry.annotateKey({ description: "How this store's calls are tried again." })),
  budget: Schema.optionalKey(
    Budget.annotateKey({ description: "How many requests this store's credential may send, for all that use it." })
  ),
  rotation: Schema.optionalKey(Rotation.annotateKey({ description: "When keys of this store are rotated, and how." })),
  shared: Schema.optionalKey(
    Schema.Boolean.annotateKey({
      description: "Whether tenants are told apart even while there is one, so that a second can join later."
    })
  ),
  separateCredentials: Schema.optionalKey(
    Schema.Boolean.annotateKey({
      description: "Whether each credential sees keys of its own only, such as those of its organization."
    })
  )
})

/** The members that environment variables may set: what code is loaded is for the file alone to say, and so are schedules. */
export const Settable = Members.mapFields(Struct.omit(["adapter", "rotation"]))

const memberNames = Object.keys(Members.fields)

/** Secrets among the members that must stay the same, and what they are. */
export const fixed = {
  cursorSecret: "the secret of cursors",
  labelSecret: "the secret of the marks in labels"
}

/** What can be told of a store without its secrets; another text stands for each of them. */
export interface Shape {
  readonly adapter: Adapter<unknown>
  readonly capabilities: Capabilities
  readonly written: unknown
  readonly store: KeyStore.StoreOptions
  readonly options: unknown
  readonly shared: boolean
  readonly separateCredentials: boolean
  readonly retry: Retry
  readonly budget: Budget | undefined
  readonly schedules: ReadonlyArray<Placed>
  /** What the adapter's own secrets refer to: the credential that a budget belongs to. */
  readonly credentials: ReadonlyArray<Needed>
}

/** A judged store: the secrets it needs, and its shape where it can be read, with mistakes or without. */
export interface Judged {
  readonly mistakes: ReadonlyArray<Mistake>
  readonly needed: ReadonlyArray<Needed>
  readonly shape: Shape | undefined
}

/** Tells secrets of the store from those of its adapter's options. */
export const isOfMember = ({ path }: Needed): boolean => memberNames.includes(String(path[0]))

const standIn = Redacted.make("stands for a secret that was not obtained")

/** The secrets among the members that are stated, each in the form that the store takes. */
export const secretsOf = ({
  cursorSecret,
  labelSecret
}: {
  readonly cursorSecret?: Secret
  readonly labelSecret?: Secret
}): Pick<KeyStore.StoreOptions, "cursorSecret" | "labelSecret"> => {
  const form = (secret: Secret) => (Redacted.isRedacted(secret) ? secret : standIn)
  return {
    ...(cursorSecret === undefined ? {} : { cursorSecret: form(cursorSecret) }),
    ...(labelSecret === undefined ? {} : { labelSecret: form(labelSecret) })
  }
}

/** Tells the members every store has from the adapter's own. */
export const split = (written: unknown): { readonly members: object; readonly options: object } => {
  const entries = Object.entries(typeof written === "object" && written !== null ? written : {})
  return {
    members: Object.fromEntries(entries.filter(([name]) => memberNames.includes(name))),
    options: Object.fromEntries(entries.filter(([name]) => !memberNames.includes(name)))
  }
}

const decodeMembers = (members: object, base: Path) => decode(Members, members, base, [])

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
  const own = split(written)
  const slots = [...slotsOf(Members, own.members), ...slotsOf(adapter.options, own.options)]
  const { mistakes, needed, veiled } = readReferences(slots, written, base, fixed)
  const parts = split(veiled)
  const members = yield* decodeMembers(parts.members, base)
  const options = yield* decode(adapter.options, parts.options, base, memberNames)
  const wrong = [...mistakes, ...failuresOf([members, options])]
  if (Result.isFailure(members) || Result.isFailure(options)) return { mistakes: wrong, needed, shape: undefined }
  const capabilities = adapter.capabilities(options.success)
  const store = optionsOf(name, members.success)
  const refused = KeyStore.check({ backend: adapter.name, capabilities }, store)
  const { budget, retry = {}, rotation, separateCredentials = false, shared = false } = members.success
  const shape: Shape = {
    adapter,
    capabilities,
    written,
    store,
    options: options.success,
    shared,
    separateCredentials,
    retry,
    budget,
    schedules: placed(base, name, undefined, rotation),
    credentials: needed.filter((each) => !isOfMember(each))
  }
  return { mistakes: [...wrong, ...refused.map((error) => mistakeAt(base, error))], needed, shape }
})

const optionsOf = (name: string, members: typeof Members.Type): KeyStore.StoreOptions => {
  const { defaults, require, scopeMap } = members
  return {
    store: name,
    ...(defaults === undefined ? {} : { defaults }),
    ...(scopeMap === undefined ? {} : { scopeMap }),
    ...(require === undefined ? {} : { require }),
    ...secretsOf(members)
  }
}

/** Decodes the members of a store with their secrets in place. */
export const settle = (
  name: string,
  { written }: Shape,
  secrets: ReadonlyArray<Obtained>,
  base: Path
): Effect.Effect<Checked<KeyStore.StoreOptions>> =>
  Effect.map(
    decodeMembers(split(unveil(written, secrets)).members, base),
    Result.map((members) => optionsOf(name, members))
  )

/** Decodes an adapter's options with their secrets in place. */
export const complete = (
  { adapter, written }: Pick<Shape, "adapter" | "written">,
  secrets: ReadonlyArray<Obtained>,
  base: Path
): Effect.Effect<Checked<unknown>> =>
  decode(adapter.options, split(unveil(written, secrets)).options, base, memberNames)
