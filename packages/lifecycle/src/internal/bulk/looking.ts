/** Looking again, before anything is revoked: which keys of a plan are still there, and whether the set has grown. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Grown, type Failure, type Outcome, type Plan, type Source, type Target } from "../../BulkRevocation.ts"
import type { Selector } from "../../Selector.ts"
import { addressOf } from "./address.ts"
import { refuse } from "./planning.ts"
import { readKeys, type Seen } from "./reading.ts"

/** What was found of the keys that are not done yet. */
export interface Look {
  /** Planned keys that are there and still meant. */
  readonly live: ReadonlyArray<Seen>
  /** Planned keys that are there and not meant any more. */
  readonly spared: ReadonlyArray<Target>
  /** Planned keys that are not there. */
  readonly absent: ReadonlyArray<Target>
  readonly added: number
}

const examples = 10

const isDone = ({ kind }: Outcome): boolean => kind !== "failed" && kind !== "spared"

/** Whether an earlier run revoked this key, and the backend may not show it yet. */
const mayLag = (outcome: Outcome | undefined, { capabilities }: Source, now: number): boolean =>
  outcome !== undefined &&
  isDone(outcome) &&
  now <= outcome.at + Duration.toMillis(capabilities.consistency.visibility.within)

const look = Effect.fnUntraced(function* (
  sources: ReadonlyArray<Source>,
  selector: Selector,
  plan: Plan,
  outcomes: ReadonlyMap<string, Outcome>,
  leaveAdded: boolean
): Effect.fn.Return<Look, Failure> {
  const waiting = new Map(plan.targets.map((target) => [addressOf(target), target]))
  const live: Array<Seen> = []
  const spared: Array<Target> = []
  const added: Array<Target> = []
  let count = 0
  const now = yield* Clock.currentTimeMillis
  yield* Stream.runForEach(readKeys(sources, selector, plan.plannedAt), (seen) =>
    Effect.sync(() => {
      const address = addressOf(seen.target)
      const planned = waiting.get(address)
      if (planned === undefined) {
        if (seen.verdict !== true) return
        if (count++ < examples) added.push(seen.target)
        return
      }
      waiting.delete(address)
      if (mayLag(outcomes.get(address), seen.source, now)) return
      if (seen.verdict === true) live.push(seen)
      else spared.push(planned)
    })
  )
  if (count > 0 && !leaveAdded) return yield* refuse(new Grown({ count, examples: added }))
  const absent = [...waiting].flatMap(([address, target]) => {
    const outcome = outcomes.get(address)
    return outcome !== undefined && isDone(outcome) ? [] : [target]
  })
  return { live, spared, absent, added: count }
})

/** A list from another replica may miss a key: only what is missing twice is gone. */
const lookAgain = Effect.fnUntraced(function* (
  sources: ReadonlyArray<Source>,
  selector: Selector,
  plan: Plan,
  first: Look
): Effect.fn.Return<Look, Failure> {
  if (first.absent.length === 0) return first
  const stores = new Set(first.absent.map(({ store }) => store))
  const waiting = new Map(first.absent.map((target) => [addressOf(target), target]))
  const live = [...first.live]
  const spared = [...first.spared]
  const concerned = sources.filter(({ store }) => stores.has(store))
  yield* Stream.runForEach(readKeys(concerned, selector, plan.plannedAt), (seen) =>
    Effect.sync(() => {
      if (!waiting.delete(addressOf(seen.target))) return
      if (seen.verdict === true) live.push(seen)
      else spared.push(seen.target)
    })
  )
  return { ...first, live, spared, absent: [...waiting.values()] }
})

/** Looks at the keys of a plan; fails where others match too, unless those are to be left alone. */
export const lookFor = (
  sources: ReadonlyArray<Source>,
  selector: Selector,
  plan: Plan,
  outcomes: ReadonlyMap<string, Outcome>,
  leaveAdded: boolean
): Effect.Effect<Look, Failure> =>
  Effect.flatMap(look(sources, selector, plan, outcomes, leaveAdded), (first) =>
    lookAgain(sources, selector, plan, first)
  )
