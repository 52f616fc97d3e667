/**
 * What a caller may do: one grant for a tenant, or a pattern of tenants, and one operation, or all.
 *
 * A grant is written `<tenant>:<operation>`. The last colon ends the tenant, so that a tenant's name may hold colons. One
 * `*` in the tenant stands for one or more characters, and a `*` alone for every tenant; a `*` as the operation for every
 * operation. What no grant allows is denied.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/**
 * Names what can be granted: the six operations of a store, rotating its keys, and the inventory of a tenant's keys.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Operation = Schema.Literals(["create", "get", "list", "revoke", "usage", "verify", "rotate", "inventory"])

/**
 * The type of what can be granted.
 *
 * @category models
 * @since 0.1.0
 */
export type Operation = typeof Operation.Type

/**
 * Holds one grant: the tenant or the pattern as it was written, and the operation or `*`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Grant {
  readonly tenant: string
  readonly operation: Operation | "*"
}

const operations: ReadonlySet<string> = new Set(Operation.literals)

const isOperation = (name: string): name is Operation => operations.has(name)

/**
 * Reads a grant; none where the text is not one. Nothing that is not understood allows anything.
 *
 * @category constructors
 * @since 0.1.0
 */
export const parse = (text: string): Option.Option<Grant> => {
  const colon = text.lastIndexOf(":")
  const tenant = text.slice(0, Math.max(colon, 0))
  const operation = text.slice(colon + 1)
  if (tenant === "" || tenant.split("*").length > 2) return Option.none()
  if (operation === "*" || isOperation(operation)) return Option.some({ tenant, operation })
  return Option.none()
}

/**
 * Reads a caller's grants and leaves out what is not one, such as scopes that are meant for other services.
 *
 * @category constructors
 * @since 0.1.0
 */
export const parseAll = (texts: ReadonlyArray<string>): ReadonlyArray<Grant> =>
  texts.flatMap((text) => Option.toArray(parse(text)))

/**
 * Tells whether a grant is about a tenant.
 *
 * @category guards
 * @since 0.1.0
 */
export const covers = ({ tenant: pattern }: Grant, tenant: string): boolean => {
  const [before = "", after] = pattern.split("*")
  if (after === undefined) return pattern === tenant
  return tenant.length > before.length + after.length && tenant.startsWith(before) && tenant.endsWith(after)
}

/**
 * Tells whether any of the grants is about a tenant: whether the caller may know that it exists.
 *
 * @category guards
 * @since 0.1.0
 */
export const sees = (grants: ReadonlyArray<Grant>, tenant: string): boolean =>
  grants.some((grant) => covers(grant, tenant))

/**
 * Tells whether the grants allow an operation on a tenant.
 *
 * @category guards
 * @since 0.1.0
 */
export const allows = (grants: ReadonlyArray<Grant>, tenant: string, operation: Operation): boolean =>
  grants.some((grant) => (grant.operation === "*" || grant.operation === operation) && covers(grant, tenant))

/**
 * Lists the operations that the grants allow on a tenant.
 *
 * @category combinators
 * @since 0.1.0
 */
export const operationsOn = (grants: ReadonlyArray<Grant>, tenant: string): ReadonlyArray<Operation> =>
  Operation.literals.filter((operation) => allows(grants, tenant, operation))
