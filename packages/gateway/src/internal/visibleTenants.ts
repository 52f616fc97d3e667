/** Which tenants a caller may know of. */
import type { Source } from "@keyfold/core/KeyStores"
import * as Grant from "../Grant.ts"
import type * as wire from "./wire.ts"

type Tenant = typeof wire.Tenant.Type

const isPattern = (name: string): boolean => name.includes("*")

/** Tenants that grants name one by one. */
const namedIn = (grants: ReadonlyArray<Grant.Grant>): ReadonlyArray<string> =>
  grants.map(({ tenant }) => tenant).filter((tenant) => !isPattern(tenant))

/** The tenants of all sources that the grants are about. Of a pattern's tenants only those are known that grants name. */
export const visible = (sources: ReadonlyArray<Source>, grants: ReadonlyArray<Grant.Grant>): ReadonlyArray<Tenant> => {
  const found = new Map<string, Tenant>()
  const named = namedIn(grants)
  for (const { backend, serves, tenants } of sources) {
    const candidates = tenants.flatMap((name) => (isPattern(name) ? named.filter((tenant) => serves(tenant)) : [name]))
    for (const tenant of candidates.filter((name) => Grant.sees(grants, name))) {
      found.set(tenant, { tenant, backend, operations: Grant.operationsOn(grants, tenant) })
    }
  }
  return [...found.values()].toSorted((left, right) => (left.tenant < right.tenant ? -1 : 1))
}

const both = (left: string, right: string): boolean => left.startsWith(right) || right.startsWith(left)

/** Whether a tenant may fit two patterns: what stands before and after the asterisk of both can be the same text's. */
const mayMeet = (one: string, other: string): boolean => {
  const [before = "", after = ""] = one.split("*")
  const [otherBefore = "", otherAfter = ""] = other.split("*")
  const reversed = (text: string) => [...text].toReversed().join("")
  return both(before, otherBefore) && both(reversed(after), reversed(otherAfter))
}

/** A source that a caller may take inventory of, and the tenants there that it is known to see. */
export interface Inventoried {
  readonly source: Source
  readonly tenants: ReadonlyArray<string>
}

/**
 * The sources that hold keys a caller may take inventory of, and whose they are. Keys of nobody are for those who may see
 * every tenant.
 */
export const inventoried = (sources: ReadonlyArray<Source>, grants: ReadonlyArray<Grant.Grant>) => {
  const own = grants.filter(({ operation }) => operation === "*" || operation === "inventory")
  const patterns = own.map(({ tenant }) => tenant).filter(isPattern)
  const seesAll = own.some(({ tenant }) => tenant === "*")
  const only = (tenant: string | undefined): boolean => (tenant === undefined ? seesAll : Grant.sees(own, tenant))
  const found = sources.flatMap((source): ReadonlyArray<Inventoried> => {
    const tenants = visible([source], own).map(({ tenant }) => tenant)
    const mayHold = source.tenants.filter(isPattern).some((one) => patterns.some((other) => mayMeet(one, other)))
    return seesAll || mayHold || tenants.length > 0 ? [{ source, tenants }] : []
  })
  return { found, only }
}
