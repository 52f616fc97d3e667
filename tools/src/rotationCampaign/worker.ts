/** The entry of a worker process: takes a guard away where it is told to, then begins work. */
import { changeSources } from "../chaos/guards.ts"
import { guardNames, guards } from "./guards.ts"

const removed = guardNames.find((name) => name === process.argv[2])
if (removed !== undefined) changeSources(guards[removed].changes)

const { work } = await import("./work.ts")
work()
