/** The work of one worker process: it runs rotations, and tells its parent where they are. */
import { RotationId, type Options } from "@keyfold/lifecycle/Rotation"
import { settle } from "@keyfold/lifecycle/RotationRunner"
import { Clock } from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { clockOf } from "../chaos/scale.ts"
import type { FromWorker, Run, Setup, ToWorker } from "./message.ts"
import { verifies } from "./points.ts"
import { open, type World } from "./world.ts"

/** How long both keys work, in scaled time. */
export const overlap = "60 seconds"

// A parent that is gone hears nothing; `disconnect` ends this process then.
const report = (message: FromWorker): void => void process.send?.(message, undefined, {}, () => {})

interface Bench extends World {
  readonly setup: Setup
  readonly run: (name: string, effect: Effect.Effect<unknown, { readonly message: string }>) => void
}

const requestOf = ({ backend }: Setup, { name, path }: Run): Options => {
  const probe = path === "refused" ? "closed" : verifies(backend) ? undefined : "door"
  return {
    store: name,
    overlap,
    sink: "place",
    ...(probe === undefined ? {} : { probe }),
    holderCheck: "holder",
    rotationId: RotationId.make(name)
  }
}

const begin = ({ rotations, run, setup }: Bench, names: ReadonlyArray<string>): void => {
  for (const one of setup.runs) {
    if (names.includes(one.name)) run(one.name, rotations.start(one.old, requestOf(setup, one)))
  }
}

const settleAll = ({ rotations, run }: Bench): void => {
  // The first line of what `keyfold rotate --due` does; it does not wait for the overlaps.
  const settled = Effect.tap(Stream.runDrain(settle(rotations, { patience: "1 second", within: "5 minutes" })), () =>
    Effect.sync(() => report({ kind: "settled" }))
  )
  run("settle", settled)
}

const answer = (bench: Bench, message: Exclude<ToWorker, { readonly kind: "setup" }>): void => {
  const { gates, rotations, run } = bench
  switch (message.kind) {
    case "start":
      return begin(bench, message.runs)
    case "arm":
      return gates.get(message.run)?.arm(message.trap)
    case "hold":
      return gates.get(message.run)?.hold()
    case "thaw":
      for (const gate of gates.values()) gate.thaw()
      return
    case "decide":
      return run(message.run, rotations.resolve(RotationId.make(message.run), "old"))
    case "abort":
      return run(message.run, rotations.abort(RotationId.make(message.run)))
    case "resume":
      return run(message.run, rotations.resume(RotationId.make(message.run)))
    case "settle":
      return settleAll(bench)
    case "exit":
      process.exit(0)
  }
}

const logged = Logger.make(({ message }) => report({ kind: "log", text: String(message) }))

const setUp = async (setup: Setup): Promise<Bench> => {
  const clock = clockOf(setup.scale, setup.clockOffset)
  const onClock = <A, E>(effect: Effect.Effect<A, E>) =>
    effect.pipe(Effect.provideService(Clock, clock), Effect.provide(Logger.layer([logged])))
  const world = await Effect.runPromise(onClock(Scope.provide(open(setup, report), Scope.makeUnsafe())))
  const run: Bench["run"] = (name, effect) => {
    Effect.runFork(onClock(effect)).addObserver((exit) => {
      if (Exit.isFailure(exit)) report({ kind: "failed", run: name, problem: String(exit.cause) })
    })
  }
  return { ...world, setup, run }
}

/** Waits for the set-up and then for what to do; ends with its parent. */
export const work = (): void => {
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
