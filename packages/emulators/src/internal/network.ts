/** Failures of the network, as Node's fetch reports them. */
import type { NetworkFailure, Outcome } from "../Emulator.ts"

const outcomes = new WeakMap<object, Outcome>()

/** Tells which network failure an error stands for; undefined for any other error. */
export const networkOutcome = (error: unknown): Outcome | undefined =>
  typeof error === "object" && error !== null ? outcomes.get(error) : undefined

const failure = (message: string, code: string, detail: string) =>
  new TypeError(message, { cause: Object.assign(new Error(detail), { code }) })

/** Makes the error Node's fetch rejects with: a plain `TypeError` whose cause carries the code. */
export const networkFailure = (outcome: Outcome, code: string, detail: string): TypeError => {
  const error = failure("fetch failed", code, detail)
  outcomes.set(error, outcome)
  return error
}

/** Makes the error of a connection that broke before an answer. */
export const connectionReset = (): TypeError => networkFailure("reset", "ECONNRESET", "read ECONNRESET")

/** Makes the error of a connection that broke within a body. */
export const bodyCut = (): TypeError => failure("terminated", "ECONNRESET", "read ECONNRESET")

/** Makes the error of a network failure. */
export const networkError = (kind: NetworkFailure["network"]): TypeError => {
  switch (kind) {
    case "refused":
      return networkFailure("refused", "ECONNREFUSED", "connect ECONNREFUSED")
    case "reset":
      return connectionReset()
    case "timeoutBeforeAnswer":
      return networkFailure("timeout", "UND_ERR_HEADERS_TIMEOUT", "Headers Timeout Error")
  }
}
