/** What can happen to a request instead of a plain answer. */
import type { Answer, Exchange, Failure, Fault, Garbling } from "../Emulator.ts"
import { cutShort, trickled } from "./bodies.ts"
import { requireDuration, requireSkew, type WaitingClock } from "./clock.ts"
import { connectionReset, networkError } from "./network.ts"
import { respond } from "./respond.ts"

/** How one run of a handler sees the world: reads that are behind, a clock that is off; in milliseconds. */
export interface Circumstances {
  readonly staleBy?: number
  readonly skewBy?: number
}

/** One request on its way to the backend's handler. */
export interface Delivery {
  readonly exchange: Exchange
  readonly clock: WaitingClock
  /** Emulator time of arrival. */
  readonly arrived: number
  /** Runs the backend's handler once. */
  readonly run: (circumstances?: Circumstances) => Promise<Response>
}

/** Brings a request to its answer, or rejects. */
export type Intervention = (delivery: Delivery) => Promise<Response>

/** Lets the backend answer. */
export const untouched: Intervention = ({ run }) => run()

/** Lets a caller answer. */
export const answered =
  (answer: Answer): Intervention =>
  async ({ exchange }) =>
    answer(exchange)

const requireFailure = (failure: Failure, commit: boolean): void => {
  if ("network" in failure) {
    if (!commit || failure.network !== "refused") return
    throw new TypeError('commit takes false with network "refused": no request arrives over a refused connection')
  }
  if (Number.isInteger(failure.status) && failure.status >= 200 && failure.status <= 599) return
  throw new TypeError(`failure.status takes a whole number from 200 to 599, got ${failure.status}`)
}

const failed = (failure: Failure): Response => {
  if ("network" in failure) throw networkError(failure.network)
  const headers = Object.entries(failure.headers ?? {})
  return respond({
    status: failure.status,
    headers: failure.contentType === undefined ? headers : [...headers, ["content-type", failure.contentType]],
    body: failure.body
  })
}

const fail = (failure: Failure, commit: boolean): Intervention => {
  requireFailure(failure, commit)
  return async ({ run }) => {
    if (commit) await run()
    return failed(failure)
  }
}

const lose: Intervention = async ({ run }) => {
  await run()
  throw connectionReset()
}

// Nobody waits for a run that comes later, but a fault of the emulator itself in it must still be heard.
const runLater = async ({ arrived, clock, run }: Delivery, milliseconds: number): Promise<Response> => {
  if (milliseconds > 0) await clock.sleepUntil(arrived + milliseconds)
  return run()
}

const abandon =
  (milliseconds: number): Intervention =>
  async (delivery) => {
    void runLater(delivery, milliseconds)
    throw connectionReset()
  }

const delay =
  (milliseconds: number, commit: "before" | "after"): Intervention =>
  async (delivery) => {
    if (commit === "after") return runLater(delivery, milliseconds)
    const response = await delivery.run()
    await delivery.clock.sleepUntil(delivery.arrived + milliseconds)
    return response
  }

const hang =
  (commit: boolean): Intervention =>
  async ({ run }) => {
    if (commit) await run()
    return new Promise(() => {})
  }

const cut: Intervention = async ({ run }) => cutShort(await run())

const trickle =
  (milliseconds: number): Intervention =>
  async ({ clock, exchange, run }) =>
    trickled(await run(), milliseconds, clock, exchange.request.signal)

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
  (garbling: Garbling): Intervention =>
  async ({ run }) => {
    const answer = await run()
    const [contentType, body] = garbled(garbling, await answer.text())
    const headers = new Headers(answer.headers)
    headers.set("content-type", contentType)
    return respond({ status: 200, headers: [...headers], body })
  }

const duplicate =
  (milliseconds: number, answer: "first" | "second" | "none"): Intervention =>
  async (delivery) => {
    const first = await delivery.run()
    const second = runLater(delivery, milliseconds)
    if (answer === "second") return second
    if (answer === "none") throw connectionReset()
    return first
  }

/** Makes the intervention of a fault; refuses what cannot be, with the name of what was given the time. */
export const interventionOf = (fault: Fault, name = "fault.milliseconds"): Intervention => {
  const duration = "milliseconds" in fault && fault.kind !== "skew" ? requireDuration(name, fault.milliseconds) : 0
  switch (fault.kind) {
    case "fail":
      return fail(fault.failure, fault.commit)
    case "lose":
      return lose
    case "abandon":
      return abandon(duration)
    case "delay":
      return delay(duration, fault.commit)
    case "hang":
      return hang(fault.commit)
    case "cut":
      return cut
    case "trickle":
      return trickle(duration)
    case "garble":
      return garble(fault.garbling)
    case "duplicate":
      return duplicate(duration, fault.answer)
    case "stale":
      return ({ run }) => run({ staleBy: duration })
    case "skew": {
      const skewBy = requireSkew(name, fault.milliseconds)
      return ({ run }) => run({ skewBy })
    }
  }
}
