/** The entry of a worker process: takes a guard away where it is told to, then begins work. */
import { guardNames, removeGuard } from "./guards.ts"

const removed = guardNames.find((name) => name === process.argv[2])
if (removed !== undefined) removeGuard(removed)

const { begin } = await import("./work.ts")
begin()
