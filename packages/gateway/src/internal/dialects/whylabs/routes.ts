/** Routes: method and path, then Content-Type and Accept. */

/** A route of the protocol. */
export type Route =
  | {
      readonly kind: "v0"
      readonly operation: "create" | "list" | "get" | "revoke"
      readonly organization: string
      readonly keyId: string
      readonly template: string
    }
  | {
      readonly kind: "v1"
      readonly operation: "create" | "list" | "revoke" | "verify"
      readonly template: string
    }
  | { readonly kind: "none"; readonly operation: "unrouted"; readonly template: string }

const none: Route = { kind: "none", operation: "unrouted", template: "/*" }

// A path variable cannot hold any of these.
const segment = "([^/?#&;+]+)"
const v0Keys = new RegExp(`^/v0/organizations/${segment}/api-key$`)
const v0Key = new RegExp(`^/v0/organizations/${segment}/api-key/${segment}$`)

const onCollection = new Map<string, "create" | "list" | "revoke">([
  ["POST", "create"],
  ["GET", "list"],
  ["DELETE", "revoke"]
])

const decoded = (text: string | undefined): string => {
  try {
    return decodeURIComponent(text ?? "")
  } catch {
    return text ?? ""
  }
}

/** Matches method and path. One slash at the end is taken off first, so that a get of an empty id is a list. */
export const match = (method: string, rawPath: string): Route => {
  const path = rawPath.endsWith("/") ? rawPath.slice(0, -1) : rawPath
  const operation = onCollection.get(method)
  const keys = v0Keys.exec(path)
  if (keys !== null && operation !== undefined) {
    const template = "/v0/organizations/{org_id}/api-key"
    return { kind: "v0", operation, organization: decoded(keys[1]), keyId: "", template }
  }
  const key = v0Key.exec(path)
  if (key !== null && method === "GET") {
    const template = "/v0/organizations/{org_id}/api-key/{key_id}"
    return { kind: "v0", operation: "get", organization: decoded(key[1]), keyId: decoded(key[2]), template }
  }
  if (path === "/v1/api-key" && operation !== undefined) return { kind: "v1", operation, template: path }
  if (path === "/v1/api-key/validate" && method === "GET") return { kind: "v1", operation: "verify", template: path }
  return none
}

const mediaTypes = (header: string | null): ReadonlyArray<string> =>
  (header ?? "")
    .split(",")
    .map((item) => (item.split(";")[0] ?? "").trim().toLowerCase())
    .filter((item) => item !== "")

/** Whether Content-Type and Accept let a route match; `application/*` does not. */
export const negotiates = (method: string, headers: Headers): boolean => {
  const [contentType] = mediaTypes(headers.get("content-type"))
  const accepted = mediaTypes(headers.get("accept"))
  const consumes = method === "GET" || contentType === undefined || contentType === "application/json"
  return consumes && (accepted.length === 0 || accepted.includes("application/json") || accepted.includes("*/*"))
}
