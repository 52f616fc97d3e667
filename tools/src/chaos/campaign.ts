/** The campaign: every backend under every fault, each guard taken away in turn, and clients that have none. */
import * as Faults from "@keyfold/emulators/Faults"
import type { BackendName } from "./backend.ts"
import { drawsOf } from "./draws.ts"
import { isEmulated } from "./emulated.ts"
import { guardNames, type GuardName } from "./guards.ts"
import { together, type Job } from "./jobs.ts"
import { clientNames, runNaive, type Naive } from "./naive.ts"
import type { Shape } from "./plan.ts"
import type { Postgres } from "./postgres.ts"
import { runRound, type Outcome, type RoundOptions } from "./round.ts"
import { realNow } from "./scale.ts"
import { sumOf, type Sum } from "./sum.ts"
import type { Damage } from "./truth.ts"

/** What a campaign is made from. */
export interface Options {
  readonly seed: number
  readonly factor: number
  readonly backends: ReadonlyArray<BackendName>
  /** Operations per backend, per round, per run of a guard, and per naive client. */
  readonly operations: number
  readonly round: number
  readonly guardOperations: number
  readonly naiveOperations: number
  /** Every guard on one backend, or on every emulated one. */
  readonly guardsEverywhere: boolean
  /** A guard to run the campaign itself without: it must then report damage. */
  readonly without: GuardName | undefined
  /** Rounds that run at once. */
  readonly jobs: number
  /** When no further round is begun, in the machine's milliseconds. */
  readonly deadline: number
  readonly cache: string
  readonly folder: string
  readonly postgres: Postgres | undefined
  readonly say: (line: string) => void
}

/** A guard's two runs on one backend. */
export interface GuardRow {
  readonly guard: GuardName
  readonly backend: BackendName
  readonly operations: number
  readonly with: Damage
  readonly without: Damage
}

/** What a campaign found. */
export interface Findings {
  readonly sums: ReadonlyArray<Sum>
  readonly guards: ReadonlyArray<GuardRow>
  readonly naive: ReadonlyArray<Naive>
  readonly minutes: number
}

/** Everything that can befall an operation, for so many of them. */
const everything = (backend: BackendName, operations: number): Shape => ({
  backend,
  operations,
  kills: 8 + Math.floor(operations / 100),
  exits: 2 + Math.floor(operations / 200),
  stops: 2 + Math.floor(operations / 200),
  contested: 0.12,
  interrupted: 0.04,
  isMortal: true,
  everyFault: true
})

/** Processes that live, so that the damage of a missing guard is its own. */
const calm = (backend: BackendName, operations: number, contested: number): Shape => ({
  ...everything(backend, operations),
  kills: 0,
  exits: 0,
  stops: 0,
  contested,
  interrupted: 0,
  isMortal: false,
  everyFault: false
})

type Scene = Pick<RoundOptions, "shape" | "mix" | "convergence" | "slow">

/** Without a final sweep, which would hide what the guard is there for; the journal's own run needs kills. */
const sceneOf = (guard: GuardName, backend: BackendName, operations: number): Scene => {
  const watched = { convergence: "watches" } as const
  const lossy: Faults.Mix = { none: 3, resetAfter: 1, abandoned: 1, late: 1 }
  if (guard === "nonce") {
    return { ...watched, shape: calm(backend, operations, 0.2), mix: { none: 2, resetAfter: 1 } }
  }
  if (guard === "settle") return { ...watched, shape: calm(backend, operations, 0), mix: lossy }
  // Answers that are late and still in time, so that the second process comes while the first one waits.
  const slow = [2_000, 8_000] as const
  if (guard === "lease") return { ...watched, shape: calm(backend, operations, 1), mix: { none: 1, slow: 5 }, slow }
  return { convergence: "recover", shape: { ...everything(backend, operations), exits: 0, stops: 0 }, mix: lossy }
}

const shared = (options: Options): Omit<RoundOptions, keyof Scene | "seed" | "workshop"> => ({
  factor: options.factor,
  concurrency: 6,
  postgres: options.postgres,
  journalInPostgres: false,
  folder: options.folder
})

const describe = ({ audit, milliseconds, tally, truth }: Outcome): string => {
  const damage = `${truth.duplicates} duplicates, ${truth.orphans} without a holder, ${truth.ghosts} without a key`
  const kills = [...tally.kills.values()].reduce((sum, one) => sum + one, 0)
  const late = truth.overrun === 0 ? "" : `, ${truth.overrun} left by a delivery that outlived its lease`
  const chain = audit.intact ? "" : ", the journal's chain is broken"
  return `${truth.live} live keys, ${kills} kills, ${damage}${late}${chain}, ${(milliseconds / 1000).toFixed(1)} s`
}

const sizes = (operations: number, round: number): ReadonlyArray<number> =>
  Array.from({ length: Math.ceil(operations / round) }, (_, index) => Math.min(round, operations - index * round))

interface Played {
  readonly backend: BackendName
  readonly outcome: Outcome
}

const remark = ({ say }: Options, { tally, truth }: Outcome): void => {
  for (const line of [...truth.details, ...tally.remarks]) say(`  ${line}`)
}

