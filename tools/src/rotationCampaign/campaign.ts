/** The campaign: every backend on both engines, processes that end at every point, and each guard taken away in turn. */
import { spawn } from "node:child_process"
import { join } from "node:path"
import type { BackendName } from "../chaos/backend.ts"
import { drawsOf } from "../chaos/draws.ts"
import { together, type Job } from "../chaos/jobs.ts"
import type { Postgres } from "../chaos/postgres.ts"
import { realNow } from "../chaos/scale.ts"
import type { Fate } from "./crew.ts"
import { guardNames, guards, type GuardName } from "./guards.ts"
import type { Damage } from "./judge.ts"
import { coursesOf, pointOf, type Course } from "./points.ts"
import { runRound, type EngineName, type Outcome, type RoundOptions } from "./round.ts"

/** What a campaign is made from. */
export interface Options {
  readonly seed: number
  readonly factor: number
  readonly backends: ReadonlyArray<BackendName>
  readonly engines: ReadonlyArray<EngineName>
  /** How often a process has to end at each point of each backend. */
  readonly least: number
  /** Rounds per backend and engine in which a process is stopped and goes on later. */
  readonly stops: number
  readonly copies: number
  readonly jobs: number
  /** Runs without a guard that go on beside them. */
  readonly guardJobs: number
  /** How long a runner of a cluster may be silent before its work is taken over, in the machine's milliseconds. */
  readonly takeOverAfter: number
  /** Every round that ends processes kills them; otherwise every second one has them end by themselves. */
  readonly kills: boolean
  /** Backends where guards are taken away. */
  readonly guarded: ReadonlyArray<BackendName>
  /** Whether each guard also has a run with it in place. */
  readonly controls: boolean
  readonly without: GuardName | undefined
  readonly cache: string
  readonly folder: string
  readonly postgres: Postgres | undefined
  readonly say: (line: string) => void
}

/** A guard's two runs on one backend. */
export interface GuardRow {
  readonly guard: GuardName
  readonly backend: BackendName
  readonly runs: number
  readonly with: Damage | undefined
  readonly without: Damage
}

/** What a campaign found. */
export interface Findings {
  readonly outcomes: ReadonlyArray<Outcome>
  readonly guards: ReadonlyArray<GuardRow>
  readonly minutes: number
}

/** Whether a damage is none. */
export const isNone = ({ early, outages, unended, untracked }: Damage): boolean =>
  outages + untracked + unended + early === 0

const describe = ({ asked, early, milliseconds, outages, runs, unended, untracked }: Outcome): string =>
  `${runs} runs, ${outages} outages, ${untracked} untracked, ${unended} not ended, ${early} revoked early, ` +
  `${asked} asked, ${(milliseconds / 1000).toFixed(1)} s`

/** Has the sources of workers compiled once, for all of them. */
const warmUp = ({ cache }: Options): Promise<void> =>
  new Promise((resolve, reject) => {
    const script = join(import.meta.dirname, "worker.ts")
    spawn(process.execPath, ["--conditions=@keyfold/source", script, "warm-up"], {
      env: { ...process.env, NODE_COMPILE_CACHE: cache, NODE_OPTIONS: "" },
      stdio: ["ignore", "inherit", "inherit"]
    })
      .once("exit", () => resolve())
      .once("error", reject)
  })

interface Plan {
  readonly backend: BackendName
  readonly engine: EngineName
  readonly fate: Fate
  readonly copies: number
  readonly number: number
  readonly courses?: RoundOptions["courses"]
}

/** One process has its file for itself: what is silent there is gone. */
const embeddedTakeOver = 6_000

