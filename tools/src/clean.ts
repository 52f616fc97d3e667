/** Removes `dist` of the package in the current folder, so that a deleted source leaves no stale output behind. */
import { rmSync } from "node:fs"

rmSync("dist", { recursive: true, force: true })
