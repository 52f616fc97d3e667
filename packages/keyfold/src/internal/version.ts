/** The version of this package, read without loading anything else. */
import { readFileSync } from "node:fs"

/** Returns the version that package.json states. */
export const version = (): string => {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"))
  return typeof manifest === "object" && manifest !== null && "version" in manifest
    ? String(manifest.version)
    : "unknown"
}