const roundJob =
  (options: Options, { backend, copies, courses, engine, fate, number }: Plan): Job<Outcome> =>
  async () => {
    const { cache, factor, folder, postgres, say, seed, takeOverAfter, without } = options
    const outcome = await runRound({
      seed: drawsOf(seed).whole("round", backend, engine, number),
      factor,
      backend,
      engine,
      fate,
      copies,
      // Every third round of a cluster has two.
      runners: number % 3 === 2 ? 2 : 1,
      takeOverAfter: engine === "cluster" ? takeOverAfter : Math.min(takeOverAfter, embeddedTakeOver),
      cache,
      folder,
      postgres,
      without,
      ...(courses === undefined ? {} : { courses })
    })
    say(`${backend} on ${engine}, ${fate} ${number + 1}: ${describe(outcome)}`)
    for (const line of [...outcome.details, ...new Set(outcome.remarks)]) say(`  ${line}`)
    return outcome
  }

/** WhyLabs is one backend with two dialects; the second one has a fifth of the rounds, or a few points in one. */
export const leastOf = (backend: BackendName, least: number): number =>
  backend === "whylabs-v1" ? Math.floor(least / 5) : least

/** Rounds of a backend on the cluster, whose processes take longer to start and to take over. */
const onCluster = 5

interface Turn {
  readonly engine: EngineName
  readonly copies: number
}

const turnsOf = ({ copies, engines }: Options, least: number, at: number): ReadonlyArray<Turn> => {
  const [only = "embedded", other] = engines
  const turns = (engine: EngineName, ends: number, copies: number) =>
    Array.from({ length: Math.ceil(ends / copies) }, (): Turn => ({ engine, copies }))
  if (other === undefined) return turns(only, least, copies)
  if (least === 1) return turns(at % 2 === 0 ? "embedded" : "cluster", 1, 1)
  const ends = Math.min(onCluster, Math.ceil(least / 2))
  return [...turns("cluster", ends, 1), ...turns("embedded", least - ends, copies)]
}

/** Where a dialect speaks with its server. */
const isSpoken = ({ traps }: Course): boolean => traps.some(({ point }) => /create|verify|revoke\/revoke/.test(point))

const plansOf = (options: Options): ReadonlyArray<Plan> => {
  const { backends, copies, engines, kills, least, stops } = options
  return backends.flatMap((backend, at): ReadonlyArray<Plan> => {
    if (leastOf(backend, least) === 0) {
      return [{ backend, engine: engines[0] ?? "embedded", fate: "kill", copies: 1, number: 0, courses: isSpoken }]
    }
    return [
      ...turnsOf(options, leastOf(backend, least), at).map(({ copies, engine }, number): Plan => {
        // Most processes of a cluster are killed, and every second one of the others.
        const isExit = !kills && (engine === "cluster" ? number % 5 === 4 : number % 2 === 1)
        return { backend, engine, fate: isExit ? "exit" : "kill", copies, number }
      }),
      ...engines.flatMap((engine) =>
        Array.from({ length: stops }, (_, number): Plan => ({ backend, engine, fate: "stop", copies, number }))
      )
    ]
  })
}

/** How often a process ended at each point of a backend. */
export const endsOf = (outcomes: ReadonlyArray<Outcome>, backend: BackendName): ReadonlyMap<string, number> => {
  const ends = new Map(coursesOf(backend).map((course) => [pointOf(course), 0]))
  for (const outcome of outcomes) {
    if (outcome.backend !== backend || outcome.fate === "stop") continue
    for (const [point, times] of outcome.ended) ends.set(point, (ends.get(point) ?? 0) + times)
  }
  return ends
}

/** Makes up for points that were missed, as on a machine that was too slow for a while. */
const missed = (options: Options, outcomes: ReadonlyArray<Outcome>, attempt: number): ReadonlyArray<Plan> =>
  options.backends.flatMap((backend) => {
    const least = leastOf(backend, options.least)
    const lacking = new Map([...endsOf(outcomes, backend)].filter(([, times]) => times < least))
    if (lacking.size === 0) return []
    const copies = Math.min(4 * options.copies, least - Math.min(...lacking.values()))
    const courses = (course: Course) => lacking.has(pointOf(course))
    const [engine = "embedded"] = options.engines
    return [{ backend, engine, fate: "kill", copies, number: 1_000 + attempt, courses }]
  })

