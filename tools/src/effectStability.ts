/** Reads effect's own `@stability` tags from its declaration files. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** Tells whether an effect module, or one export of it, is tagged other than stable. */
export interface EffectStability {
  readonly isUnstable: (module: string, name?: string) => boolean
}

const documented =
  /\/\*\*((?:(?!\*\/)[^])*)\*\/\s*export (?:declare )?(?:abstract )?(?:const|function|class|interface|type|namespace) (\w+)/g

const unstableExports = (text: string): ReadonlySet<string> => {
  const stable = new Set<string>()
  const unstable = new Set<string>()
  for (const [, comment = "", name = ""] of text.matchAll(documented)) {
    const tag = /@stability (\w+)/.exec(comment)?.[1]
    if (tag !== undefined) (tag === "stable" ? stable : unstable).add(name)
  }
  return new Set([...unstable].filter((name) => !stable.has(name)))
}

/** Makes the lookup over the effect installed under `root`. A barrel such as `effect/http` counts as unstable. */
export const readEffectStability = (root: string): EffectStability => {
  const modules = new Map<string, { readonly unstable: boolean; readonly exports: ReadonlySet<string> }>()
  const read = (module: string) => {
    const file = join(root, "node_modules/effect/dist", `${module}.d.ts`)
    const text = existsSync(file) ? readFileSync(file, "utf8") : ""
    return { unstable: !text.includes("@stability stable"), exports: unstableExports(text) }
  }
  return {
    isUnstable: (module, name) => {
      const known = modules.get(module) ?? read(module)
      modules.set(module, known)
      return known.unstable || (name !== undefined && known.exports.has(name))
    }
  }
}
