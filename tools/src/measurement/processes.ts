/** The processes of a benchmark: each measured thing, and the server, in one of its own. */
import { fork, type ChildProcess } from "node:child_process"

/** Starts a module as a process that runs as this one does: what was built or, with a condition, the sources. */
export const start = (file: string, parameters: ReadonlyArray<string> = []): ChildProcess =>
  fork(file, parameters, { execArgv: process.execArgv, serialization: "advanced" })

/** Waits for the next message; rejects where the process ends without one. */
export const message = <A>(child: ChildProcess): Promise<A> =>
  new Promise((resolve, reject) => {
    const leave = () => child.off("message", received).off("exit", ended)
    const received = (value: unknown) => {
      leave()
      resolve(value as A)
    }
    const ended = () => {
      leave()
      reject(new Error("a process ended without a result"))
    }
    if (child.exitCode !== null || child.signalCode !== null) ended()
    else child.on("message", received).on("exit", ended)
  })

/** Sends a message and waits for what is answered. */
export const ask = <A>(child: ChildProcess, question: unknown): Promise<A> => {
  const answer = message<A>(child)
  child.send(question as string)
  return answer
}
