/** The member `rotations` of the file: where rotations are kept, and the things they need, by name. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { Secret } from "@keyfold/core/Secret"
import type { Sink } from "@keyfold/core/Sink"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { RotationsDefinition, SinkDefinition } from "../../Configuration.ts"
import type { Mistake, Path } from "../document.ts"
import { Time } from "../policies.ts"
import {
  completeWith,
  decode,
  failuresOf,
  readReferences,
  unveil,
  type Checked,
  type Obtaining
} from "../references.ts"
import { slotsOf } from "../secrets.ts"
import { didYouMean } from "../spelling.ts"
import { Check, holderCheckOf, probeOf, type Surroundings } from "./checks.ts"
import { AnySink, kinds, makeSink, type Kind } from "./sinks.ts"
import { fill, mentions, mistakesIn, type Filling, type Unfillable } from "./template.ts"

/** Where the member stands in the file. */
export const base: Path = ["rotations"]

/** Where rotations and the engine's state are kept, and how the engine works. */
export const Database = Schema.Struct({
  url: Schema.optionalKey(
    Schema.NonEmptyString.annotateKey({ description: "The database; that of the journal when omitted." })
  ),
  password: Schema.optionalKey(Secret.annotateKey({ description: "The password of the database." })),
  busyTimeout: Schema.optionalKey(Time.annotateKey({ description: "How long to wait for another process's lock." })),
  pollInterval: Schema.optionalKey(
    Time.annotateKey({ description: "How often a runner looks for timers that have run out; a second when omitted." })
  ),
  takeOverAfter: Schema.optionalKey(
    Time.annotateKey({ description: "How long a silent runner keeps its work; 15 seconds when omitted." })
  ),
  concurrency: Schema.optionalKey(
    Schema.Int.check(Schema.isGreaterThan(0, { expected: "a whole number of 1 or more" })).annotateKey({
      description: "How many rotations a runner works on at the same time; 16 when omitted."
    })
  )
})

const Name = Schema.String

/** All members. */
export const Members = Schema.Struct({
  ...Database.fields,
  sinks: Schema.optionalKey(
    Schema.Record(Name, AnySink).annotateKey({ description: "Where new secrets go, by name." })
  ),
  probes: Schema.optionalKey(
    Schema.Record(Name, Check).annotateKey({ description: "Programs that tell whether a new key works, by name." })
  ),
  holderChecks: Schema.optionalKey(
    Schema.Record(Name, Check).annotateKey({
      description: "Programs that tell whether a key's holder works with the new one, by name."
    })
  )
})

const groups = ["sinks", "probes", "holderChecks"] as const

/** Judges the kind of a group first, so that its entries can be judged one by one. */
const Groups = Schema.Struct({
  sinks: Schema.optionalKey(Schema.Record(Name, Schema.Record(Schema.String, Schema.Unknown))),
  probes: Schema.optionalKey(Schema.Record(Name, Check)),
  holderChecks: Schema.optionalKey(Schema.Record(Name, Check))
})

const isMapping = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Names what is there, of each kind, however sound it is. */
export const namesIn = (written: object | undefined, group: (typeof groups)[number]): ReadonlyArray<string> => {
  const named: unknown = written === undefined ? undefined : Reflect.get(written, group)
  return isMapping(named) ? Object.keys(named) : []
}

/** A colon may follow, and the name of a key. */
const isName = (name: string): boolean => /^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name)

const misnamed = (written: object): ReadonlyArray<Mistake> =>
  groups.flatMap((group) =>
    namesIn(written, group)
      .filter((name) => !isName(name))
      .map((name) => ({
        path: [...base, group, name],
        at: "name",
        problem: "expected a name of letters, digits and . _ -, beginning with a letter or digit."
      }))
  )

const only = (written: object, isWanted: (name: string) => boolean): object =>
  Object.fromEntries(Object.entries(written).filter(([name]) => isWanted(name)))

const isGroup = (name: string): boolean => groups.some((group) => group === name)

const isKind = (name: string): name is Kind => Object.hasOwn(kinds, name)

/** What kind of sink is written, or what is wrong with that. */
const kindOf = (written: object, at: Path): Kind | Mistake => {
  const names = Object.keys(written)
  const [kind, other] = names.filter(isKind)
  if (kind !== undefined && other === undefined) return kind
  const accepted = Object.keys(kinds)
  if (kind !== undefined) {
    return { path: [...at, other ?? kind], at: "name", problem: `a sink is one place, and ${kind} is there already.` }
  }
  const guess = names.map((name) => didYouMean(name, accepted)).find((text) => text !== "") ?? ""
  return { path: at, at: "name", problem: `names no place.${guess} Write one of: ${accepted.join(", ")}.` }
}

const textAt = (written: object, name: string): string => {
  const value: unknown = Reflect.get(written, name)
  return typeof value === "string" ? value : ""
}

const isUnfillable = (filled: object | string): filled is Unfillable =>
  typeof filled === "object" && "problem" in filled

/** Only texts are changed, so that it is still a sink of its kind. */
const filled = (sink: AnySink, kind: Kind, filling: Filling): AnySink | Unfillable => {
  const texts = kinds[kind].templates.map((name) => [name, fill(textAt(sink, name), filling)] as const)
  const wrong = texts.map(([, text]) => text).find(isUnfillable)
  return wrong ?? { ...sink, ...Object.fromEntries(texts) }
}

