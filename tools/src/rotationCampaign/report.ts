/** The findings as tables, for a terminal and for `docs/rotation-faults.md` alike. */
import type { BackendName } from "../chaos/backend.ts"
import { section, table, type Circumstances, type Row } from "../chaos/tables.ts"
import { endsOf, type Findings } from "./campaign.ts"
import type { Fate } from "./crew.ts"
import { guards } from "./guards.ts"
import type { Damage } from "./judge.ts"
import type { EngineName, Outcome } from "./round.ts"

const damageHead = [
  "holders without a working key",
  "untracked live keys",
  "rotations that did not end",
  "old keys revoked early"
]

const damageOf = ({ early, outages, unended, untracked }: Damage): Row =>
  [outages, untracked, unended, early].map(String)

type Outcomes = ReadonlyArray<Outcome>

const sum = (outcomes: Outcomes, of: (outcome: Outcome) => number): number =>
  outcomes.reduce((total, outcome) => total + of(outcome), 0)

interface Group {
  readonly backend: BackendName
  readonly engine: EngineName
  readonly outcomes: Outcomes
}

const groupsOf = (outcomes: Outcomes): ReadonlyArray<Group> => {
  const groups = Map.groupBy(outcomes, ({ backend, engine }) => `${backend}/${engine}`)
  return [...groups.values()].flatMap((outcomes) => {
    const [first] = outcomes
    return first === undefined ? [] : [{ backend: first.backend, engine: first.engine, outcomes }]
  })
}

const added = (outcomes: Outcomes): Damage => ({
  outages: sum(outcomes, ({ outages }) => outages),
  untracked: sum(outcomes, ({ untracked }) => untracked),
  unended: sum(outcomes, ({ unended }) => unended),
  early: sum(outcomes, ({ early }) => early)
})

const statuses = ["done", "undone", "needsAttention"]

const endTable = (groups: ReadonlyArray<Group>) =>
  table(
    ["backend", "engine", "rotations", "done", "undone", "need attention", ...damageHead],
    groups.map(({ backend, engine, outcomes }) => [
      backend,
      engine,
      String(sum(outcomes, ({ runs }) => runs)),
      ...statuses.map((name) => String(sum(outcomes, (outcome) => outcome.statuses.get(name) ?? 0))),
      ...damageOf(added(outcomes))
    ])
  )

const byFate = (outcomes: Outcomes, fate: Fate): Row => {
  const own = outcomes.filter((outcome) => outcome.fate === fate)
  const rotations = sum(own, ({ runs }) => runs)
  const ends = sum(own, ({ ended }) => [...ended.values()].reduce((total, times) => total + times, 0))
  return [String(rotations), String(ends), String(sum(own, ({ endedProcesses }) => endedProcesses))]
}

const processTable = (groups: ReadonlyArray<Group>) =>
  table(
    [
      "backend",
      "engine",
      ...["killed (`kill -9`)", "ended without finalizers", "stopped and continued"].flatMap((how) => [
        `${how}: rotations`,
        "points",
        "processes"
      ]),
      "asked to go on"
    ],
    groups.map(({ backend, engine, outcomes }) => [
      backend,
      engine,
      ...byFate(outcomes, "kill"),
      ...byFate(outcomes, "exit"),
      ...byFate(outcomes, "stop"),
      String(sum(outcomes, ({ asked }) => asked))
    ])
  )

const proberTable = (groups: ReadonlyArray<Group>) =>
  table(
    ["backend", "engine", "holders compared with the backend", "secrets tried at its door", "time of all rounds"],
    groups.map(({ backend, engine, outcomes }) => [
      backend,
      engine,
      String(sum(outcomes, ({ looks }) => looks)),
      String(sum(outcomes, ({ knocks }) => knocks)),
      `${(sum(outcomes, ({ milliseconds }) => milliseconds) / 60_000).toFixed(1)} min`
    ])
  )

const pointTable = (outcomes: Outcomes) => {
  const backends = [...new Set(outcomes.map(({ backend }) => backend))]
  const ends = backends.map((backend) => endsOf(outcomes, backend))
  const points = [...new Set(ends.flatMap((one) => [...one.keys()]))]
  return table(
    ["point", ...backends],
    [
      ...points.map((point) => [point, ...ends.map((one) => String(one.get(point) ?? "-"))]),
      ["**fewest**", ...ends.map((one) => String(Math.min(...one.values())))]
    ]
  )
}

const guardTable = ({ guards: rows }: Findings) =>
  table(
    ["guard", "backend", "rotations", "with it", "without it", "what is gone without it"],
    rows.map((row) => [
      guards[row.guard].title,
      row.backend,
      String(row.runs),
      row.with === undefined ? "-" : damageOf(row.with).join(" / "),
      damageOf(row.without).join(" / "),
      guards[row.guard].without
    ])
  )

/** Writes all tables. */
export const report = (circumstances: Circumstances, findings: Findings): ReadonlyArray<string> => {
  const { outcomes } = findings
  const groups = groupsOf(outcomes)
  const { command, date, factor, machine, seed, versions } = circumstances
  return [
    `Command: \`${command}\`. Seed ${seed}. Every time is divided by ${factor}.`,
    `${date}, ${machine}, ${versions}; ${findings.minutes.toFixed(1)} minutes.`,
    ...section("How the rotations ended", endTable(groups)),
    ...section("How their processes ended", processTable(groups)),
    ...section("The prober", proberTable(groups)),
    ...section("Ends of a process by point (killed and without finalizers, both engines)", pointTable(outcomes)),
    ...(findings.guards.length === 0
      ? []
      : section(
          "Guards taken away in turn (without a working key / untracked / did not end / revoked early)",
          guardTable(findings)
        ))
  ]
}
