/** The protocol's names for what a key may do, and the store's. */
/** Maps each name of the protocol to the store's portable scope; without a map both have the same names. */
export type ScopeMap = Readonly<Record<string, string>>

/** What is wrong with a map: a name the protocol does not know, or a scope that two names stand for. */
export const mistakeIn = (
  map: ScopeMap | undefined,
  known: ReadonlyArray<string>
): { readonly name: string; readonly problem: string; readonly fix: string } | undefined => {
  const entries = Object.entries(map ?? {})
  const unknown = entries.find(([name]) => !known.includes(name))
  if (unknown !== undefined) {
    return { name: unknown[0], problem: "the protocol has no such name.", fix: `Its names: ${known.join(", ")}.` }
  }
  const scopes = entries.map(([, scope]) => scope)
  const repeated = entries.find(([, scope], index) => scopes.indexOf(scope) !== index)
  return repeated === undefined
    ? undefined
    : {
        name: repeated[0],
        problem: `${repeated[1]} stands for another name already, so that it could not be told back.`,
        fix: "Give each name a scope of its own."
      }
}

/** Translates between the two. */
export interface ScopeNames {
  readonly accepts: (name: string) => boolean
  readonly toStore: (names: ReadonlyArray<string>) => ReadonlyArray<string>
  readonly toProtocol: (scopes: ReadonlyArray<string>) => ReadonlyArray<string>
}

/** Makes the translation. A scope that the map does not know is shown by its own name. */
export const make = (map: ScopeMap | undefined, known: ReadonlyArray<string>): ScopeNames => {
  if (map === undefined) {
    return { accepts: (name) => known.includes(name), toStore: (names) => names, toProtocol: (scopes) => scopes }
  }
  const forward = new Map(Object.entries(map))
  const backward = new Map(Object.entries(map).map(([name, scope]) => [scope, name]))
  return {
    accepts: (name) => forward.has(name),
    toStore: (names) => names.map((name) => forward.get(name) ?? name),
    toProtocol: (scopes) => scopes.map((scope) => backward.get(scope) ?? scope)
  }
}
