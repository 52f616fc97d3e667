/** The processes of one round: who works, which runs stand at their trap in whom, and what happens next. */
import { count } from "../chaos/tally.ts"
import { pause, realNow } from "../chaos/scale.ts"
import { start, type Hand, type Program } from "../chaos/hand.ts"
import type { FromWorker, Run, Setup, ToWorker } from "./message.ts"
import { nameOf, passageOf, pointOf, type Course, type Trap } from "./points.ts"

/** How processes end in a round: killed, by themselves without finalizers, or stopped while others go on. */
export type Fate = "kill" | "exit" | "stop"

/** A run as the parent follows it. */
export interface Pursuit {
  readonly run: Run
  readonly course: Course
  /** How many of its traps it has been at. */
  passed: number
  /** The process it stands in. */
  heldIn: Hand<ToWorker> | undefined
  /** Where it stands. */
  heldAt: Trap | undefined
  /** The process that wrote its record last. */
  worker: Hand<ToWorker> | undefined
  isBegun: boolean
  /** Whether its new key is handed over, or it was given up. */
  isFar: boolean
  isOver: boolean
  isStill: boolean
  isDecided: boolean
  tries: number
  isAborted: boolean
  /** Resolves once the process that waits for an answer is gone. */
  release: (() => void) | undefined
}

/** The processes of one round. */
export interface Crew {
  readonly pursuits: ReadonlyMap<string, Pursuit>
  readonly hands: Array<Hand<ToWorker>>
  /** Runs whose process ended, by point. */
  readonly ended: Map<string, number>
  readonly remarks: Array<string>
  /** Runs that nobody would have gone on with unasked. */
  readonly asked: Set<string>
  /** Runs whose process ended between what was asked for and the engine's knowing of it. */
  readonly unbegun: Set<string>
  /** The machine's milliseconds without news after which nothing more is expected by itself. */
  readonly silence: number
  processes: number
  /** Processes that ended while a run stood in them. */
  endedProcesses: number
  heardAt: number
}

/** The machine's milliseconds that anything else than a take-over takes at the most, leases of a rotation included. */
const others = 10_000

/** Makes a crew of nobody. */
export const makeCrew = (runs: ReadonlyArray<readonly [Run, Course]>, takeOverAfter: number): Crew => ({
  silence: takeOverAfter + others,
  pursuits: new Map(
    runs.map(([run, course]) => [
      run.name,
      {
        run,
        course,
        passed: 0,
        heldIn: undefined,
        heldAt: undefined,
        worker: undefined,
        isBegun: false,
        isFar: false,
        isOver: false,
        isStill: false,
        isDecided: false,
        tries: 0,
        isAborted: false,
        release: undefined
      }
    ])
  ),
  hands: [],
  ended: new Map(),
  remarks: [],
  asked: new Set(),
  unbegun: new Set(),
  processes: 0,
  endedProcesses: 0,
  heardAt: realNow()
})

const trapOf = ({ course, passed }: Pursuit): Trap | undefined => course.traps[passed]

/** The trap that a worker springs; one that lies at a backend is sprung there. */
const armedOf = (pursuit: Pursuit): Trap | undefined => {
  const trap = trapOf(pursuit)
  return trap === undefined || passageOf(trap) !== undefined ? undefined : trap
}

/** Notes that a run stands at its trap, in the process that works on it, and sets the next trap in all others. */
export const sprung = (crew: Crew, pursuit: Pursuit, hand: Hand<ToWorker> | undefined): void => {
  const { run } = pursuit
  pursuit.heldAt = trapOf(pursuit)
  pursuit.heldIn = hand
  pursuit.passed += 1
  crew.heardAt = realNow()
  const trap = armedOf(pursuit)
  for (const other of crew.hands) {
    if (other !== hand) other.tell({ kind: "arm", run: run.name, ...(trap === undefined ? {} : { trap }) })
  }
}

const act = (pursuit: Pursuit, { status, step }: Extract<FromWorker, { kind: "record" }>, hand: Hand<ToWorker>) => {
  const { course, run } = pursuit
  if (course.path === "decided" && status === "needsAttention" && !pursuit.isDecided) {
    pursuit.isDecided = true
    hand.tell({ kind: "decide", run: run.name })
  }
  if (course.path === "aborted" && step === "overlap" && !pursuit.isAborted) {
    pursuit.isAborted = true
    hand.tell({ kind: "abort", run: run.name })
  }
}

/** How often a decision is asked for that a busy machine had no answer to. */
const mostTries = 8

/** An operator whose decision was refused, because the backend could not be asked in time for instance, tries it again. */
const refused = (crew: Crew, { problem, run }: Extract<FromWorker, { kind: "failed" }>, hand: Hand<ToWorker>): void => {
  const pursuit = crew.pursuits.get(run)
  const isAgain = pursuit?.isDecided === true && pursuit.isStill && pursuit.tries < mostTries
  if (!isAgain) return void crew.remarks.push(`${run}: ${problem.slice(0, 300)}`)
  pursuit.tries += 1
  crew.heardAt = realNow()
  void pause(500).then(() => hand.tell({ kind: "decide", run }))
}

