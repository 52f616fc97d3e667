/** Whether the tenants of a file can be kept apart. */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as KeyStores from "@keyfold/core/KeyStores"
import * as Effect from "effect/Effect"
import * as Struct from "effect/Struct"
import { baseOf as storeBase, type Candidate } from "./define.ts"
import { formatPath, type Mistake } from "./document.ts"
import { credentialOf } from "./policies.ts"
import { mistakeAt } from "./references.ts"
import type * as stores from "./store.ts"
import { baseOf, type Judged, type Own, type Shape } from "./tenants.ts"

/** A tenant whose store can be read. */
interface Member {
  readonly name: string
  readonly shape: Shape
}

const membersOf = (tenants: ReadonlyArray<Judged>): ReadonlyArray<Member> =>
  tenants.flatMap(({ name, shape }) =>
    // Of such a tenant nobody knows yet whose keys it sees.
    shape === undefined || (shape.own === "unsound" && shape.store.shape.separateCredentials) ? [] : [{ name, shape }]
  )

const isOwn = (own: Shape["own"]): own is Own => own !== undefined && own !== "unsound"

const optionsOf = (options: stores.Shape["store"]): KeyStores.SharedOptions => Struct.omit(options, ["store", "budget"])

const assignment = ({ overrides, own, store }: Shape): KeyStores.Assignment => ({
  store: store.name,
  ...(isOwn(own) ? { credential: own.name } : {}),
  ...(Object.keys(overrides).length === 0 ? {} : { options: overrides })
})

const asDefined = (candidates: ReadonlyArray<Candidate>, members: ReadonlyArray<Member>): KeyStores.Options => {
  const ofStore = Map.groupBy(members, ({ shape }) => shape.store.name)
  const define = ({ judged: { shape }, name }: Candidate): ReadonlyArray<[string, KeyStores.StoreDefinition]> => {
    if (shape === undefined) return []
    const { adapter, capabilities, separateCredentials, shared, store } = shape
    const own = (ofStore.get(name) ?? []).flatMap(({ shape }) => (isOwn(shape.own) ? shape.own.name : []))
    const credentials = Object.fromEntries(own.map((credential) => [credential, Effect.never]))
    const more = { options: optionsOf(store), separateCredentials, shared }
    return [[name, { backend: adapter.name, capabilities, driver: Effect.never, credentials, ...more }]]
  }
  return {
    stores: Object.fromEntries(candidates.flatMap(define)),
    tenants: Object.fromEntries(members.map(({ name, shape }) => [name, assignment(shape)]))
  }
}

/** Who sees the same keys of a store: everybody, unless each credential has keys of its own. */
const groupOf = ({ own, store }: Shape): string =>
  JSON.stringify([store.name, store.shape.separateCredentials ? (isOwn(own) ? own.name : null) : null])

/** The tenant that makes a store one of several tenants, or the member that does. */
const sharingPath = (name: string, members: ReadonlyArray<Member>) => {
  const ofStore = members.filter(({ shape }) => shape.store.name === name)
  const groups = [...Map.groupBy(ofStore, ({ shape }) => groupOf(shape)).values()]
  const second = groups.find(([, second]) => second !== undefined)?.[1]
  return second === undefined ? [...storeBase(name), "shared"] : baseOf(second.name)
}

/** Finds the place in the file that a mistake told by core belongs to. */
const placed = (error: ConfigurationError, members: ReadonlyArray<Member>): Mistake => {
  const field = error.field ?? ""
  const named = members
    .map(({ name }) => name)
    .filter((name) => field === `tenants.${name}` || field.startsWith(`tenants.${name}.`))
    .toSorted((left, right) => right.length - left.length)[0]
  const told = { ...mistakeAt([], error), path: [] }
  if (named !== undefined) {
    const rest = field.slice(`tenants.${named}.`.length)
    return {
      ...told,
      path: [...baseOf(named), ...(rest === "" ? [] : rest.split("."))],
      at: rest === "" ? "name" : "value"
    }
  }
  const store = error.store ?? ""
  if (field === "tenants") return { ...told, path: sharingPath(store, members), at: "name" }
  return mistakeAt(storeBase(store), error)
}

