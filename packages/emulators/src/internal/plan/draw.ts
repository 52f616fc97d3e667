/** From a kind of fault to one fault with its times. */
import type { Fault, StatusFailure } from "../../Emulator.ts"
import type { FaultKind, Range, Times } from "../../Faults.ts"
import type { Random } from "../anyAnswer/random.ts"

/** What one draw depends on. */
export interface DrawContext {
  readonly random: Random
  readonly times: Times
  readonly scale: number
  /** What the server's own clock shows, in epoch milliseconds. */
  readonly now: number
}

const between = (random: Random, [least, most]: Range, scale: number): number =>
  random.between(Math.round(least * scale), Math.round(most * scale))

const bodies: ReadonlyArray<Pick<StatusFailure, "body" | "contentType">> = [
  { contentType: "application/json", body: '{"message":"The server is having a bad day."}' },
  { contentType: "text/html", body: "<!doctype html><html><body><h1>Bad day</h1></body></html>" },
  { contentType: "text/plain", body: "The server is having a bad day." },
  {}
]

const retryAfter = ({ now, random, scale, times }: DrawContext): Record<string, string> => {
  const form = random.pick(["none", "seconds", "date"])
  const wait = between(random, times.retryAfter, scale)
  if (form === "none") return {}
  return { "Retry-After": form === "seconds" ? `${Math.round(wait / 1_000)}` : new Date(now + wait).toUTCString() }
}

const status = (context: DrawContext, code: number): Fault => {
  const failure = { status: code, headers: retryAfter(context), ...context.random.pick(bodies) }
  // A rate limit promises that nothing was done; any other of these may come from a proxy after the server acted.
  return { kind: "fail", failure, commit: code !== 429 && context.random.below(2) === 0 }
}

const duplicate = ({ random, scale, times }: DrawContext): Fault => {
  const milliseconds = random.below(2) === 0 ? 0 : between(random, times.duplicate, scale)
  return { kind: "duplicate", milliseconds, answer: random.pick(["first", "second", "none"]) }
}

/** Draws the fault of a kind. */
export const drawFault = (kind: FaultKind, context: DrawContext): Fault => {
  const { random, scale, times } = context
  switch (kind) {
    case "resetBefore":
      return { kind: "fail", failure: { network: "reset" }, commit: false }
    case "resetAfter":
      return { kind: "lose" }
    case "abandoned":
      return { kind: "abandon", milliseconds: between(random, times.late, scale) }
    case "late":
      return { kind: "delay", milliseconds: between(random, times.late, scale), commit: "after" }
    case "slow":
      return { kind: "delay", milliseconds: between(random, times.slow, scale), commit: "before" }
    case "cut":
      return { kind: "cut" }
    case "trickle":
      return { kind: "trickle", milliseconds: between(random, times.trickle, scale) }
    case "duplicate":
      return duplicate(context)
    case "stale":
      return { kind: "stale", milliseconds: between(random, times.stale, scale) }
    case "skew":
      // Not scaled: what a wrong clock shifts is written and checked in real time.
      return { kind: "skew", milliseconds: between(random, times.skew, 1) }
    case "status429":
    case "status500":
    case "status502":
    case "status503":
    case "status504":
      return status(context, Number(kind.slice("status".length)))
    case "html":
    case "truncated":
    case "empty":
    case "text":
      return { kind: "garble", garbling: kind }
  }
}
