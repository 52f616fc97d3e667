/**
 * Builds the package in the current folder: removes `dist`, so that a deleted source leaves nothing behind, compiles,
 * marks pure calls for bundlers, and bundles the command where it is the package of one.
 */
import { spawnSync } from "node:child_process"
import { globSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import { readJson, type Manifest } from "../workspace.ts"
import { bundleCommand } from "./commandBundle.ts"
import { markFile } from "./pureCalls.ts"

const folder = process.cwd()
const typescript = createRequire(import.meta.url).resolve("typescript/package.json")
const tsc = join(typescript, "../bin/tsc")

rmSync("dist", { recursive: true, force: true })
const { status } = spawnSync(process.execPath, [tsc, "-b"], { stdio: "inherit" })
if (status === 0) {
  for (const path of globSync("dist/**/*.js")) markFile(path)
  if (readJson<Manifest>(join(folder, "package.json")).name === "keyfold") await bundleCommand(folder)
} else {
  process.exitCode = 1
}
