/** The words of the selector language. */
import type { Field, SpanField, TextField, TimeField } from "../../Selector.ts"

/** Fields that hold text, but for tags. */
export const textFields = ["id", "name", "owner", "status", "store", "backend", "tenant"] as const

/** Fields that hold a length of time. */
export const spanFields = ["age", "expiresIn", "unusedFor"] as const

/** Fields that hold a time. */
export const timeFields = ["createdAt", "expiresAt", "lastUsedAt"] as const

/** Every field with a name of its own. */
export const fieldNames: ReadonlyArray<string> = [...textFields, "scopes", ...spanFields, ...timeFields]

/** How fields are listed in an error. */
export const fieldList = `${fieldNames.join(", ")} or tag.NAME`

/** Words that are no fields. */
export const keywords: ReadonlyArray<string> = ["and", "or", "not", "in", "is", "contains", "missing", "present"]

/** The states a key can be in. */
export const statuses: ReadonlyArray<string> = ["active", "expired", "revoked"]

/** What people write for a field, where its spelling is not near. */
export const synonyms: ReadonlyMap<string, string> = new Map([
  ["key", "id"],
  ["keyid", "id"],
  ["alias", "name"],
  ["label", "name"],
  ["user", "owner"],
  ["state", "status"],
  ["scope", "scopes"],
  ["role", "scopes"],
  ["roles", "scopes"],
  ["tags", "tag.NAME"],
  ["tag", "tag.NAME"],
  ["created", "createdAt"],
  ["expires", "expiresAt"],
  ["expiry", "expiresAt"],
  ["lastused", "lastUsedAt"],
  ["used", "lastUsedAt"],
  ["unused", "unusedFor"],
  ["idle", "unusedFor"],
  ["organization", "tenant"],
  ["provider", "backend"]
])

const includes = <A extends string>(names: ReadonlyArray<A>, name: string): name is A =>
  names.some((one) => one === name)

/** Tells a tag's name from its field. */
export const tagName = (field: string): string | undefined =>
  field.startsWith("tag.") && field.length > 4 ? field.slice(4) : undefined

/** What a field holds. */
export type Kind =
  | { readonly kind: "text"; readonly field: TextField }
  | { readonly kind: "span"; readonly field: SpanField }
  | { readonly kind: "time"; readonly field: TimeField }
  | { readonly kind: "scope"; readonly field: "scopes" }

/** Recognises a field by its name. */
export const kindOf = (name: string): Kind | undefined => {
  const tag = tagName(name)
  if (tag !== undefined) return { kind: "text", field: `tag.${tag}` }
  if (includes(textFields, name)) return { kind: "text", field: name }
  if (includes(spanFields, name)) return { kind: "span", field: name }
  if (includes(timeFields, name)) return { kind: "time", field: name }
  return name === "scopes" ? { kind: "scope", field: name } : undefined
}

const bareTag = /^[A-Za-z0-9_:/-]+(?:\.[A-Za-z0-9_:/-]+)*$/

/** Tells whether a tag's name can stand without quotes. */
export const isBareTag = (name: string): boolean => bareTag.test(name)

/** What a field is compared with, for errors. */
export const example = (field: Field): string => {
  const found = kindOf(field)
  if (found?.kind === "span") return "a length of time such as 90d (units: s, m, h, d, w)"
  if (found?.kind === "time") return "a time such as 2027-01-31 or 2027-01-31T12:00:00Z"
  return 'a text in quotes, such as "ci"'
}
