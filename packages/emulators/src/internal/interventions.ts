/** Interventions: what a test asks the emulator to do to coming requests instead of answering them. */
import type { Answer, Emulator, Failure, Garbling, NetworkFailure, Outcome, Target } from "../Emulator.ts"
import { requireDuration } from "./clock.ts"
import { respond } from "./respond.ts"

const outcomes = new WeakMap<object, Outcome>()

/** Tells which network failure an error stands for; undefined for any other error. */
export const networkOutcome = (error: unknown): Outcome | undefined =>
  typeof error === "object" && error !== null ? outcomes.get(error) : undefined

/** Makes the error Node's fetch rejects with: a plain `TypeError` whose cause carries the code. */
export const networkFailure = (outcome: Outcome, code: string, detail: string): TypeError => {
  const error = new TypeError("fetch failed", { cause: Object.assign(new Error(detail), { code }) })
  outcomes.set(error, outcome)
  return error
}

const connectionReset = () => networkFailure("reset", "ECONNRESET", "read ECONNRESET")

const networkError = (kind: NetworkFailure["network"]): TypeError => {
  switch (kind) {
    case "refused":
      return networkFailure("refused", "ECONNREFUSED", "connect ECONNREFUSED")
    case "reset":
      return connectionReset()
    case "timeoutBeforeAnswer":
      return networkFailure("timeout", "UND_ERR_HEADERS_TIMEOUT", "Headers Timeout Error")
  }
}

const requireFailure = (failure: Failure): Failure => {
  if ("network" in failure) return failure
  if (Number.isInteger(failure.status) && failure.status >= 200 && failure.status <= 599) return failure
  throw new TypeError(`failure.status takes a whole number from 200 to 599, got ${failure.status}`)
}

const fail =
  (failure: Failure): Answer =>
  () => {
    if ("network" in failure) throw networkError(failure.network)
    const headers = Object.entries(failure.headers ?? {})
    return respond({
      status: failure.status,
      headers: failure.contentType === undefined ? headers : [...headers, ["content-type", failure.contentType]],
      body: failure.body
    })
  }

const loseResponse: Answer = async ({ proceed }) => {
  await proceed()
  throw connectionReset()
}

const hang =
  (commit: boolean): Answer =>
  async ({ proceed }) => {
    if (commit) await proceed()
    return new Promise(() => {})
  }

const garbled = (garbling: Garbling, body: string): readonly [contentType: string, body: string] => {
  switch (garbling) {
    case "truncated":
      return ["application/json", body.length < 2 ? "{" : body.slice(0, Math.floor(body.length / 2))]
    case "html":
      return ["text/html", "<!doctype html><html><body><h1>It works</h1></body></html>"]
    case "empty":
      return ["application/json", ""]
    case "text":
      return ["application/json", "All is well."]
  }
}

const garble =
  (garbling: Garbling): Answer =>
  async ({ proceed }) => {
    const answer = await proceed()
    const [contentType, body] = garbled(garbling, await answer.text())
    const headers = new Headers(answer.headers)
    headers.set("content-type", contentType)
    return respond({ status: 200, headers: [...headers], body })
  }

interface Delay {
  readonly milliseconds: number
  readonly commit: "before" | "after"
}

interface Queued<Value> {
  readonly value: Value
  readonly operation: string | undefined
  remaining: number
}

const makeQueue = <Value>() => {
  let queue: Array<Queued<Value>> = []
  return {
    add: (value: Value, target: Target = {}) => {
      const remaining = target.count ?? 1
      if (!Number.isSafeInteger(remaining) || remaining < 1) {
        throw new TypeError(`count takes a whole number of 1 or more, got ${remaining}`)
      }
      queue.push({ value, operation: target.operation, remaining })
    },
    take: (operation: string | undefined): Value | undefined => {
      const match = queue.find((queued) => queued.operation === undefined || queued.operation === operation)
      if (match === undefined) return undefined
      match.remaining -= 1
      if (match.remaining === 0) queue = queue.filter((queued) => queued !== match)
      return match.value
    },
    clear: () => {
      queue = []
    }
  }
}

type Controls = Pick<
  Emulator<never, never>,
  "failNext" | "loseNextResponse" | "delayNext" | "hangNext" | "garbleNext" | "answerNext" | "clearInterventions"
>

/** What one request takes from the queues. */
export interface Taken {
  readonly delay: Delay | undefined
  readonly answer: Answer
}

/** The queues, with the part of the control surface that fills them. */
export interface Interventions {
  readonly controls: Controls
  readonly take: (operation: string | undefined) => Taken
}

const untouched: Answer = ({ proceed }) => proceed()

/** Makes empty queues. */
export const makeInterventions = (): Interventions => {
  const answers = makeQueue<Answer>()
  const delays = makeQueue<Delay>()
  return {
    controls: {
      failNext: (failure, target) => answers.add(fail(requireFailure(failure)), target),
      loseNextResponse: (target) => answers.add(loseResponse, target),
      delayNext: (milliseconds, target) => {
        requireDuration("delayNext", milliseconds)
        delays.add({ milliseconds, commit: target?.commit ?? "before" }, target)
      },
      hangNext: (target) => answers.add(hang(target?.commit ?? true), target),
      garbleNext: (garbling, target) => answers.add(garble(garbling), target),
      answerNext: (answer, target) => answers.add(answer, target),
      clearInterventions: () => {
        answers.clear()
        delays.clear()
      }
    },
    take: (operation) => ({ delay: delays.take(operation), answer: answers.take(operation) ?? untouched })
  }
}
