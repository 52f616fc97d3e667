/** One round: a fresh backend and journal, processes that create and die, convergence, and the truth. */
import type { Mix } from "@keyfold/emulators/Faults"
import { randomBytes } from "node:crypto"
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { isDatabase } from "./backend.ts"
import { converge, settle, type Convergence } from "./converge.ts"
import { serveSqlite, servePostgres } from "./databases.ts"
import { serveEmulated } from "./emulated.ts"
import type { Workshop } from "./hand.ts"
import type { Audit, Database, Setup } from "./message.ts"
import { planRound, type RoundPlan, type Shape } from "./plan.ts"
import type { Postgres } from "./postgres.ts"
import { realNow, type Scale } from "./scale.ts"
import type { Passage, Server, ServerOptions } from "./server.ts"
import { openSlot, type Site, type Slot } from "./slot.ts"
import { count, makeTally, type Tally } from "./tally.ts"
import { trails } from "./trail.ts"
import { judge, type Truth } from "./truth.ts"

/** What a round is made from. */
export interface RoundOptions {
  readonly seed: number
  readonly factor: number
  readonly shape: Shape
  readonly mix: Mix
  /** How late slow answers are, in scaled milliseconds; 1 to 50 s when omitted. */
  readonly slow?: readonly [least: number, most: number]
  readonly concurrency: number
  readonly convergence: Convergence
  readonly workshop: Workshop
  readonly postgres: Postgres | undefined
  /** Whether the journal is in PostgreSQL too, where the keys are not in SQLite. */
  readonly journalInPostgres: boolean
  readonly folder: string
}

/** What a round came to. */
export interface Outcome {
  readonly operations: number
  readonly tally: Tally
  readonly truth: Truth
  readonly audit: Audit
  /** Keys the backend made, live or not. */
  readonly made: number
  /** How late a key was committed after its sender gave up, as a share of the settle bound; above 1 it was broken. */
  readonly latest: number
  readonly milliseconds: number
}

let databases = 0

const startServer = (
  options: RoundOptions,
  folder: string,
  rest: Omit<ServerOptions, "mix" | "seed" | "slow">
): Promise<Server> => {
  const { mix, postgres, seed, shape, slow } = options
  const { backend } = shape
  if (!isDatabase(backend))
    return serveEmulated(backend, { ...rest, mix, seed, ...(slow === undefined ? {} : { slow }) })
  if (backend === "sqlite") return Promise.resolve(serveSqlite(folder))
  if (postgres === undefined) throw new Error("there is no PostgreSQL on this machine")
  databases += 1
  return servePostgres(postgres, `keys_${databases}`)
}

const startJournal = async (options: RoundOptions, folder: string): Promise<Database | undefined> => {
  const { journalInPostgres, postgres, workshop } = options
  if (workshop.without === "journal") return undefined
  const secret = randomBytes(32).toString("base64url")
  if (!journalInPostgres || postgres === undefined) return { url: `sqlite:${join(folder, "journal.db")}`, secret }
  databases += 1
  return { url: await postgres.database(`journal_${databases}`), secret }
}

const isPassage = (point: string): point is Passage => point === "arrived" || point === "committed"

const passagesOf = (plan: RoundPlan): ReadonlyMap<string, Passage> =>
  new Map(
    plan.slots.flatMap(({ tasks }) =>
      tasks.flatMap(({ operationId, trap }) =>
        trap !== undefined && isPassage(trap.point) ? [[operationId, trap.point] as const] : []
      )
    )
  )

/** Runs the processes until none of them has anything left to do. */
const load = async (site: Omit<Site, "stopped" | "rested">, setup: Setup, plan: RoundPlan, slots: Array<Slot>) => {
  let finish = () => {}
  const done = new Promise<void>((resolve) => {
    finish = resolve
  })
  const rested = () => {
    if (slots.length === plan.slots.length && slots.every((slot) => slot.isIdle())) finish()
  }
  const stopped = (operationId: string) => {
    const rival = plan.rivals.get(operationId)
    if (rival !== undefined) slots[rival.slot]?.urge(rival.task)
  }
  const whole: Site = { ...site, stopped, rested }
  slots.push(...(await Promise.all(plan.slots.map((slot, number) => openSlot(whole, setup, slot, number)))))
  rested()
  await done
}

