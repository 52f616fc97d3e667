/** A worker process as its parent holds it. */
import { fork, type ChildProcess } from "node:child_process"
import { join } from "node:path"
import type { GuardName } from "./guards.ts"
import type { FromWorker, Setup, ToWorker } from "./message.ts"

/** A running worker. `ended` resolves when its process is gone, with whether that was by its own exit. */
export interface Hand<In extends object = ToWorker> {
  readonly tell: (message: In) => void
  readonly kill: () => Promise<boolean>
  readonly stop: () => void
  readonly resume: () => void
  readonly ended: Promise<boolean>
}

/** What every worker of a campaign is started with. */
export interface Workshop {
  /** Where Node keeps compiled sources, so that a restart does not compile them again. */
  readonly cache: string
  readonly without: GuardName | undefined
}

/** Which program a worker runs. */
export interface Program {
  readonly script: string
  readonly args: ReadonlyArray<string>
  readonly cache: string
}

const running = new Set<ChildProcess>()

// A process that is stopped would outlive its parent.
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL")
})

/** Starts a worker, tells it `setup`, and gives it once a message says that it is ready. */
export const start = <In extends object, Out extends object>(
  { args, cache, script }: Program,
  setup: In,
  isReady: (message: Out) => boolean,
  listen: (message: Out, hand: Hand<In>) => void
): Promise<Hand<In>> =>
  new Promise((resolve, reject) => {
    const child = fork(script, args, {
      execArgv: ["--conditions=@keyfold/source"],
      env: { ...process.env, NODE_COMPILE_CACHE: cache, NODE_OPTIONS: "" },
      stdio: ["ignore", "inherit", "inherit", "ipc"]
    })
    running.add(child)
    const ended = new Promise<boolean>((done) => {
      child.once("exit", (_code, signal) => {
        running.delete(child)
        done(signal === null)
      })
    })
    const hand: Hand<In> = {
      // One that is gone hears nothing, and its work is done by the next.
      tell: (message) => void (child.connected && child.send(message, () => {})),
      kill: () => {
        child.kill("SIGKILL")
        return ended
      },
      stop: () => void child.kill("SIGSTOP"),
      resume: () => void child.kill("SIGCONT"),
      ended
    }
    child.on("message", (message: Out) => {
      if (isReady(message)) resolve(hand)
      else listen(message, hand)
    })
    child.once("error", reject)
    void ended.then(() => reject(new Error("a worker ended before it was ready")))
    hand.tell(setup)
  })

/** Starts a worker of the fault campaign and gives it once its store is open. */
export const hire = (
  { cache, without }: Workshop,
  setup: Setup,
  listen: (message: FromWorker, hand: Hand) => void
): Promise<Hand> =>
  start<ToWorker, FromWorker>(
    { script: join(import.meta.dirname, "worker.ts"), args: without === undefined ? [] : [without], cache },
    { kind: "setup", setup },
    ({ kind }) => kind === "ready",
    listen
  )
