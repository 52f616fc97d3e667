/** Whether a selector means a key, in three-valued logic: undefined is "not known". */
import type { Field, Order, Selector, SpanField, Subject, TextField, TimeField } from "../../Selector.ts"
import { kindOf, tagName } from "./fields.ts"
import { fits } from "./pattern.ts"

type Truth = boolean | undefined

const not = (truth: Truth): Truth => (truth === undefined ? undefined : !truth)

const and = (left: Truth, right: Truth): Truth =>
  left === false || right === false ? false : left === undefined || right === undefined ? undefined : true

const textOf = ({ backend, key, store, tenant }: Subject, field: TextField): string | undefined => {
  const tag = tagName(field)
  if (tag !== undefined) return Object.hasOwn(key.tags, tag) ? key.tags[tag] : undefined
  switch (field) {
    case "id":
    case "name":
    case "owner":
    case "status":
      return key[field]
    case "store":
      return store
    case "backend":
      return backend
    case "tenant":
      return tenant
  }
  return undefined
}

const timeOf = ({ key }: Subject, field: TimeField): number | undefined => key[field]?.epochMilliseconds

const spanOf = (subject: Subject, field: SpanField, now: number): number | undefined => {
  const at = timeOf(subject, field === "age" ? "createdAt" : field === "expiresIn" ? "expiresAt" : "lastUsedAt")
  if (at === undefined) return undefined
  return field === "expiresIn" ? at - now : now - at
}

/** An empty list says nothing where the backend has no scopes: such a key may do everything. */
const scopesOf = ({ capabilities, key }: Subject): ReadonlyArray<string> | undefined =>
  key.scopes.length === 0 && capabilities?.scopes === false ? undefined : key.scopes

const compare = (left: number | undefined, order: Order, right: number): Truth => {
  if (left === undefined) return undefined
  switch (order) {
    case "==":
      return left === right
    case "!=":
      return left !== right
    case "<":
      return left < right
    case "<=":
      return left <= right
    case ">":
      return left > right
    case ">=":
      return left >= right
  }
}

const compareText = (text: string | undefined, operator: "==" | "!=" | "~", value: string): Truth => {
  if (text === undefined) return undefined
  if (operator === "~") return fits(value, text)
  return (text === value) === (operator === "==")
}

const hasValue = (subject: Subject, field: Field, now: number): boolean => {
  const found = kindOf(field)
  switch (found?.kind) {
    case "text":
      return textOf(subject, found.field) !== undefined
    case "span":
      return spanOf(subject, found.field, now) !== undefined
    case "time":
      return timeOf(subject, found.field) !== undefined
    default:
      return scopesOf(subject) !== undefined
  }
}

/** Decides about one key. */
export const evaluate = (selector: Selector, subject: Subject, now: number): Truth => {
  switch (selector.kind) {
    case "and":
      return and(evaluate(selector.left, subject, now), evaluate(selector.right, subject, now))
    case "or":
      return not(and(not(evaluate(selector.left, subject, now)), not(evaluate(selector.right, subject, now))))
    case "not":
      return not(evaluate(selector.operand, subject, now))
    case "text":
      return compareText(textOf(subject, selector.field), selector.operator, selector.value)
    case "oneOf": {
      const text = textOf(subject, selector.field)
      return text === undefined ? undefined : selector.values.includes(text)
    }
    case "scope": {
      const { operator, value } = selector
      return scopesOf(subject)?.some((scope) => (operator === "~" ? fits(value, scope) : scope === value))
    }
    case "span":
      return compare(spanOf(subject, selector.field, now), selector.operator, selector.milliseconds)
    case "time":
      return compare(timeOf(subject, selector.field), selector.operator, selector.epochMilliseconds)
    case "presence":
      return hasValue(subject, selector.field, now) === selector.present
  }
}
