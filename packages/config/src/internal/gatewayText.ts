/** The text that gives a configuration a gateway. */
import { isMap, parseDocument, type Document } from "yaml"

/** What is to be written at the end of the file, and the tenant that it has from then on, where it had none. */
export interface Added {
  readonly text: string
  readonly tenant: string | undefined
}

/** The database, beside the file. */
export const database = "keyfold-gateway.db"

const gateway = (pepper: string): string => `
# How keyfold serve serves the tenants over HTTP, with a console in the browser. Keep the pepper: without it no caller is
# let in any more.
gateway:
  url: "sqlite:${database}"
  pepper: { file: ${JSON.stringify(pepper)} }
`

const tenant = "main"

const tenants = (store: string): string => `
# Which store serves each tenant of keyfold serve. Nobody else is served.
tenants:
  ${tenant}: ${JSON.stringify(store)}
`

/** Without it no key can be rotated. It is kept in the journal's database, and may have sinks later. */
const rotations = `
# What replaces keys without locking their holders out. Sinks for new secrets go here: keyfold rotate --help
rotations: {}
`

/** Aliases that unfold to too much have no value. */
const plain = (document: Document): unknown => {
  try {
    return document.toJS({ maxAliasCount: 100 })
  } catch {
    return undefined
  }
}

/** The value of a text with nothing in it but one mapping in block style, to the end of which a member can be added. */
const mappingIn = (text: string): Readonly<Record<string, unknown>> | undefined => {
  const document = parseDocument(text, { prettyErrors: false, stringKeys: true, logLevel: "silent" })
  if (document.errors.length > 0 || !isMap(document.contents) || document.contents.flow === true) return undefined
  const value = plain(document)
  return isRecord(value) ? value : undefined
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The store that is meant where none is named. */
const storeOf = ({ default: named, stores }: Readonly<Record<string, unknown>>): string | undefined => {
  if (typeof named === "string") return named
  const names = isRecord(stores) ? Object.keys(stores) : []
  return names.length === 1 ? names[0] : undefined
}

/** Writes what a file lacks; undefined where it has a gateway, `unclear` where nothing can be added at its end. */
export const added = (text: string, pepper: string): Added | undefined | "unclear" => {
  const before = mappingIn(text)
  if (before === undefined) return "unclear"
  if (before["gateway"] !== undefined) return undefined
  const store = before["tenants"] === undefined ? storeOf(before) : undefined
  const members = {
    gateway: gateway(pepper),
    ...(store === undefined ? {} : { tenants: tenants(store) }),
    ...(before["journal"] === undefined || before["rotations"] !== undefined ? {} : { rotations })
  }
  const more = `${text.endsWith("\n") ? "" : "\n"}${Object.values(members).join("")}`
  const after = mappingIn(`${text}${more}`)
  const kept = Object.entries(after ?? {}).filter(([name]) => !Object.hasOwn(members, name))
  // An end of the document, or an indentation that goes on, would change what stands above.
  const isWhole = Object.keys(members).every((name) => after !== undefined && Object.hasOwn(after, name))
  if (!isWhole || JSON.stringify(Object.fromEntries(kept)) !== JSON.stringify(before)) return "unclear"
  return { text: more, tenant: store === undefined ? undefined : tenant }
}
