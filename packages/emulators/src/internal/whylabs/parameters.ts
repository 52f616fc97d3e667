/** Binding of query parameters. */
import { micronaut, Refusal } from "./answers.ts"

const javaLong = { smallest: -(2n ** 63n), largest: 2n ** 63n - 1n }

/** Reads a required parameter, present but empty included. */
export const required = (query: URLSearchParams, name: string, href: string): string => {
  const value = query.get(name)
  if (value === null) {
    throw new Refusal(micronaut(400, `Required QueryValue [${name}] not specified`, href, `/${name}`))
  }
  return value
}

/** Reads `expiration_time` strictly: a decimal integer, or absent; empty counts as absent. */
export const expirationTime = (query: URLSearchParams, href: string): bigint | undefined => {
  const value = query.get("expiration_time")
  if (value === null || value === "") return undefined
  const number = /^[+-]?\d+$/.test(value) ? BigInt(value.replace(/^\+/, "")) : undefined
  if (number !== undefined && number >= javaLong.smallest && number <= javaLong.largest) return number
  const problem = `Failed to convert argument [expiration_time] for value [${value}] due to: For input string: "${value}"`
  throw new Refusal(micronaut(400, problem, href, "/expiration_time"))
}

/** Reads the set of scopes: a single value is split at commas, repeated values are taken as they are. */
export const scopes = (query: URLSearchParams): ReadonlyArray<string> | undefined => {
  const values = query.getAll("scopes")
  if (values.length === 0) return undefined
  const [first = ""] = values
  return [...new Set(values.length === 1 ? first.split(",") : values)]
}
