/** What a configuration comes to, in a form that can be shown: references in place of secrets, no credential in a URL. */
import { adapterNameOf } from "./journal.ts"

type Mapping = Readonly<Record<string, unknown>>

const isMapping = (value: unknown): value is Mapping =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const hidden = "not-shown"

/** Takes the user's password, or over HTTP all of the user, and the query out of a URL: either may be a credential. */
const withoutCredentials = (text: string): string => {
  const [, scheme, user, rest = ""] = /^([a-z][a-z0-9+.-]*:\/\/)(?:(.*)@)?(.*)$/is.exec(text) ?? []
  if (scheme === undefined) return text
  const name = /^https?:/i.test(scheme) ? undefined : user?.split(":")[0]
  const isHidden = user !== undefined && (name === undefined || name !== user)
  const shownUser =
    user === undefined ? "" : isHidden ? `${name === undefined ? "" : `${name}:`}${hidden}@` : `${user}@`
  return `${scheme}${shownUser}${rest.replace(/[?#].*$/s, `?${hidden}`)}`
}

/** An argument of a command may be a secret, its program is none. */
const command = ([program, ...rest]: ReadonlyArray<unknown>): ReadonlyArray<unknown> =>
  rest.length === 0
    ? [program]
    : [program, rest.length === 1 ? "1 argument, not shown" : `${rest.length} arguments, not shown`]

const showable = (value: unknown): unknown => {
  if (typeof value === "string") return withoutCredentials(value)
  if (Array.isArray(value)) return value.map(showable)
  if (!isMapping(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      name === "command" && Array.isArray(member) ? command(member) : showable(member)
    ])
  )
}

const memberOf = (value: Mapping, name: string): Mapping => {
  const found = value[name]
  return isMapping(found) ? found : {}
}

const only = (name: string, value: unknown): Mapping =>
  value === undefined || (isMapping(value) && Object.keys(value).length === 0) ? {} : { [name]: value }

/** A store as it is opened: with what the file says for all stores. */
const storeOf = (file: Mapping, store: Mapping): Mapping => {
  const { adapter, budget, retry: _, ...rest } = store
  return {
    adapter,
    ...rest,
    ...only("retry", { ...memberOf(file, "retry"), ...memberOf(store, "retry") }),
    ...only("budget", budget ?? file["budget"])
  }
}

/** Writes a judged file as the stores and the journal that it comes to. */
export const effectiveOf = (value: unknown, defaultStore: string | undefined): Mapping => {
  const file = isMapping(value) ? value : {}
  const { $schema: _, adapters, budget: __, default: ___, journal, retry: ____, stores, ...rest } = file
  const named = isMapping(stores) ? Object.entries(stores) : []
  const shown = showable({
    ...only("default", defaultStore),
    ...only("adapters", adapters),
    ...(isMapping(journal) ? { journal: { adapter: adapterNameOf(journal), ...journal } } : {}),
    stores: Object.fromEntries(named.map(([name, store]) => [name, isMapping(store) ? storeOf(file, store) : store])),
    ...rest
  })
  return isMapping(shown) ? shown : {}
}
