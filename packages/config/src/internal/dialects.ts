/** The dialects of the gateway, held against the tenants of the file and against each other. */
import { arthurRoles, whylabsScopes, type DialectSettings } from "../DialectSettings.ts"
import { formatPath, type Mistake, type Path } from "./document.ts"
import { show } from "./show.ts"
import { asking, nearest } from "./spelling.ts"

interface Mount<A> {
  readonly base: Path
  /** Where it is mounted; `written` says whether the file says so. */
  readonly path: string
  readonly written: boolean
  readonly settings: A
}

const isList = <A extends object>(given: A | ReadonlyArray<A>): given is ReadonlyArray<A> => Array.isArray(given)

const mountsOf = <A extends { readonly path?: string }>(
  base: Path,
  name: keyof DialectSettings,
  given: A | ReadonlyArray<A> | undefined
): ReadonlyArray<Mount<A>> => {
  if (given === undefined) return []
  const place = (settings: A, at: Path): Mount<A> => {
    const { path = `/${name}` } = settings
    return { base: [...base, name, ...at], path, written: settings.path !== undefined, settings }
  }
  return isList(given) ? given.map((settings, index) => place(settings, [index])) : [place(given, [])]
}

const isPattern = (name: string): boolean => name.includes("*")

const serves =
  (tenant: string) =>
  (name: string): boolean => {
    if (!isPattern(name)) return name === tenant
    const [prefix = "", suffix = ""] = name.split("*")
    return tenant.length > prefix.length + suffix.length && tenant.startsWith(prefix) && tenant.endsWith(suffix)
  }

const ofTenant = (path: Path, tenant: string, names: ReadonlyArray<string>): ReadonlyArray<Mistake> => {
  if (isPattern(tenant)) {
    return [{ path, at: "value", problem: "a pattern is no tenant; name one, and mount the dialect once for each." }]
  }
  if (names.some(serves(tenant))) return []
  if (names.length === 0) {
    const problem = "no tenant has this name. There is none: write tenants: { name: store } at the top level."
    return [{ path, at: "value", problem }]
  }
  const suggestion = nearest(
    tenant,
    names.filter((name) => !isPattern(name))
  )
  const accepted = names.join(", ")
  return [
    {
      path,
      at: "value",
      problem: `no tenant has this name.${asking(suggestion)} Tenants: ${accepted}.`,
      found: show(tenant),
      accepted,
      ...(suggestion === undefined ? {} : { suggestion })
    }
  ]
}

const unknownName = (path: Path, at: Mistake["at"], name: string, known: ReadonlyArray<string>): Mistake => {
  const suggestion = nearest(name, known)
  const accepted = known.length === 0 ? "nothing" : known.join(", ")
  const problem = `the protocol has no such name here.${asking(suggestion)} Accepted: ${accepted}.`
  return { path, at, problem, accepted, ...(suggestion === undefined ? {} : { suggestion }) }
}

/** Judges a map from a protocol's names to portable scopes: it must be possible to tell each scope back. */
const ofNames = (
  base: Path,
  map: Readonly<Record<string, string>> | undefined,
  known: ReadonlyArray<string>
): ReadonlyArray<Mistake> => {
  const entries = Object.entries(map ?? {})
  const scopes = entries.map(([, scope]) => scope)
  return entries.flatMap(([name, scope], index): ReadonlyArray<Mistake> => {
    const path = [...base, name]
    if (!known.includes(name)) return [unknownName(path, "name", name, known)]
    if (scopes.indexOf(scope) === index) return []
    return [{ path, at: "value", problem: "another name has this scope. Give each name a scope of its own." }]
  })
}

