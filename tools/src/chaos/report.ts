/** The findings as tables, for a terminal and for `docs/faults.md` alike. */
import { latest } from "./backend.ts"
import type { Findings } from "./campaign.ts"
import { guards } from "./guards.ts"
import type { Sum } from "./sum.ts"
import { section, table, type Circumstances, type Row } from "./tables.ts"
import { total } from "./tally.ts"
import type { Damage } from "./truth.ts"

const damageOf = ({ duplicates, ghosts, orphans }: Damage): Row => [duplicates, orphans, ghosts].map(String)

const damageHead = ["duplicate live keys", "live keys without a holder", "holders without a live key"]

/** Holders without a live key too, set apart: see "Scaled time" in the page. */
const overrunHead = "and whose delivery outlived its lease"

const minutes = (milliseconds: number): string => `${(milliseconds / 60_000).toFixed(1)} min`

const mainTable = (sums: ReadonlyArray<Sum>) =>
  table(
    ["backend", "operations", "create calls", "keys made", "live at the end", ...damageHead, overrunHead, "time"],
    sums.map((sum) => [
      sum.backend,
      String(sum.operations),
      String(total(sum.creates)),
      String(sum.made),
      String(sum.live),
      ...damageOf(sum),
      String(sum.overrun),
      minutes(sum.milliseconds)
    ])
  )

const processTable = (sums: ReadonlyArray<Sum>) =>
  table(
    ["backend", "killed (`kill -9`)", "ended without finalizers", "stopped beyond its lease", "recoveries asked"],
    sums.map(({ abandoned, backend, kills, recoveries, stops }) =>
      [backend, total(kills), abandoned, total(stops), total(recoveries)].map(String)
    )
  )

const endTable = (sums: ReadonlyArray<Sum>) =>
  table(
    ["backend", "delivered", "abandoned", "still open", "chains", "entries", "latest commit, of the settle bound"],
    sums.map(({ backend, entries, isIntact, latest, states, unsettled }) => [
      backend,
      String(states.get("delivered") ?? 0),
      String(states.get("abandoned") ?? 0),
      String(unsettled),
      isIntact ? "intact" : "BROKEN",
      String(entries),
      latest === 0 ? "-" : latest.toFixed(2)
    ])
  )

/** Rows of counters by name, a column per backend. */
const countTable = (
  first: string,
  sums: ReadonlyArray<Sum>,
  countsOf: (sum: Sum) => ReadonlyMap<string, number>
): ReadonlyArray<string> => {
  const names = [...new Set(sums.flatMap((sum) => [...countsOf(sum).keys()]))].toSorted()
  return table(
    [first, ...sums.map(({ backend }) => backend)],
    names.map((name) => [name, ...sums.map((sum) => String(countsOf(sum).get(name) ?? 0))])
  )
}

const short = (damage: Damage): string => damageOf(damage).join(" / ")

const guardTable = ({ guards: rows }: Findings) =>
  table(
    ["guard", "backend", "operations", "with it", "without it", "what is gone without it"],
    rows.map((row) => [
      guards[row.guard].title,
      row.backend,
      String(row.operations),
      short(row.with),
      short(row.without),
      guards[row.guard].without
    ])
  )

const naiveTable = ({ naive }: Findings) =>
  table(
    ["backend", "client", "operations", "keys made", "duplicate live keys", "live keys without a holder"],
    naive.map(({ backend, client, duplicates, made, operations, orphans }) => [
      backend,
      client,
      String(operations),
      String(made),
      String(duplicates),
      String(orphans)
    ])
  )

const preamble = (circumstances: Circumstances, findings: Findings): ReadonlyArray<string> => [
  `Command: \`${circumstances.command}\`. Seed ${circumstances.seed}. Every time is divided by ${circumstances.factor}.`,
  `${circumstances.date}, ${circumstances.machine}, ${circumstances.versions}; ${findings.minutes.toFixed(1)} minutes.`
]

/** Writes all tables. */
export const report = (circumstances: Circumstances, findings: Findings): ReadonlyArray<string> => {
  const { sums } = findings
  return [
    ...preamble(circumstances, findings),
    ...section("What is left after convergence", mainTable(sums)),
    ...section("Processes", processTable(sums)),
    ...section(
      "Kills by point",
      countTable("point", sums, ({ kills }) => kills)
    ),
    ...section(
      "How create calls ended",
      countTable("end", sums, ({ creates }) => creates)
    ),
    ...section(
      `Creates that met a fault, by kind (a request commits at most ${latest / 1000} s late)`,
      countTable("fault", sums, ({ lost }) => lost)
    ),
    ...section(
      "Other requests that met a fault",
      countTable(
        "fault",
        sums.filter(({ otherLost }) => otherLost.size > 0),
        ({ otherLost }) => otherLost
      )
    ),
    ...section("Journals", endTable(sums)),
    ...(findings.guards.length === 0
      ? []
      : section("Guards taken away in turn (duplicates / without a holder / without a key)", guardTable(findings))),
    ...(findings.naive.length === 0 ? [] : section("Naive clients under the same faults", naiveTable(findings)))
  ]
}
