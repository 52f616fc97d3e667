/** Which methods a path has, for those who used another. */
import { api } from "./contract.ts"

interface Path {
  readonly method: string
  readonly pattern: RegExp
}

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")

const patternOf = (path: string): RegExp => {
  const parts = path.split("/").map((part) => (part.startsWith(":") ? "[^/]+" : part === "*" ? ".*" : escape(part)))
  return new RegExp(`^${parts.join("/")}/?$`)
}

/** The paths of the neutral API and others, by method. */
export const make = (others: ReadonlyArray<{ readonly method: string; readonly path: string }>) => {
  const endpoints = Object.values(api.groups).flatMap((group) => Object.values(group.endpoints))
  const paths: ReadonlyArray<Path> = [...endpoints, ...others].map(({ method, path }) => ({
    method,
    pattern: patternOf(path)
  }))
  return (path: string): ReadonlyArray<string> => {
    const methods = new Set(paths.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method))
    return [...methods, ...(methods.has("GET") ? ["HEAD"] : [])].toSorted()
  }
}

/** Tells which methods a path has; none where there is nothing. */
export type Methods = ReturnType<typeof make>