/** Names what a credential reaches: two with one account see the same keys. How long a call may take makes no other. */
const accountOf = ({ own, store: { shape } }: Shape): string => {
  const options = isOwn(own) ? own.options : shape.options
  const texts = Object.entries(typeof options === "object" && options !== null ? options : {})
    .flatMap(([name, value]) => (typeof value === "string" ? [[name, value.replace(/\/+$/, "")] as const] : []))
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
  return JSON.stringify([shape.adapter.name, credentialOf(isOwn(own) ? own.needed : shape.credentials), texts])
}

const adapterOf = ({ shape }: Member): string => shape.store.shape.adapter.name

/** Says how two tenants who use one account can be kept apart. */
const separation = ({ shape: { store } }: Member, other: Member): string => {
  const { createSafety, tenancy } = store.shape.capabilities
  const own = "Give each an account and a credential of its own"
  if (tenancy !== "label" || createSafety !== "marker") return `${own}.`
  return other.shape.store.name === store.name
    ? `${own}, or leave separateCredentials out.`
    : `${own}, or let one store serve both.`
}

/** Core trusts that other stores and credentials are other accounts, so that is seen to here. */
const accountMistakes = (members: ReadonlyArray<Member>): ReadonlyArray<Mistake> => {
  const groups = Map.groupBy(members, ({ shape }) => groupOf(shape))
  const isApart = ({ shape }: Member) =>
    shape.store.shape.capabilities.tenancy === "native" ||
    shape.store.shape.shared ||
    (groups.get(groupOf(shape)) ?? []).length > 1
  const accounts = [...Map.groupBy(members, ({ shape }) => accountOf(shape)).values()]
  const shared = accounts.filter((together) => new Set(together.map(({ shape }) => groupOf(shape))).size > 1)
  return shared.flatMap((together) =>
    together.flatMap((member, index): ReadonlyArray<Mistake> => {
      const other = together.find(({ shape }) => groupOf(shape) !== groupOf(member.shape))
      if (other === undefined || isApart(member)) return []
      // Of two who are alone at their stores, the second is told.
      if (index === 0 && together.every((each) => !isApart(each))) return []
      const problem = `it would see the keys of tenant "${other.name}": both use one account of ${adapterOf(member)}.`
      return [{ path: baseOf(member.name), at: "name", problem: `${problem} ${separation(member, other)}` }]
    })
  )
}

const idOf = ({ path, problem }: Mistake): string => `${formatPath(path)} ${problem}`

/** Lists what keeps tenants from being kept apart, and what else is wrong with them that `told` does not hold yet. */
export const isolationMistakes = (
  candidates: ReadonlyArray<Candidate>,
  tenants: ReadonlyArray<Judged>,
  hasJournal: boolean
): ReadonlyArray<Mistake> => {
  if (tenants.length === 0) return []
  const members = membersOf(tenants)
  const told = candidates.flatMap(({ judged, name }) => judged.mistakes.map((mistake) => ({ ...mistake, store: name })))
  const known = new Set(told.map(idOf))
  // What a tenant has from its store is told there.
  const inherited = new Set(
    members.flatMap(({ name, shape }) =>
      told.filter(({ store }) => store === shape.store.name).map(({ problem }) => `${name} ${problem}`)
    )
  )
  const found = [
    ...KeyStores.check(asDefined(candidates, members), hasJournal).map((error) => placed(error, members)),
    ...accountMistakes(members.filter(({ shape }) => shape.own !== "unsound"))
  ]
  const isNew = (mistake: Mistake) =>
    !known.has(idOf(mistake)) &&
    !(mistake.path[0] === "tenants" && inherited.has(`${String(mistake.path[1])} ${mistake.problem}`))
  return [...new Map(found.filter(isNew).map((mistake) => [idOf(mistake), mistake])).values()]
}
