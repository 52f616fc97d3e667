/** What is done when the load is over, until nothing more can change: once with every means, or by the watches alone. */
import { hire, type Hand } from "./hand.ts"
import type { Audit, FromWorker, Holder, Setup, Task } from "./message.ts"
import { pauseScaled, type Scale } from "./scale.ts"
import type { Site } from "./slot.ts"
import { note } from "./tally.ts"

/**
 * `recover`: a new process recovers every operation with its holder and sweeps until nothing is under way. `watches`: the
 * processes of the load are left alone until their watches must be over; nothing else is done.
 */
export type Convergence = "recover" | "watches"

/** The longest settle and visibility bounds together, 72 s, and time to look once more; in scaled milliseconds. */
const settled = 90_000

/** How many recoveries run together. */
const together = 24

/** How long a record that `recover` found under way is left alone, in scaled milliseconds. */
const underWayPause = 20_000

/** Lets everything that is still on its way arrive, and everything that watches it see it. */
export const settle = (scale: Scale): Promise<void> => pauseScaled(scale, settled)

/** A process that finishes what the others left. */
interface Finisher {
  readonly hand: Hand
  readonly ask: (task: Task) => Promise<FromWorker>
  readonly once: (kind: FromWorker["kind"]) => Promise<FromWorker>
}

const startFinisher = async (site: Site, setup: Setup): Promise<Finisher> => {
  const waiting = new Map<string, (message: FromWorker) => void>()
  const wait = (name: string) => new Promise<FromWorker>((resolve) => void waiting.set(name, resolve))
  const hand = await hire(site.workshop, setup, (message) => {
    note(site.tally, message)
    const name = message.kind === "done" ? message.operationId : message.kind
    const found = waiting.get(name)
    waiting.delete(name)
    found?.(message)
  })
  return {
    hand,
    once: wait,
    ask: (task) => {
      const answer = wait(task.operationId)
      hand.tell({ kind: "task", task })
      return answer
    }
  }
}

/** Recovers one operation until its sender's lease is over and the backend has answered. */
const recoverOne = async (finisher: Finisher, scale: Scale, task: Task, tries: number): Promise<void> => {
  const message = await finisher.ask(task)
  const isOver =
    message.kind !== "done" || (message.result.kind === "recovered" && message.result.outcome !== "underWay")
  if (isOver || tries <= 0) return
  await pauseScaled(scale, underWayPause)
  await recoverOne(finisher, scale, task, tries - 1)
}

const recoverAll = async (finisher: Finisher, scale: Scale, holders: ReadonlyMap<string, Holder>): Promise<void> => {
  const left = [...holders]
  const one = async (): Promise<void> => {
    const next = left.shift()
    if (next === undefined) return
    const [operationId, holder] = next
    await recoverOne(finisher, scale, { kind: "recover", operationId, holder }, 40)
    await one()
  }
  await Promise.all(Array.from({ length: together }, one))
}

const sweepUntilClear = async (finisher: Finisher, scale: Scale, tries: number): Promise<void> => {
  const answer = Promise.race([finisher.once("swept"), finisher.once("sweepFailed")])
  finisher.hand.tell({ kind: "sweep" })
  const message = await answer
  if (tries <= 0 || (message.kind === "swept" && message.underWay === 0 && message.failed === 0)) return
  await pauseScaled(scale, underWayPause)
  await sweepUntilClear(finisher, scale, tries - 1)
}

const audited = async ({ hand, once }: Finisher): Promise<Audit> => {
  const answer = once("audited")
  hand.tell({ kind: "audit" })
  const message = await answer
  return message.kind === "audited" ? message.audit : { intact: false, entries: 0, states: {} }
}

/** Converges and verifies the journal. The workers of the load have ended. */
export const converge = async (
  how: Convergence,
  site: Site,
  setup: Setup,
  holders: ReadonlyMap<string, Holder>
): Promise<Audit> => {
  const finisher = await startFinisher(site, setup)
  const ended = finisher.hand.ended.then(() => {
    throw new Error("the process that finishes the others' work ended")
  })
  const work = async () => {
    if (how === "recover") {
      await recoverAll(finisher, setup.scale, holders)
      await settle(setup.scale)
      if (setup.journal !== undefined) await sweepUntilClear(finisher, setup.scale, 40)
    }
    return audited(finisher)
  }
  const audit = await Promise.race([work(), ended])
  ended.catch(() => {})
  await finisher.hand.kill()
  return audit
}
