/** Node's compile cache, in a folder of the user's own. */
import { mkdirSync, statSync } from "node:fs"
import { enableCompileCache } from "node:module"
import { homedir } from "node:os"
import { isAbsolute, join } from "node:path"

type Environment = Readonly<Record<string, string | undefined>>

/** Names the folder, by the custom of each platform. */
export const cacheFolder = (platform: NodeJS.Platform, environment: Environment, home: string): string => {
  const { LOCALAPPDATA: local = "", XDG_CACHE_HOME: xdg = "" } = environment
  if (platform === "win32") return join(isAbsolute(local) ? local : join(home, "AppData", "Local"), "keyfold", "Cache")
  if (platform === "darwin") return join(home, "Library", "Caches", "keyfold")
  return join(isAbsolute(xdg) ? xdg : join(home, ".cache"), "keyfold")
}

/**
 * Tells whether only this user can write there. What lies in the cache is run, and this program holds secrets: nobody else
 * may put anything there, such as in the folder that Node would choose, a known name below `/tmp`.
 */
export const isOwn = (folder: string): boolean => {
  if (process.getuid === undefined) return true
  const { mode, uid } = statSync(folder)
  return uid === process.getuid() && (mode & 0o022) === 0
}

/**
 * Lets Node keep the code that it compiles, unless `NODE_COMPILE_CACHE` names another place or `NODE_DISABLE_COMPILE_CACHE`
 * forbids it. The command does without where there is no place for it.
 */
export const keepCompiledCode = (environment: Environment): void => {
  const { NODE_COMPILE_CACHE: chosen = "", NODE_DISABLE_COMPILE_CACHE: forbidden = "" } = environment
  if (chosen !== "" || forbidden !== "") return
  try {
    const folder = cacheFolder(process.platform, environment, homedir())
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    if (isOwn(folder)) enableCompileCache(folder)
  } catch {
    // A home that is missing or cannot be written to.
  }
}
