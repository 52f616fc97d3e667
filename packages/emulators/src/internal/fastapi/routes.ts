/** Routing as Starlette does it: exact slashes, decoded paths, method second, redirect last. */

/** One operation: a method on a path whose `{id}` stands for one segment. */
export interface Route<Operation extends string> {
  readonly operation: Operation
  readonly method: string
  readonly path: string
}

/** What a request's method and path lead to. */
export type Match<Operation extends string> =
  | { readonly kind: "matched"; readonly operation: Operation; readonly id: string }
  | { readonly kind: "wrongMethod"; readonly allow: string }
  | { readonly kind: "wrongSlash"; readonly path: string }
  | { readonly kind: "unknown" }

/** Matches a method and an undecoded path. */
export type Matcher<Operation extends string> = (method: string, path: string) => Match<Operation>

const decode = (path: string): string => {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

const flipSlash = (path: string) => (path.endsWith("/") ? path.slice(0, -1) : `${path}/`)

/** Makes a matcher; the first route of a path names the method in `Allow`. */
export const makeMatcher = <Operation extends string>(routes: ReadonlyArray<Route<Operation>>): Matcher<Operation> => {
  const compiled = routes.map((route) => ({
    ...route,
    pattern: new RegExp(`^${route.path.replace("{id}", "([^/]+)")}$`)
  }))
  return (method, path) => {
    // Decoded before matching, so that an encoded slash splits a segment.
    const decodedPath = decode(path)
    const onPath = compiled.filter((route) => route.pattern.test(decodedPath))
    const route = onPath.find((candidate) => candidate.method === method)
    if (route !== undefined) {
      return { kind: "matched", operation: route.operation, id: route.pattern.exec(decodedPath)?.[1] ?? "" }
    }
    const [first] = onPath
    if (first !== undefined) return { kind: "wrongMethod", allow: first.method }
    const flipped = flipSlash(decodedPath)
    const exists = decodedPath !== "/" && compiled.some((candidate) => candidate.pattern.test(flipped))
    return exists ? { kind: "wrongSlash", path: flipSlash(path) } : { kind: "unknown" }
  }
}

/** Builds the absolute address of a slash redirect; behind a proxy the server may believe in the wrong scheme. */
export const redirectTarget = (url: URL, path: string, scheme: "asSeen" | "http"): string => {
  const target = new URL(url)
  target.pathname = path
  if (scheme === "http") target.protocol = "http:"
  return target.href
}
