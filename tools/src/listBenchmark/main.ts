/**
 * `npm run bench:lists`: reads lists of growing length through a store and beside it as one text, each in a process of
 * its own, and prints when the first key came, the throughput, and the most resident memory. Numbers choose the lengths.
 */
import { parseArgs } from "node:util"
import { lengths, readLists } from "./lists.ts"
import { listsTable } from "./listsTable.ts"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "3" } }
})

const chosen = positionals.map(Number)
console.log(listsTable(await readLists(chosen.length === 0 ? lengths : chosen, Number(values.rounds))))
