/** The work of one worker process: creates and recoveries as the parent asks for them, each reported when it ends. */
import { Conflict, type KeyStoreError } from "@keyfold/core/KeyStoreError"
import { OperationId } from "@keyfold/core/OperationId"
import { deliverTo, type Sink } from "@keyfold/core/Sink"
import { Clock } from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Audit, FromWorker, Result, Setup, Task, ToWorker } from "./message.ts"
import { clockOf, realNow, type Scale } from "./scale.ts"
import { sinkOf } from "./sinks.ts"
import { makeTraps, type Traps } from "./traps.ts"
import { open, storeName, type Workshop } from "./workshop.ts"

// A parent that is gone hears nothing; `disconnect` ends this process then.
const report = (message: FromWorker): void => void process.send?.(message, undefined, {}, () => {})

/** A worker that has been set up. */
interface Bench extends Workshop {
  readonly traps: Traps
  readonly scale: Scale
  readonly scope: Scope.Closeable
  /** Runs on the worker's clock. */
  readonly run: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
}

const failedWith = ({ operationId, reason }: KeyStoreError): Result => ({
  kind: "failed",
  reason: reason._tag,
  isHeldElsewhere: reason instanceof Conflict && reason.existing === undefined,
  problem: `${operationId ?? ""} ${reason.message}`
})

const interrupted: Result = {
  kind: "failed",
  reason: "Interrupted",
  isHeldElsewhere: false,
  problem: "the create was interrupted"
}

const resultOf = (exit: Exit.Exit<Result, KeyStoreError>): Result => {
  if (Exit.isSuccess(exit)) return exit.value
  const failure = Exit.findErrorOption(exit)
  if (failure._tag === "Some") return failedWith(failure.value)
  if (Exit.hasInterrupts(exit)) return interrupted
  return { kind: "failed", reason: "Defect", isHeldElsewhere: false, problem: String(exit.cause) }
}

/** Reports how long deliveries took: one that outlived its lease broke the bound that its sink declares. */
const timed = (sink: Sink, operationId: string): Sink => ({
  ...sink,
  open: Effect.map(
    sink.open,
    (write) => (issued) =>
      Effect.suspend(() => {
        const began = realNow()
        const tell = Effect.sync(() => report({ kind: "delivery", operationId, took: realNow() - began }))
        return Effect.ensuring(write(issued), tell)
      })
  )
})

const createOf = ({ keys }: Bench, { holder, operationId }: Task): Effect.Effect<Result, KeyStoreError> => {
  const create = keys.create({ name: operationId }, { operationId: OperationId.make(operationId) })
  return holder.kind === "caller"
    ? Effect.map(create, ({ key, secret }) => ({ kind: "held", keyId: key.id, secret: Redacted.value(secret) }))
    : create.pipe(
        deliverTo(timed(sinkOf(holder), operationId)),
        Effect.map(({ key }) => ({ kind: "held", keyId: key.id }))
      )
}

const recoveryOf = ({ keys }: Bench, { holder, operationId }: Task): Effect.Effect<Result, KeyStoreError> =>
  Effect.map(
    keys.recover(OperationId.make(operationId), holder.kind === "caller" ? {} : { sink: sinkOf(holder) }),
    ({ kind }) => ({ kind: "recovered", outcome: kind })
  )

const perform = (bench: Bench, task: Task): void => {
  const { operationId } = task
  // The trap may spring before `run` returns.
  const handle: { fiber: Fiber.Fiber<unknown, unknown> | undefined } = { fiber: undefined }
  const interrupt = () => handle.fiber?.interruptUnsafe()
  if (task.trap !== undefined) bench.traps.set(operationId, task.trap, interrupt)
  if (task.kind === "recover") bench.traps.recovering(operationId)
  const fiber = bench.run(task.kind === "create" ? createOf(bench, task) : recoveryOf(bench, task))
  handle.fiber = fiber
  const timer =
    task.interruptAfter === undefined ? undefined : setTimeout(interrupt, task.interruptAfter / bench.scale.factor)
  fiber.addObserver((exit) => {
    clearTimeout(timer)
    report({ kind: "done", operationId, result: resultOf(exit) })
  })
}

const sweep = ({ keys, run }: Bench): void => {
  run(keys.sweepOrphans()).addObserver((exit) => {
    if (Exit.isFailure(exit)) return report({ kind: "sweepFailed", reason: String(exit.cause) })
    const { orphans, underWay } = exit.value
    const failed = orphans.filter(({ fate }) => fate === "failed").length
    report({ kind: "swept", underWay: underWay.length, failed, revoked: orphans.length - failed })
  })
}

const nothing: Audit = { intact: true, entries: 0, states: {} }

const auditOf = Effect.fnUntraced(function* ({ journal }: Bench) {
  if (journal === undefined) return nothing
  const verified = yield* journal.verify(storeName)
  const states: Record<string, number> = {}
  yield* Stream.runForEach(journal.operations({ store: storeName }), ({ state }) =>
    Effect.sync(() => void (states[state] = (states[state] ?? 0) + 1))
  )
  return { intact: verified.intact, entries: verified.intact ? verified.entries : 0, states }
})

const audit = (bench: Bench): void => {
  bench.run(auditOf(bench)).addObserver((exit) => {
    report({ kind: "audited", audit: Exit.isSuccess(exit) ? exit.value : { ...nothing, intact: false } })
  })
}

const close = ({ run, scope }: Bench): void => {
  report({ kind: "closing" })
  run(Scope.close(scope, Exit.void)).addObserver(() => process.exit(0))
}

const logged = Logger.make(({ message }) => report({ kind: "log", text: String(message) }))

const setUp = async (setup: Setup): Promise<Bench> => {
  const traps = makeTraps(report)
  const scope = Scope.makeUnsafe()
  const clock = clockOf(setup.scale, setup.clockOffset)
  const onClock = <A, E>(effect: Effect.Effect<A, E>) =>
    effect.pipe(Effect.provideService(Clock, clock), Effect.provide(Logger.layer([logged])))
  const workshop = await Effect.runPromise(onClock(Scope.provide(open(setup, traps, report), scope)))
  return { ...workshop, traps, scale: setup.scale, scope, run: (effect) => Effect.runFork(onClock(effect)) }
}

const answer = (bench: Bench, message: Exclude<ToWorker, { readonly kind: "setup" }>): void => {
  switch (message.kind) {
    case "task":
      return perform(bench, message.task)
    case "go":
      return bench.traps.go(message.operationId)
    case "sweep":
      return sweep(bench)
    case "audit":
      return audit(bench)
    case "close":
      return close(bench)
    case "exit":
      process.exit(0)
  }
}

/** Waits for the set-up and then for tasks; ends with its parent. */
export const begin = (): void => {
  let bench: Bench | undefined
  process.on("disconnect", () => process.exit(0))
  process.on("message", (message: ToWorker) => {
    if (message.kind !== "setup") {
      if (bench !== undefined) answer(bench, message)
      return
    }
    void setUp(message.setup).then((ready) => {
      bench = ready
      report({ kind: "ready" })
    })
  })
}