const roundJobs = (options: Options, backend: BackendName): ReadonlyArray<Job<Played | undefined>> => {
  const { cache, deadline, operations, round, say, seed, without } = options
  return sizes(operations, round).map((size, index) => async () => {
    if (realNow() > deadline) return undefined
    // PostgreSQL keeps the journal too where it keeps the keys, and now and then elsewhere.
    const journalInPostgres = backend === "postgres" || (backend === "arthur" && index % 5 === 1)
    const outcome = await runRound({
      ...shared(options),
      journalInPostgres,
      // One store's entries are one chain: its writers wait for each other, over the wire too, on time that runs fast.
      concurrency: journalInPostgres ? 2 : 6,
      seed: drawsOf(seed).whole("round", backend, index),
      shape: everything(backend, size),
      mix: Faults.mixes.everything,
      convergence: "recover",
      workshop: { cache, without }
    })
    say(`${backend} round ${index + 1}: ${describe(outcome)}`)
    remark(options, outcome)
    return { backend, outcome }
  })
}

interface GuardRun {
  readonly guard: GuardName
  readonly backend: BackendName
  readonly without: boolean
  readonly damage: Damage
}

const guardJob = (options: Options, guard: GuardName, backend: BackendName, without: boolean): Job<GuardRun> => {
  const { cache, guardOperations, say, seed } = options
  return async () => {
    const outcome = await runRound({
      ...shared(options),
      ...sceneOf(guard, backend, guardOperations),
      seed: drawsOf(seed).whole("guard", guard, backend),
      workshop: { cache, without: without ? guard : undefined }
    })
    say(`${guard} on ${backend}, ${without ? "without" : "with"} it: ${describe(outcome)}`)
    if (!without) remark(options, outcome)
    return { guard, backend, without, damage: outcome.truth }
  }
}

const emulatedOf = ({ backends }: Options) => backends.filter(isEmulated)

/** Where a guard is taken away when it is taken away only once. */
const onceOn: Readonly<Record<GuardName, BackendName>> = {
  nonce: "arthur",
  settle: "whylabs-v1",
  lease: "occam",
  journal: "whylabs-v0"
}

const guardJobs = (options: Options): ReadonlyArray<Job<GuardRun>> => {
  const backends = emulatedOf(options)
  if (options.guardOperations === 0 || backends.length === 0) return []
  return guardNames.flatMap((guard) =>
    backends
      .filter((backend) => options.guardsEverywhere || backend === onceOn[guard])
      .flatMap((backend) => [false, true].map((without) => guardJob(options, guard, backend, without)))
  )
}

const rowsOf = (runs: ReadonlyArray<GuardRun>, operations: number): ReadonlyArray<GuardRow> =>
  runs.flatMap(({ backend, damage, guard, without }) => {
    if (without) return []
    const other = runs.find((run) => run.without && run.guard === guard && run.backend === backend)
    return other === undefined ? [] : [{ guard, backend, operations, with: damage, without: other.damage }]
  })

const naiveJobs = (options: Options): ReadonlyArray<Job<Naive>> => {
  const { factor, naiveOperations: operations, say, seed } = options
  if (operations === 0) return []
  return emulatedOf(options).flatMap((backend) =>
    clientNames.map((client) => async () => {
      const naive = await runNaive(backend, client, {
        seed: drawsOf(seed).whole("round", backend, 0),
        factor,
        mix: Faults.mixes.everything,
        operations,
        concurrency: 12
      })
      say(`${client} on ${backend}: ${naive.duplicates} duplicates, ${naive.orphans} without a holder`)
      return naive
    })
  )
}

/** Runs a campaign. */
export const runCampaign = async (options: Options): Promise<Findings> => {
  const { backends, jobs, postgres } = options
  const began = realNow()
  const present = backends.filter((backend) => backend !== "postgres" || postgres !== undefined)
  const played = await together(
    jobs,
    present.flatMap((backend) => roundJobs(options, backend))
  )
  const runs = await together(jobs, guardJobs(options))
  const naive = await together(jobs * 2, naiveJobs(options))
  const sums = present.map((backend) =>
    sumOf(
      backend,
      played.flatMap((found) => (found?.backend === backend ? [found.outcome] : []))
    )
  )
  return { sums, guards: rowsOf(runs, options.guardOperations), naive, minutes: (realNow() - began) / 60_000 }
}

/** Whether a damage is none. */
export const isNone = ({ duplicates, ghosts, orphans }: Damage): boolean => duplicates + ghosts + orphans === 0

/** Everything that makes a campaign fail, in words. */
export const problemsOf = ({ guards, sums }: Findings): ReadonlyArray<string> => [
  ...sums.flatMap((sum) => [
    ...(isNone(sum) ? [] : [`${sum.backend}: there is damage`]),
    ...(sum.isIntact ? [] : [`${sum.backend}: a journal's chain is broken`]),
    ...(sum.unsettled === 0 ? [] : [`${sum.backend}: ${sum.unsettled} operations are still open`]),
    ...(sum.latest <= 1 ? [] : [`${sum.backend}: this machine is too slow for the factor; choose a smaller one`])
  ]),
  ...guards.flatMap((row) => [
    ...(isNone(row.with) ? [] : [`${row.guard} on ${row.backend}: damage although the guard is in place`]),
    ...(isNone(row.without) ? [`${row.guard} on ${row.backend}: the campaign does not notice that it is missing`] : [])
  ])
]
