/** Plans and their progress in memory. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Outcome, Plan } from "../../BulkRevocation.ts"
import type { BulkStorage, Claim } from "../../BulkStorage.ts"
import { addressOf } from "./address.ts"

interface Shelf {
  plan: Plan
  readonly outcomes: Map<string, Outcome>
}

interface Holder {
  readonly runner: string
  readonly until: number
}

/** Makes an empty storage. */
export const make = (): BulkStorage => {
  const shelves = new Map<string, Shelf>()
  const holders = new Map<string, Holder>()
  const claim = (digest: string, runner: string, lasting: number, now: number): Claim => {
    const holder = holders.get(digest)
    if (holder !== undefined && holder.runner !== runner && holder.until > now) {
      return { held: false, until: holder.until }
    }
    holders.set(digest, { runner, until: now + lasting })
    return { held: true }
  }
  return {
    save: (plan) =>
      Effect.sync(() => {
        const shelf = shelves.get(plan.digest)
        if (shelf === undefined) shelves.set(plan.digest, { plan, outcomes: new Map() })
        else shelf.plan = plan
      }),
    load: (digest) =>
      Effect.sync(() => {
        const shelf = shelves.get(digest)
        return shelf === undefined ? undefined : { plan: shelf.plan, outcomes: [...shelf.outcomes.values()] }
      }),
    claim: (digest, runner, lasting) =>
      Effect.map(Clock.currentTimeMillis, (now) => claim(digest, runner, Duration.toMillis(lasting), now)),
    record: (digest, outcomes) =>
      Effect.sync(() => {
        for (const outcome of outcomes) shelves.get(digest)?.outcomes.set(addressOf(outcome), outcome)
      }),
    release: (digest, runner) =>
      Effect.sync(() => {
        if (holders.get(digest)?.runner === runner) holders.delete(digest)
      })
  }
}
