/** One place of a round where a process works, and where another takes over when it is killed or ends. */
import { pause } from "./scale.ts"
import { hire, type Hand, type Workshop } from "./hand.ts"
import type { FromWorker, Result, Setup, Task } from "./message.ts"
import type { SlotPlan } from "./plan.ts"
import { drawsOf, type Draws } from "./draws.ts"
import { count, note, noteKill, type Tally } from "./tally.ts"

/** What all slots of a round share. */
export interface Site {
  readonly workshop: Workshop
  readonly tally: Tally
  readonly seed: number
  readonly factor: number
  /** How many creates a process has under way. */
  readonly concurrency: number
  /** Called when a process is stopped at its trap, and when a slot may have nothing left to do. */
  readonly stopped: (operationId: string) => void
  readonly rested: () => void
}

/** A slot at work. */
export interface Slot {
  readonly isIdle: () => boolean
  /** Adds work at once. */
  readonly urge: (task: Task) => void
  /** Kills the process that works on an operation now, and resolves when it is gone. */
  readonly killAt: (operationId: string, point: "arrived" | "committed") => Promise<void>
  readonly works: (operationId: string) => boolean
  /** Ends the process as the plan says. */
  readonly dismiss: () => Promise<void>
}

interface State {
  readonly site: Site
  readonly plan: SlotPlan
  readonly setup: Setup
  readonly draws: Draws
  readonly queue: Array<Task>
  readonly outstanding: Map<string, Task>
  /** How often an operation was tried again here. */
  readonly again: Map<string, number>
  /** Operations whose trap has sprung. */
  readonly sprung: Set<string>
  hand: Hand | undefined
  /** Tasks that wait for their time, stops that are not over, processes that start. */
  pending: number
  isDismissed: boolean
}

/** Scaled milliseconds between two tries at an operation that somebody else holds, and before any other repetition. */
const whileHeld = 15_000
const otherwise = 2_000

const mostTries = 12

/** How long a process stays stopped, in scaled milliseconds: longer than any lease. */
const stoppedFor = 150_000

const nextTask = ({ outstanding, queue }: State): Task | undefined => {
  const at = queue.findIndex(({ operationId }) => !outstanding.has(operationId))
  return at < 0 ? undefined : queue.splice(at, 1)[0]
}

const pump = (state: State): void => {
  const { hand, outstanding, site } = state
  if (hand !== undefined) {
    while (outstanding.size < site.concurrency) {
      const task = nextTask(state)
      if (task === undefined) break
      outstanding.set(task.operationId, task)
      hand.tell({ kind: "task", task })
    }
  }
  if (isIdle(state)) site.rested()
}

const isIdle = ({ hand, outstanding, pending, queue }: State): boolean =>
  hand !== undefined && outstanding.size === 0 && queue.length === 0 && pending === 0

/** The same once more; a trap springs once. */
const repeated = ({ sprung }: State, { holder, kind, operationId, trap }: Task): Task => ({
  kind,
  operationId,
  holder,
  ...(trap === undefined || sprung.has(operationId) ? {} : { trap })
})

const later = (state: State, task: Task, scaledDelay: number): void => {
  const tries = (state.again.get(task.operationId) ?? 0) + 1
  if (tries > mostTries) return
  state.again.set(task.operationId, tries)
  state.pending += 1
  void pause(scaledDelay / state.site.factor).then(() => {
    state.pending -= 1
    state.queue.push(repeated(state, task))
    pump(state)
  })
}

/** What an application does next: tries again what somebody else holds, and half of what failed. */
const follow = (state: State, task: Task, result: Result): void => {
  const { draws } = state
  if (result.kind === "recovered") {
    if (result.outcome === "underWay") later(state, task, whileHeld)
    if (result.outcome === "cleared" || result.outcome === "unknown")
      later(state, { ...task, kind: "create" }, otherwise)
    return
  }
  if (result.kind === "held") return
  const tries = state.again.get(task.operationId) ?? 0
  if (result.isHeldElsewhere) return later(state, task, whileHeld)
  const isWorthIt = result.reason !== "Conflict" && result.reason !== "NotDelivered" && tries < 3
  if (isWorthIt && draws.chance(0.5, "again", task.operationId, tries)) later(state, task, otherwise)
}

