/** Members of the file that environment variables set. */
import type * as Schema from "effect/Schema"
import { formatPath, type Mistake, type Path } from "./document.ts"
import { didYouMean } from "./spelling.ts"
import { targetsOf, variableOf, type Target } from "./variables.ts"

/** A member that a variable has set. */
export interface Override {
  readonly path: Path
  readonly variable: string
}

type Environment = Readonly<Record<string, string | undefined>>

/** A part of the file and the schemas of its members; where there are none, nothing is said about its variables. */
export interface Part {
  readonly base: Path
  readonly schemas: ReadonlyArray<Schema.Top>
}

const root: Part = { base: [], schemas: [] }

/** The file with its overrides in place. */
export interface Overridden {
  readonly value: unknown
  readonly overrides: ReadonlyArray<Override>
  readonly mistakes: ReadonlyArray<Mistake>
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Returns a copy of `value` with `replacement` at `path`; mappings that are missing on the way are made. */
const setAt = (value: unknown, path: Path, replacement: unknown): unknown => {
  const [segment, ...rest] = path
  if (segment === undefined) return replacement
  const own = isRecord(value) ? value : {}
  const name = String(segment)
  return { ...own, [name]: setAt(Object.hasOwn(own, name) ? own[name] : undefined, rest, replacement) }
}

/** Names the variables that the file itself reads secrets from: they override nothing. */
const readBy = (value: unknown): ReadonlyArray<string> => {
  if (Array.isArray(value)) return value.flatMap(readBy)
  if (!isRecord(value)) return []
  const { env } = value
  return [...(typeof env === "string" ? [env] : []), ...Object.values(value).flatMap(readBy)]
}

const heads = ["STORES", "JOURNAL", "RETRY", "BUDGET", "TENANTS", "ROTATIONS", "GATEWAY"].map(
  (head) => `KEYFOLD_${head}_`
)

const unknown = (variable: string, parts: ReadonlyArray<Part>): Mistake => {
  const settable = targetsIn(parts).flatMap((target) => (target.read === undefined ? [] : [target.variable]))
  const problem = `no member of this configuration has this variable.${didYouMean(variable, settable)}`
  return { path: [], at: "name", problem: `${problem} Unset it, or mend its name.`, variable }
}

const literal = ({ path, variable }: Target): Mistake => ({
  path,
  at: "value",
  variable,
  problem:
    `a secret does not stand in a variable of this name. Set ${variable}_FILE to the path of a file that holds it, or ` +
    `${variable}_ENV to the name of the variable that does.`
})

const ambiguous = (variable: string, targets: ReadonlyArray<Target>): Mistake => ({
  path: [],
  at: "name",
  variable,
  problem: `it may mean ${targets.map(({ path }) => formatPath(path)).join(" or ")}. Rename a store.`
})

const twice = (first: Target, second: Target): Mistake => ({
  path: first.path,
  at: "value",
  variable: first.variable,
  problem: `${second.variable} sets it too. Unset one of them.`
})

const inList = ({ path, variable }: Target): Mistake => ({
  path,
  at: "value",
  variable,
  problem: "the file has a list here, and a variable sets nothing in a list. Unset it, and write this in the file."
})

/** Tells whether the way to a member goes through a list, which would be lost. */
const isInList = (value: unknown, [segment, ...rest]: Path): boolean =>
  segment !== undefined &&
  (Array.isArray(value) ||
    (isRecord(value) && isInList(Object.hasOwn(value, segment) ? value[String(segment)] : undefined, rest)))

/** Sorts out what a variable means: a member, or what is wrong with it. */
const meaning = (variable: string, targets: ReadonlyArray<Target>, value: unknown): Target | Mistake => {
  const [target, ...others] = targets
  if (target === undefined || others.length > 0) return ambiguous(variable, targets)
  if (isInList(value, target.path)) return inList(target)
  return target.read === undefined ? literal(target) : target
}

const isTarget = (meant: Target | Mistake): meant is Target => "read" in meant

const isSet = (text: string | undefined): text is string => text !== undefined && text !== ""

/** The targets of each variable; a member that a union describes twice counts once. */
const byVariable = (targets: ReadonlyArray<Target>): ReadonlyMap<string, ReadonlyArray<Target>> => {
  const once = new Map(targets.toReversed().map((target) => [`${target.variable} ${formatPath(target.path)}`, target]))
  return Map.groupBy([...once.values()].toReversed(), ({ variable }) => variable)
}

/** A variable that another one refers to holds that secret, and overrides nothing itself. */
const referredTo = (
  given: ReadonlyArray<string>,
  known: ReadonlyMap<string, ReadonlyArray<Target>>,
  env: Environment
) => given.flatMap((name) => (known.get(name) ?? []).flatMap(({ read }) => readBy(read?.(env[name] ?? ""))))

const targetsIn = (parts: ReadonlyArray<Part>): ReadonlyArray<Target> =>
  parts.flatMap(({ base, schemas }) => schemas.flatMap(({ ast }) => targetsOf(ast, base)))

/** What the variables of a part begin with. */
const prefixOf = ({ base }: Part): string => `${variableOf(base)}_`

/** Puts what the environment says into the file. A variable that is empty says nothing. */
export const apply = (value: unknown, parts: ReadonlyArray<Part>, env: Environment): Overridden => {
  const set = Object.keys(env).filter((name) => name.startsWith(prefixOf(root)) && isSet(env[name]))
  if (set.length === 0) return { value, overrides: [], mistakes: [] }
  // A file may have thousands of stores, and nearly all are named by no variable.
  const named = parts.filter((part) => {
    const prefix = prefixOf(part)
    return set.some((name) => name.startsWith(prefix))
  })
  const known = byVariable(targetsIn(named))
  const read = new Set([...readBy(value), ...referredTo(set, known, env)])
  const given = set.filter((name) => !read.has(name)).toSorted()
  const meant = given.flatMap((name) => {
    const found = known.get(name)
    return found === undefined ? [] : [meaning(name, found, value)]
  })
  const chosen = meant.filter(isTarget)
  const hidden = named.filter(({ schemas }) => schemas.length === 0).map(prefixOf)
  const strange = given
    .filter((name) => !known.has(name) && heads.some((head) => name.startsWith(head)))
    .filter((name) => !hidden.some((prefix) => name.startsWith(prefix)))
  const doubled = [...Map.groupBy(chosen, ({ path }) => formatPath(path)).values()].flatMap(([first, second]) =>
    first === undefined || second === undefined ? [] : [twice(first, second)]
  )
  return {
    value: chosen.reduce((all, { path, read, variable }) => setAt(all, path, read?.(env[variable] ?? "")), value),
    overrides: chosen.map(({ path, variable }) => ({ path, variable })),
    mistakes: [
      ...meant.flatMap((each) => (isTarget(each) ? [] : [each])),
      ...doubled,
      ...strange.map((name) => unknown(name, parts))
    ]
  }
}

/** Names the variable that a mistake comes from, where it comes from one. */
export const variableBehind = (path: Path, overrides: ReadonlyArray<Override>): string | undefined =>
  overrides.find((override) => override.path.every((segment, index) => segment === path[index]))?.variable
