/** Interventions: what a test asks the emulator to do to coming requests instead of answering them. */
import type { ArrivedRequest, Emulator, Fault, FaultSource, HandlerRun, Target } from "../Emulator.ts"
import { requireDuration } from "./clock.ts"
import { answered, interventionOf, untouched, type Intervention } from "./faults.ts"
import { makeQueue, type Queue } from "./queue.ts"

interface Delay {
  readonly milliseconds: number
  readonly commit: "before" | "after"
}

type Controls = Pick<
  Emulator<never, never>,
  | "failNext"
  | "loseNextResponse"
  | "abandonNext"
  | "delayNext"
  | "hangNext"
  | "garbleNext"
  | "cutNext"
  | "trickleNext"
  | "duplicateNext"
  | "staleNext"
  | "skewNext"
  | "answerNext"
  | "clearInterventions"
  | "setFaults"
>

/** What happens to one request. */
export interface Taken {
  readonly delay: Delay | undefined
  readonly intervention: Intervention
  /** Called after each run of the handler. */
  readonly onHandled: ((run: HandlerRun) => void) | undefined
}

/** The queues and the source of faults, with the part of the control surface that fills them. */
export interface Interventions {
  readonly controls: Controls
  readonly take: (request: ArrivedRequest) => Taken
}

const nothing: Taken = { delay: undefined, intervention: untouched, onHandled: undefined }

const chosenBy = (source: FaultSource | undefined, request: ArrivedRequest): Taken => {
  const chosen = source?.next(request)
  if (chosen === undefined) return nothing
  return { delay: undefined, intervention: interventionOf(chosen.fault), onHandled: chosen.onHandled }
}

type FaultControls = Omit<Controls, "answerNext" | "clearInterventions" | "setFaults" | "delayNext">

const makeFaultControls = (queue: Queue<Intervention>): FaultControls => {
  const add = (fault: Fault, target?: Target) => queue.add(interventionOf(fault, `${fault.kind}Next`), target)
  return {
    failNext: (failure, target) => add({ kind: "fail", failure, commit: target?.commit ?? false }, target),
    loseNextResponse: (target) => add({ kind: "lose" }, target),
    abandonNext: (milliseconds, target) => add({ kind: "abandon", milliseconds }, target),
    hangNext: (target) => add({ kind: "hang", commit: target?.commit ?? true }, target),
    garbleNext: (garbling, target) => add({ kind: "garble", garbling }, target),
    cutNext: (target) => add({ kind: "cut" }, target),
    trickleNext: (milliseconds, target) => add({ kind: "trickle", milliseconds }, target),
    duplicateNext: (milliseconds, target) =>
      add({ kind: "duplicate", milliseconds, answer: target?.answer ?? "first" }, target),
    staleNext: (milliseconds, target) => add({ kind: "stale", milliseconds }, target),
    skewNext: (milliseconds, target) => add({ kind: "skew", milliseconds }, target)
  }
}

/** Makes empty queues. */
export const makeInterventions = (): Interventions => {
  const interventions = makeQueue<Intervention>()
  const delays = makeQueue<Delay>()
  let source: FaultSource | undefined
  return {
    controls: {
      ...makeFaultControls(interventions),
      delayNext: (milliseconds, target) => {
        requireDuration("delayNext", milliseconds)
        delays.add({ milliseconds, commit: target?.commit ?? "before" }, target)
      },
      answerNext: (answer, target) => interventions.add(answered(answer), target),
      clearInterventions: () => {
        interventions.clear()
        delays.clear()
      },
      setFaults: (next) => {
        source = next
      }
    },
    take: (request) => {
      const delay = delays.take(request.operation)
      const intervention = interventions.take(request.operation)
      if (delay === undefined && intervention === undefined) return chosenBy(source, request)
      return { ...nothing, delay, intervention: intervention ?? untouched }
    }
  }
}