const stopHand = async (state: State, hand: Hand, operationId: string): Promise<void> => {
  const { site } = state
  state.pending += 1
  hand.stop()
  site.stopped(operationId)
  await pause(stoppedFor / site.factor)
  hand.resume()
  hand.tell({ kind: "go", operationId })
  state.pending -= 1
  pump(state)
}

const hear = (state: State, message: FromWorker, hand: Hand): void => {
  const { outstanding, site } = state
  note(site.tally, message)
  if (message.kind === "at") {
    state.sprung.add(message.operationId)
    const fate = outstanding.get(message.operationId)?.trap?.fate
    if (fate === "stop") {
      count(site.tally.stops, message.point)
      void stopHand(state, hand, message.operationId)
    } else {
      noteKill(site.tally, message.point)
      void hand.kill()
    }
  }
  if (message.kind !== "done") return
  const task = outstanding.get(message.operationId)
  outstanding.delete(message.operationId)
  if (task !== undefined) follow(state, task, message.result)
  pump(state)
}

/** It ended at the trap of one of its operations; nobody can say which, and once is enough for each. */
const noteVanished = ({ outstanding, site, sprung }: State): void => {
  site.tally.abandoned += 1
  for (const { operationId, trap } of outstanding.values()) if (trap?.fate === "exit") sprung.add(operationId)
}

/** Half of what a dead process was at is taken up again by the next one; the rest is left for the end. */
const inherit = (state: State): void => {
  const { draws, outstanding, queue, sprung } = state
  const left = [...outstanding.values()]
  outstanding.clear()
  for (const task of left) {
    const { operationId } = task
    const isTrap = task.trap !== undefined && !sprung.has(operationId)
    if (task.kind === "create" && !isTrap && !draws.chance(0.5, "inherited", operationId)) continue
    const recovery: Task = { ...repeated(state, task), kind: "recover" }
    const isTrapped = sprung.has(operationId) && draws.chance(0.1, "recovery killed", operationId)
    queue.push(isTrapped ? { ...recovery, trap: { point: "recovering", fate: "kill" } } : recovery)
  }
}

const staff = async (state: State): Promise<void> => {
  const { plan, setup, site } = state
  state.pending += 1
  const hand = await hire(site.workshop, { ...setup, clockOffset: plan.clockOffset }, (message, from) =>
    hear(state, message, from)
  )
  state.pending -= 1
  state.hand = hand
  void hand.ended.then((byItself) => {
    if (state.isDismissed) return
    state.hand = undefined
    if (byItself) noteVanished(state)
    inherit(state)
    void staff(state)
  })
  pump(state)
}

const patience = 30_000

const dismiss = async (state: State): Promise<void> => {
  const { draws, hand, plan, site } = state
  state.isDismissed = true
  if (hand === undefined) return
  if (plan.farewell === "exit") {
    site.tally.abandoned += 1
    hand.tell({ kind: "exit" })
    return void (await hand.ended)
  }
  hand.tell({ kind: "close" })
  if (plan.farewell === "kill") {
    await pause(draws.between(0, 10_000 / site.factor, "while closing"))
    if (!(await hand.kill())) noteKill(site.tally, "closing")
    return
  }
  const closed = await Promise.race([hand.ended.then(() => true), pause(patience).then(() => false)])
  if (closed) return
  site.tally.remarks.push("a process did not close within 30 s")
  await hand.kill()
}

/** Opens a slot and begins its work. */
export const openSlot = async (site: Site, setup: Setup, plan: SlotPlan, number: number): Promise<Slot> => {
  const state: State = {
    site,
    plan,
    setup,
    draws: drawsOf(site.seed + number),
    queue: [...plan.tasks],
    outstanding: new Map(),
    again: new Map(),
    sprung: new Set(),
    hand: undefined,
    pending: 0,
    isDismissed: false
  }
  await staff(state)
  return {
    isIdle: () => isIdle(state),
    urge: (task) => {
      state.queue.unshift(task)
      pump(state)
    },
    works: (operationId) => state.outstanding.has(operationId),
    killAt: async (operationId, point) => {
      const { hand } = state
      state.sprung.add(operationId)
      if (hand === undefined) return
      noteKill(site.tally, point)
      await hand.kill()
    },
    dismiss: () => dismiss(state)
  }
}
