/** One scene: load, a fault in the middle of it, and what is left when all is over. */
import { setTimeout as delay } from "node:timers/promises"
import { load, probe, settle, type ClientOptions } from "./client.ts"
import { faultOf, type Fault, type FaultName, type Seen } from "./faults.ts"
import { judge, type Judgement } from "./judge.ts"
import { makeLedger, type Event, type Ledger } from "./ledger.ts"
import { tenants, type World } from "./world.ts"

/** What is asked for. */
export interface SceneOptions {
  readonly fault: FaultName
  readonly seed: number
  readonly clients: number
  /** How often the fault comes. */
  readonly times: number
  /** How long it lasts, and how long there is peace before, between and after, in milliseconds. */
  readonly lasting: number
  readonly peace: number
  readonly idempotent: boolean
}

/** What was seen. */
export interface Findings {
  readonly options: SceneOptions
  readonly title: string
  readonly means: string
  readonly ledger: Ledger
  readonly during: ReadonlyArray<Event>
  /** The seconds from the end of a fault until a new create and its revocation are carried out at every tenant: the longest. */
  readonly recovered: number | undefined
  /** Clients that are still without an answer when all is over. */
  readonly open: number
  /** Gateways that were started again although nobody had killed them. */
  readonly restarts: number
  readonly judgement: Judgement
  readonly problems: ReadonlyArray<string>
}

const patience = 30_000

interface Span {
  /** When the fault was asked for, when it had come, and when it was asked to go. */
  readonly asked: number
  readonly from: number
  readonly to: number
}

const seenIn = ({ events }: Ledger, spans: ReadonlyArray<Span>): Seen => ({
  during: events.filter(({ at, began }) => spans.some(({ from, to }) => began >= from && at <= to)),
  around: events.filter(({ at }) => spans.some(({ asked, to }) => at >= asked && at <= to))
})

/** Asks for a new key and its revocation at each tenant until all is carried out; undefined where that never comes. */
const recovery = async (world: World, ledger: Ledger, asking: ClientOptions): Promise<number | undefined> => {
  const since = Date.now()
  const isOver = () => Date.now() > since + patience
  const done = await Promise.all(tenants.map((tenant) => probe(world, ledger, asking, tenant, isOver)))
  return done.every(Boolean) ? (Date.now() - since) / 1000 : undefined
}

const missingIn = (fault: Fault, seen: Seen): ReadonlyArray<string> =>
  fault.signs.flatMap(([isThere, missing]) => (isThere(seen) ? [] : [missing]))

/** Lets a fault last for its time, and longer where it has not shown yet: a machine may be slow. */
const causeOnce = async (
  world: World,
  fault: Fault,
  ledger: Ledger,
  asking: ClientOptions,
  { lasting }: SceneOptions
) => {
  const asked = Date.now()
  await fault.begin()
  const from = Date.now()
  const spanNow = (): Span => ({ asked, from, to: Date.now() })
  await delay(lasting)
  while (missingIn(fault, seenIn(ledger, [spanNow()])).length > 0 && Date.now() < from + patience) await delay(100)
  const span = spanNow()
  await fault.end()
  const missing = missingIn(fault, seenIn(ledger, [span]))
  return { span, missing, recovered: await recovery(world, ledger, asking) }
}

/**
 * Lets leases run out that dead processes left: nobody waits for the minutes they last. Everything else about them is as
 * it would be then.
 */
const age = async ({ postgres, url }: World): Promise<void> => {
  await postgres.query(url, "UPDATE keyfold_gateway_operations SET claimed_until = 1 WHERE state <> 'done'")
  await postgres.query(
    url,
    "UPDATE keyfold_journal_operations SET lease_until = 1 WHERE state IN ('intended', 'minted')"
  )
}

const longest = (times: ReadonlyArray<number | undefined>): number | undefined =>
  times.reduce<number | undefined>(
    (most, time) => (most === undefined || time === undefined ? undefined : Math.max(most, time)),
    0
  )

const problemsOf = (found: Omit<Findings, "problems">): ReadonlyArray<string> => [
  ...(found.recovered === undefined ? ["it did not recover"] : []),
  ...(found.open === 0 ? [] : [`${found.open} changes were never settled`]),
  ...(found.restarts === 0 ? [] : [`a gateway ended by itself ${found.restarts} times`])
]

/** Plays a scene. */
export const play = async (world: World, options: SceneOptions): Promise<Findings> => {
  const fault = await faultOf(options.fault, world)
  const ledger = makeLedger()
  const asking = { prefix: `${options.fault}-${options.seed}`, seed: options.seed, idempotent: options.idempotent }
  const pids = world.gateways.map((gateway) => gateway.pid())
  let isOver = false
  const working = load(world, ledger, asking, options.clients, () => isOver)
  const caused: Array<Awaited<ReturnType<typeof causeOnce>>> = []
  await delay(options.peace)
  for (let time = 0; time < options.times; time += 1) {
    caused.push(await causeOnce(world, fault, ledger, asking, options))
    await delay(options.peace)
  }
  isOver = true
  await working
  await age(world)
  const open = options.idempotent ? await settle(world, ledger, asking, patience) : 0
  const changed = world.gateways.filter((gateway, index) => gateway.pid() !== pids[index]).length
  const seen = seenIn(
    ledger,
    caused.map(({ span }) => span)
  )
  const found = {
    options,
    title: fault.title,
    means: fault.means,
    ledger,
    during: seen.during,
    recovered: longest(caused.map(({ recovered }) => recovered)),
    open,
    restarts: options.fault === "kill" ? 0 : changed,
    judgement: await judge(world, ledger)
  }
  await fault.remove()
  return {
    ...found,
    problems: [...problemsOf(found), ...caused.flatMap(({ missing }) => missing), ...fault.problems(seen)]
  }
}