const hear = (crew: Crew, message: FromWorker, hand: Hand<ToWorker>): void => {
  // Before a starting process has said what it can run, its engine may have been given work already.
  if (message.kind === "log" && message.text.startsWith("Could not find entity manager")) return
  if (message.kind === "log") return void crew.remarks.push(message.text)
  if (message.kind === "failed") return refused(crew, message, hand)
  if (message.kind !== "at" && message.kind !== "record") return
  const pursuit = crew.pursuits.get(message.run)
  if (pursuit === undefined) return
  crew.heardAt = realNow()
  if (message.kind === "at") return sprung(crew, pursuit, hand)
  const { status, step } = message
  pursuit.worker = hand
  pursuit.isFar = step !== "plan" && step !== "mint"
  pursuit.isStill = status === "needsAttention"
  pursuit.isOver = status === "done" || status === "undone"
  act(pursuit, message, hand)
}

/** Asks again for what was asked of a process that is gone, before its engine knew of it. */
const beginAgain = (crew: Crew): void => {
  const [hand] = crew.hands
  if (hand === undefined) return
  for (const run of crew.unbegun) hand.tell({ kind: "resume", run })
  crew.unbegun.clear()
}

/** What all processes of a round are set up with. */
export type Common = Omit<Setup, "runs" | "standing">

/** Starts a process that knows where every run is to stop next. */
export const hire = async (crew: Crew, program: Program, setup: Common): Promise<Hand<ToWorker>> => {
  const runs = [...crew.pursuits.values()].map((pursuit): Run => {
    const trap = armedOf(pursuit)
    return { ...pursuit.run, ...(trap === undefined ? {} : { trap }) }
  })
  const standing = [...crew.pursuits.values()].filter((pursuit) => trapOf(pursuit) !== undefined).length
  crew.processes += 1
  const hand = await start<ToWorker, FromWorker>(
    program,
    { kind: "setup", setup: { ...setup, runs, standing } },
    ({ kind }) => kind === "ready",
    (message, from) => hear(crew, message, from)
  )
  crew.hands.push(hand)
  crew.heardAt = realNow()
  beginAgain(crew)
  return hand
}

/** Whether a run goes on by itself. */
const isBusy = ({ course, heldIn, isDecided, isOver, isStill }: Pursuit): boolean =>
  heldIn === undefined && !isOver && !(isStill && (course.path !== "decided" || !isDecided))

const isAtRest = ({ course, heldIn, isOver, isStill }: Pursuit): boolean =>
  heldIn !== undefined || isOver || (isStill && course.path !== "decided")

const patience = 120_000

/** Waits until every run stands at its trap or is over; has those that nobody is at begun again. */
export const untilRest = async (crew: Crew, settles: boolean): Promise<void> => {
  const began = realNow()
  crew.heardAt = began
  let isAsked = false
  for (;;) {
    const busy = [...crew.pursuits.values()].filter((pursuit) => !isAtRest(pursuit))
    if (busy.length === 0) return
    const isSilent = realNow() - crew.heardAt > crew.silence
    if ((isSilent && (isAsked || !settles)) || realNow() - began > patience) {
      for (const { run } of busy.filter(isBusy))
        crew.remarks.push(`${run.name} does not go on after ${crew.processes} processes`)
      return
    }
    if (isSilent) {
      isAsked = true
      crew.heardAt = realNow()
      for (const { run } of busy) crew.asked.add(run.name)
      crew.hands[0]?.tell({ kind: "settle" })
    }
    await pause(20)
  }
}

/** Whether a run stands in a process. */
export const standsIn = (crew: Crew, hand: Hand<ToWorker>): boolean =>
  [...crew.pursuits.values()].some(({ heldIn }) => heldIn === hand)

/** Where the engine does not know yet that there is something to do: whoever asked, and got no answer, asks again. */
const unbegun: ReadonlySet<string> = new Set(["start/insert", "mint/decided"])

/** Begun runs whose first steps are not over. */
const early = (crew: Crew): number =>
  [...crew.pursuits.values()].filter(({ heldIn, isBegun, isFar }) => isBegun && !isFar && heldIn === undefined).length

/** How many runs are at their first steps together: as many as an engine works on at the same time when nobody says more. */
const together = 12

/** Begins all runs in one process, a few at a time. */
export const beginAll = async (crew: Crew, hand: Hand<ToWorker>): Promise<void> => {
  const until = realNow() + patience
  for (const pursuit of crew.pursuits.values()) {
    while (early(crew) >= together && realNow() < until) await pause(10)
    pursuit.isBegun = true
    hand.tell({ kind: "start", runs: [pursuit.run.name] })
  }
}

/** Counts the runs that stand in a process as ended with it, and lets go of what waits for their answers. */
export const leave = (crew: Crew, hand: Hand<ToWorker>): void => {
  crew.hands.splice(crew.hands.indexOf(hand), 1)
  if (standsIn(crew, hand)) crew.endedProcesses += 1
  for (const pursuit of crew.pursuits.values()) {
    if (pursuit.heldIn !== hand) continue
    const { course, heldAt, passed } = pursuit
    const isLast = passed >= course.traps.length
    count(crew.ended, isLast || heldAt === undefined ? pointOf(course) : `whole: ${nameOf(heldAt)}`)
    if (heldAt !== undefined && unbegun.has(heldAt.point)) crew.unbegun.add(pursuit.run.name)
    pursuit.heldIn = undefined
    pursuit.heldAt = undefined
    pursuit.release?.()
    pursuit.release = undefined
  }
  beginAgain(crew)
}
