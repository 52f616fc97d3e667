/** The versions of what is compared. */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"

const require = createRequire(import.meta.url)

interface Manifest {
  readonly name?: string
  readonly version?: string
}

const read = (path: string): Manifest => JSON.parse(readFileSync(path, "utf8")) as Manifest

/** The version of a package as this folder finds it; its manifest may not be exported. */
const versionOf = (name: string): string => {
  for (const folder of require.resolve.paths(name) ?? []) {
    try {
      const { version } = read(join(folder, name, "package.json"))
      if (version !== undefined) return version
    } catch {
      // The next folder may have it.
    }
  }
  return "unknown"
}

const compared = [
  "undici",
  "ky",
  "axios",
  "openapi-fetch",
  "effect",
  "@effect/platform-node",
  "openai",
  "@unkey/api",
  "@workos-inc/node"
]

/** All of them, Keyfold's own first. */
export const versions = (): Readonly<Record<string, string>> => ({
  keyfold: read(join(dirname(import.meta.dirname), "../../packages/core/package.json")).version ?? "unknown",
  ...Object.fromEntries(compared.map((name) => [name, versionOf(name)]))
})