/** What core grants a delivery: the 30 s that a sink has, and a margin of 10 s, in scaled milliseconds. */
const deliveryLease = 40_000

/** The settle bound that every emulated backend's adapter declares, in scaled milliseconds. */
const settleBound = 60_000

const latestOf = (server: Server, { gaveUp }: Tally, { factor }: Scale): number => {
  let latest = 0
  for (const [nonce, at] of server.commits()) {
    const after = at - (gaveUp.get(nonce) ?? at)
    latest = Math.max(latest, (after * factor) / settleBound)
  }
  return latest
}

const setupOf = (options: RoundOptions, server: Server, journal: Database | undefined, plan: RoundPlan): Setup => ({
  backend: options.shape.backend,
  url: server.url,
  credential: server.credential,
  ...(journal === undefined ? {} : { journal }),
  labelSecret: randomBytes(32).toString("base64url"),
  scale: { origin: Math.trunc(realNow()), factor: options.factor },
  clockOffset: 0,
  seed: options.seed,
  losses: 0.3,
  lost: [...plan.forced].flatMap(([name, kind]) => (kind === "resetAfter" ? [name] : []))
})

const noteFaults = (tally: Tally, server: Server): void => {
  for (const [kind, requests] of server.faults()) count(tally.lost, kind, requests)
  for (const [kind, requests] of server.otherFaults()) count(tally.otherLost, kind, requests)
}

/** What the plan had for damaged operations. */
const explain = (plan: RoundPlan, { damaged }: Truth): ReadonlyArray<string> =>
  plan.slots.flatMap(({ tasks }, slot) =>
    tasks.flatMap(({ holder, interruptAfter, operationId, trap }) =>
      damaged.includes(operationId)
        ? [`${operationId}: ${JSON.stringify({ slot, holder: holder.kind, trap, interruptAfter })}`]
        : []
    )
  )

const play = async (options: RoundOptions, folder: string): Promise<Outcome> => {
  const began = realNow()
  const { concurrency, convergence, factor, seed, shape, workshop } = options
  const tally = makeTally()
  const plan = planRound(seed, shape, join(folder, "held"))
  const slots: Array<Slot> = []
  const passages = passagesOf(plan)
  const passed = async (name: string) => {
    const point = passages.get(name)
    const slot = slots.find((candidate) => candidate.works(name))
    if (point !== undefined) await slot?.killAt(name, point)
  }
  const scale: Scale = { origin: Math.trunc(began), factor }
  const server = await startServer(options, folder, { scale, forced: plan.forced, watched: passages, passed })
  try {
    const journal = await startJournal(options, folder)
    const setup = { ...setupOf(options, server, journal, plan), scale }
    const site = { workshop, tally, seed, factor, concurrency }
    await load(site, setup, plan, slots)
    server.calm()
    if (convergence === "watches") await settle(scale)
    await Promise.all(slots.map((slot) => slot.dismiss()))
    const audit = await converge(convergence, { ...site, stopped: () => {}, rested: () => {} }, setup, plan.holders)
    noteFaults(tally, server)
    const truth = await judge(server, plan.holders, tally, deliveryLease / factor)
    tally.remarks.push(...explain(plan, truth), ...(await trails(journal, truth.damaged.slice(0, 5))))
    const latest = latestOf(server, tally, scale)
    return {
      operations: shape.operations,
      tally,
      truth,
      audit,
      made: await server.made(),
      latest,
      milliseconds: realNow() - began
    }
  } finally {
    await server.close()
  }
}

/** Runs a round in a folder of its own, which is removed. */
export const runRound = async (options: RoundOptions): Promise<Outcome> => {
  const folder = mkdtempSync(join(options.folder, "round-"))
  mkdirSync(join(folder, "held"))
  try {
    return await play(options, folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
