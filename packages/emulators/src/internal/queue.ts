/** Queues of what a test asked for and no request has taken yet. */
import type { Target } from "../Emulator.ts"

interface Queued<Value> {
  readonly value: Value
  readonly operation: string | undefined
  remaining: number
}

/** What waits for requests, oldest first. */
export interface Queue<Value> {
  readonly add: (value: Value, target?: Target) => void
  /** Takes the oldest that matches. */
  readonly take: (operation: string | undefined) => Value | undefined
  readonly clear: () => void
}

/** Makes an empty queue. */
export const makeQueue = <Value>(): Queue<Value> => {
  let queue: Array<Queued<Value>> = []
  return {
    add: (value, target = {}) => {
      const remaining = target.count ?? 1
      if (!Number.isSafeInteger(remaining) || remaining < 1) {
        throw new TypeError(`count takes a whole number of 1 or more, got ${remaining}`)
      }
      queue.push({ value, operation: target.operation, remaining })
    },
    take: (operation) => {
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