const defineSink = Effect.fnUntraced(function* (
  obtaining: Obtaining,
  name: string,
  written: object,
  env: Surroundings["env"]
): Effect.fn.Return<Checked<SinkDefinition>> {
  const at = [...base, "sinks", name]
  const kind = kindOf(written, at)
  if (typeof kind !== "string") return Result.fail([kind])
  const { schema, templates } = kinds[kind]
  const codec: Schema.Codec<AnySink, unknown> = schema
  const { mistakes, needed, veiled } = readReferences(slotsOf(schema, written), written, at, {})
  const judged = yield* decode(codec, veiled, at, [])
  const ofBraces = templates.flatMap((name) => mistakesIn(textAt(written, name), [...at, name]))
  const wrong = [...mistakes, ...failuresOf([judged]), ...ofBraces]
  const completed = yield* completeWith(obtaining, { mistakes: wrong, needed }, at, (secrets) =>
    decode(codec, unveil(written, secrets), at, [])
  )
  return Result.map(completed, (complete): SinkDefinition => ({
    name,
    perKey: templates.some((name) => mentions(textAt(written, name), "name")),
    make: (filling, identifies) =>
      Effect.flatMap(complete, (sink): Effect.Effect<Sink, ConfigurationError> => {
        const place = filled(sink, kind, filling)
        return isUnfillable(place)
          ? Effect.fail(new ConfigurationError({ problem: place.problem }))
          : Effect.succeed(makeSink(place, { folder: obtaining.folder, env, identifies }))
      })
  }))
})

type Plain = Omit<typeof Database.Type, "password">

const databaseOf = ({
  password,
  url = "",
  ...rest
}: typeof Database.Type): Effect.Success<RotationsDefinition["database"]> => ({
  ...(rest satisfies Plain),
  url,
  ...(password === undefined ? {} : { password })
})

/** Members of the journal that rotations share where they have no database of their own. */
const inherited = ["url", "password", "busyTimeout"]

const defineDatabase = Effect.fnUntraced(function* (
  obtaining: Obtaining,
  written: object,
  journal: object
): Effect.fn.Return<Checked<RotationsDefinition["database"]>> {
  const isOwn = Object.hasOwn(written, "url")
  const shared = isOwn ? {} : only(journal, (name) => inherited.includes(name))
  const own = only(written, (name) => !isGroup(name))
  const stray: ReadonlyArray<Mistake> =
    !isOwn && Object.hasOwn(written, "password")
      ? [{ path: [...base, "password"], at: "name", problem: "a password needs a url; the journal's has its own." }]
      : []
  const whole = { ...shared, ...own }
  const { mistakes, needed, veiled } = readReferences(slotsOf(Database, whole), whole, base, {})
  const judged = yield* decode(Database, veiled, base, [...groups])
  const completed = yield* completeWith(
    obtaining,
    { mistakes: [...stray, ...mistakes, ...failuresOf([judged])], needed },
    base,
    (secrets) => decode(Database, unveil(whole, secrets), base, [...groups])
  )
  return Result.map(completed, (complete) => Effect.map(complete, databaseOf))
})

const byName = <A>(group: Readonly<Record<string, Check>> | undefined, make: (check: Check) => A) =>
  new Map(Object.entries(group ?? {}).map(([name, check]) => [name, make(check)]))

/** The journal as far as rotations need it: what is written, whether SQL keeps it. */
export interface JournalWritten {
  readonly written: object
  readonly isSql: boolean
}

const noJournal: Mistake = {
  path: base,
  at: "name",
  problem:
    "rotations need a journal, which knows what became of every create. Write journal: " +
    '{ url: "sqlite:keyfold-journal.db", secret: { file: path } } at the top level, with a secret of at least 32 random bytes.'
}

const noUrl: Mistake = {
  path: base,
  at: "name",
  problem:
    "the journal is in no database that rotations can be kept in. Write a url: sqlite: and a path, or postgres://user@host/database."
}

/** Judges the member and prepares it. What is wrong with the journal itself is told there. */
export const define = Effect.fnUntraced(function* (
  obtaining: Obtaining,
  written: object,
  journal: JournalWritten | undefined,
  env: Surroundings["env"]
): Effect.fn.Return<Checked<Omit<RotationsDefinition, "schedules">>> {
  const around = { folder: obtaining.folder, env }
  const grouped = yield* decode(Groups, only(written, isGroup), base, [])
  const sinks = yield* Effect.forEach(
    Object.entries(Reflect.get(written, "sinks") ?? {}).filter((entry): entry is [string, object] =>
      isMapping(entry[1])
    ),
    ([name, sink]) => defineSink(obtaining, name, sink, env)
  )
  const database = yield* defineDatabase(obtaining, written, journal?.written ?? {})
  const lacking = journal === undefined ? [noJournal] : journal.isSql || Object.hasOwn(written, "url") ? [] : [noUrl]
  const wrong = [...lacking, ...misnamed(written), ...failuresOf([grouped, ...sinks, database])]
  if (wrong.length > 0 || Result.isFailure(grouped) || Result.isFailure(database)) return Result.fail(wrong)
  const definitions = sinks.flatMap((sink) => (Result.isSuccess(sink) ? [sink.success] : []))
  return Result.succeed({
    database: database.success,
    sinks: new Map(definitions.map((sink) => [sink.name, sink])),
    probes: byName(grouped.success.probes, (check) => probeOf(check, around)),
    holderChecks: byName(grouped.success.holderChecks, (check) => holderCheckOf(check, around))
  })
})
