/** Route matching: path and method, then Content-Type and Accept. */

/** An operation of either dialect. */
export type Operation = "create" | "get" | "list" | "revoke" | "verify"

/** A matched route. */
export type Route =
  | {
      readonly dialect: "v0"
      readonly operation: Exclude<Operation, "verify">
      readonly organization: string
      readonly keyId: string
    }
  | { readonly dialect: "v1"; readonly operation: Exclude<Operation, "get"> }

// A path variable cannot contain any of these; `/`, `?` and `#` end it, `&`, `;` and `+` keep the route from matching.
const segment = "([^/?#&;+]+)"
const v0Keys = new RegExp(`^/v0/organizations/${segment}/api-key$`)
const v0Key = new RegExp(`^/v0/organizations/${segment}/api-key/${segment}$`)
const collection = new Map<string, "create" | "list" | "revoke">([
  ["POST", "create"],
  ["GET", "list"],
  ["DELETE", "revoke"]
])

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Matches method and path; the framework strips one trailing slash first, so that a get of an empty id is a list. */
export const matchPath = (method: string, rawPath: string): Route | undefined => {
  const path = rawPath.endsWith("/") ? rawPath.slice(0, -1) : rawPath
  const onCollection = collection.get(method)
  const keys = v0Keys.exec(path)
  if (keys !== null && onCollection !== undefined) {
    return { dialect: "v0", operation: onCollection, organization: decode(keys[1] ?? ""), keyId: "" }
  }
  const key = v0Key.exec(path)
  if (key !== null && method === "GET") {
    return { dialect: "v0", operation: "get", organization: decode(key[1] ?? ""), keyId: decode(key[2] ?? "") }
  }
  if (path === "/v1/api-key" && onCollection !== undefined) return { dialect: "v1", operation: onCollection }
  if (path === "/v1/api-key/validate" && method === "GET") return { dialect: "v1", operation: "verify" }
  return undefined
}

const mediaTypes = (header: string): ReadonlyArray<string> =>
  header.split(",").map((item) => (item.split(";")[0] ?? "").trim().toLowerCase())

/** Whether the Accept header lists a media type; parameters are ignored. */
export const acceptLists = (headers: Headers, mediaType: string): boolean =>
  mediaTypes(headers.get("accept") ?? "").includes(mediaType)

/** Whether Content-Type and Accept let the route match; `application/*` in Accept does not. */
export const negotiates = (method: string, headers: Headers): boolean => {
  const contentType = headers.get("content-type") ?? ""
  const consumes = method === "GET" || contentType === "" || mediaTypes(contentType)[0] === "application/json"
  const produces =
    (headers.get("accept") ?? "") === "" || acceptLists(headers, "application/json") || acceptLists(headers, "*/*")
  return consumes && produces
}