const ofWhyLabs = (
  {
    base,
    settings
  }: Mount<{
    readonly organizations: Readonly<Record<string, string>>
    readonly scopes?: Readonly<Record<string, string>>
    readonly defaultScopes?: ReadonlyArray<string>
  }>,
  tenants: ReadonlyArray<string>
): ReadonlyArray<Mistake> => {
  const { defaultScopes = [], organizations, scopes } = settings
  const members = Object.entries(organizations)
  const place = [...base, "organizations"]
  const none = "names no organization; write the id that clients send and its tenant."
  const unusable = "an id cannot have these characters; write it as clients send it, such as org-7Kd3mQ."
  const accepted = scopes === undefined ? whylabsScopes : Object.keys(scopes)
  return [
    ...(members.length === 0 ? [{ path: place, at: "name", problem: none } as const] : []),
    ...members
      .filter(([id]) => !/^[^/?#&;+]+$/.test(id))
      .map(([id]): Mistake => ({ path: [...place, id], at: "name", problem: unusable })),
    ...members.flatMap(([id, tenant]) => ofTenant([...place, id], tenant, tenants)),
    ...ofNames([...base, "scopes"], scopes, whylabsScopes),
    ...defaultScopes.flatMap((name, index) =>
      accepted.includes(name) ? [] : [unknownName([...base, "defaultScopes", index], "value", name, accepted)]
    )
  ]
}

const isBelow = (path: string, other: string): boolean => path === other || path.startsWith(`${other}/`)

/** What the gateway serves itself. */
const reserved = ["/v1", "/docs", "/health", "/ready", "/openapi.json", "/metrics", "/console"]

/** Tells of mounts whose requests the gateway answers itself. */
const onReserved = (mounts: ReadonlyArray<Mount<unknown>>): ReadonlyArray<Mistake> =>
  mounts.flatMap(({ base, path, written }): ReadonlyArray<Mistake> => {
    const own = reserved.find((name) => isBelow(path, name))
    if (own === undefined) return []
    const problem = `${own} is the gateway's own. Write another path; these are its own: ${reserved.join(", ")}.`
    return [{ path: written ? [...base, "path"] : base, at: written ? "value" : "name", problem }]
  })

/** Tells of dialects that are named and mounted nowhere. */
const unmounted = (base: Path, dialects: DialectSettings): ReadonlyArray<Mistake> =>
  (["whylabs", "arthur", "occam"] as const).flatMap((name): ReadonlyArray<Mistake> => {
    const given: object | undefined = dialects[name]
    return Array.isArray(given) && given.length === 0
      ? [{ path: [...base, name], at: "value", problem: "the list is empty; write a mount, or leave the member out." }]
      : []
  })

/** Tells of mounts that would get each other's requests; the earlier of two keeps its path. */
const overlaps = (mounts: ReadonlyArray<Mount<unknown>>): ReadonlyArray<Mistake> =>
  mounts.flatMap(({ base, path, written }, index): ReadonlyArray<Mistake> => {
    const other = mounts.slice(0, index).find((before) => isBelow(path, before.path) || isBelow(before.path, path))
    if (other === undefined) return []
    const problem = `${path} overlaps with ${other.path} of ${formatPath(other.base)}. Write a path for each.`
    return [{ path: written ? [...base, "path"] : base, at: written ? "value" : "name", problem }]
  })

/** Tells what is wrong with dialects beyond the shape of each; `tenants` are the file's, patterns included. */
export const mistakesOf = (
  base: Path,
  dialects: DialectSettings,
  tenants: ReadonlyArray<string>
): ReadonlyArray<Mistake> => {
  const whylabs = mountsOf(base, "whylabs", dialects.whylabs)
  const arthur = mountsOf(base, "arthur", dialects.arthur)
  const occam = mountsOf(base, "occam", dialects.occam)
  const single: ReadonlyArray<Mount<{ readonly tenant: string }>> = [...arthur, ...occam]
  return [
    ...whylabs.flatMap((mount) => ofWhyLabs(mount, tenants)),
    ...single.flatMap(({ base, settings }) => ofTenant([...base, "tenant"], settings.tenant, tenants)),
    ...arthur.flatMap(({ base, settings }) => ofNames([...base, "roles"], settings.roles, arthurRoles)),
    ...unmounted(base, dialects),
    ...onReserved([...whylabs, ...arthur, ...occam]),
    ...overlaps([...whylabs, ...arthur, ...occam])
  ]
}
