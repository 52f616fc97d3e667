/** The entry of a worker process: takes a guard away where it is told to, then begins work. */
import { changeSources } from "../chaos/guards.ts"
import { guardNames, guards } from "./guards.ts"

const [asked] = process.argv.slice(2)
const removed = guardNames.find((name) => name === asked)
if (removed !== undefined) changeSources(guards[removed].changes)

const { work } = await import("./work.ts")
// Compiled sources are kept by a process that ends in order, and no other worker does.
if (asked === "warm-up") await import("@effect/sql-pg/PgClient")
else work()
