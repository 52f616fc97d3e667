/**
 * `npm run bench:startup`: whole processes, from their start to their end, beside an empty one. Rounds alternate; the
 * table has medians, and ratios to the empty process of the same run. A number sets the rounds, 21 when omitted. Needs bash,
 * for the processor's time.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { circumstances, describe } from "../measurement/machine.ts"
import { median } from "../measurement/statistics.ts"
import { head, row } from "../measurement/table.ts"
import { programs, type Program } from "./programs.ts"

interface Sample {
  readonly wall: number
  readonly processor: number
}

const timed = 'TIMEFORMAT="%U %S"; time "$@" >/dev/null 2>/dev/null'

const measure = ({ command, environment = {} }: Program, folder: string): Sample => {
  const began = performance.now()
  const { status, stderr } = spawnSync("bash", ["-c", timed, "bash", ...command], {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, XDG_CACHE_HOME: join(folder, "cache"), ...environment }
  })
  const wall = performance.now() - began
  const [user = Number.NaN, system = Number.NaN] = stderr.trim().split(" ").map(Number)
  if (status !== 0) throw new Error(`${command.join(" ")} ended with exit code ${status}`)
  return { wall, processor: (user + system) * 1000 }
}

const show = (name: string, samples: ReadonlyArray<Sample>, empty: ReadonlyArray<Sample>): string => {
  const walls = samples.map(({ wall }) => wall)
  const processor = median(samples.map((sample) => sample.processor))
  const ratio = (value: number, base: number) => `${(value / base).toFixed(2)} ×`
  return row([
    name,
    median(walls).toFixed(0),
    `${Math.min(...walls).toFixed(0)} to ${Math.max(...walls).toFixed(0)}`,
    ratio(median(walls), median(empty.map(({ wall }) => wall))),
    processor.toFixed(0),
    ratio(processor, median(empty.map((sample) => sample.processor)))
  ])
}

const rounds = Number(process.argv[2] ?? 21)
const began = circumstances()
const folder = mkdtempSync(join(tmpdir(), "keyfold-startup-"))
try {
  const compared = programs(folder, dirname(process.execPath))
  const samples = new Map(compared.map(({ name }) => [name, new Array<Sample>()]))
  // The first run of each fills caches of its own: Node's of compiled code, and the system's of files.
  for (const program of compared) measure(program, folder)
  for (let round = 0; round < rounds; round += 1) {
    for (const program of compared) samples.get(program.name)?.push(measure(program, folder))
  }
  const empty = [...samples.values()][0] ?? []
  console.log(`${describe(began)} ${rounds} rounds.\n`)
  console.log(head(["program", "wall, ms", "min to max", "to empty", "CPU, ms", "to empty"]))
  for (const [name, measured] of samples) console.log(show(name, measured, empty))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