const attempts = 3

const namesOf = ({ backend, engine, fate, number }: Plan) => [backend, engine, fate, number] as const

const playAll = async (options: Options): Promise<ReadonlyArray<Outcome>> => {
  const { jobs } = options
  const play = (plans: ReadonlyArray<Plan>) =>
    together(
      jobs,
      plans.map((plan) => roundJob(options, plan))
    )
  // Backends and engines mixed, so that whatever else the machine does meets all of them.
  const order = drawsOf(options.seed)
  const mixed = plansOf(options).toSorted(
    (left, right) => order.whole("order", ...namesOf(left)) - order.whole("order", ...namesOf(right))
  )
  let outcomes = await play(mixed)
  for (let attempt = 0; attempt < attempts; attempt++)
    outcomes = [...outcomes, ...(await play(missed(options, outcomes, attempt)))]
  return outcomes
}

/** Backends that accept a new key at once have nothing to wait for. */
const isThere = (guard: GuardName, backend: BackendName): boolean =>
  guard !== "effective" || backend === "whylabs-v0" || backend === "whylabs-v1" || backend === "occam"

const guardJob =
  (options: Options, guard: GuardName, backend: BackendName): Job<GuardRow> =>
  async () => {
    const { fate, points } = guards[guard]
    const courses = ({ path, traps }: Course) => path === "whole" && points.includes(traps[0]?.point ?? "")
    const plan: Plan = { backend, engine: "embedded", fate, copies: 2, number: 0, courses }
    const quiet =
      (name: string): Options["say"] =>
      (line) =>
        line.startsWith("  ") || options.say(`${name}: ${line}`)
    const run = (without: GuardName | undefined) =>
      roundJob({ ...options, without, say: quiet(`${guard} ${without === undefined ? "in place" : "gone"}`) }, plan)()
    const found = await run(guard)
    return {
      guard,
      backend,
      runs: found.runs,
      without: found,
      with: options.controls ? await run(undefined) : undefined
    }
  }

/** Runs a campaign. */
export const runCampaign = async (given: Options): Promise<Findings> => {
  const began = realNow()
  const isPossible = (backend: BackendName) => given.postgres !== undefined || backend !== "postgres"
  const engines = given.engines.filter((engine) => given.postgres !== undefined || engine !== "cluster")
  const options = { ...given, engines, backends: given.backends.filter(isPossible) }
  await warmUp(options)
  const chosen = options.guarded.filter(isPossible)
  const pairs = guardNames.flatMap((guard) =>
    chosen.filter((backend) => isThere(guard, backend)).map((backend) => [guard, backend] as const)
  )
  const [outcomes, rows] = await Promise.all([
    playAll(options),
    together(
      options.guardJobs,
      pairs.map(([guard, backend]) => guardJob(options, guard, backend))
    )
  ])
  return { outcomes, guards: rows, minutes: (realNow() - began) / 60_000 }
}

/** Everything that makes a campaign fail, in words. */
export const problemsOf = (
  { backends, least }: Pick<Options, "backends" | "least">,
  { guards: rows, outcomes }: Findings
) => [
  ...outcomes.flatMap((outcome) =>
    isNone(outcome) ? [] : [`${outcome.backend} on ${outcome.engine}: there is damage; ${outcome.details[0] ?? ""}`]
  ),
  ...backends.flatMap((backend) =>
    outcomes.some((outcome) => outcome.backend === backend)
      ? [...endsOf(outcomes, backend)].flatMap(([point, times]) =>
          times >= leastOf(backend, least)
            ? []
            : [`${backend}: only ${times} processes ended at ${point}, of ${leastOf(backend, least)}`]
        )
      : []
  ),
  ...rows.flatMap((row) => [
    ...(row.with === undefined || isNone(row.with)
      ? []
      : [`${row.guard} on ${row.backend}: damage although the guard is in place`]),
    ...(isNone(row.without) ? [`${row.guard} on ${row.backend}: the campaign does not notice that it is missing`] : [])
  ])
]
