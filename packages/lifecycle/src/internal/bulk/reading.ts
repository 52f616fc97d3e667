/** One pass over the keys of all sources: which of them a selector means, at one time. */
import type { ApiKey } from "@keyfold/core/ApiKey"
import { CurrentPriority } from "@keyfold/core/RequestBudget"
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Failure, Scanned, Source, Target } from "../../BulkRevocation.ts"
import { decide, type Selector, type Subject } from "../../Selector.ts"

/** A key that was read, with where it is and what the selector says about it. */
export interface Seen {
  readonly target: Target
  readonly source: Source
  readonly verdict: boolean | undefined
}

const readAtOnce = 4

const targetOf = ({ store }: Source, key: ApiKey, tenant: string | undefined): Target => ({
  store,
  ...(tenant === undefined ? {} : { tenant }),
  id: key.id,
  ...(key.owner === undefined ? {} : { owner: key.owner }),
  ...(key.name === undefined ? {} : { name: key.name }),
  ...(key.createdAt === undefined ? {} : { createdAt: key.createdAt }),
  ...(key.lastUsedAt === undefined ? {} : { lastUsedAt: key.lastUsedAt })
})

const judge = (source: Source, selector: Selector, at: DateTime.Utc, key: ApiKey, tenant: string | undefined): Seen => {
  const { backend, capabilities, store } = source
  const subject: Subject = { key, store, backend, capabilities, ...(tenant === undefined ? {} : { tenant }) }
  return { target: targetOf(source, key, tenant), source, verdict: decide(selector, subject, at) }
}

/** Reads sources to their ends, a few at a time, and judges each key that was not revoked. */
export const readKeys = (
  sources: ReadonlyArray<Source>,
  selector: Selector,
  at: DateTime.Utc
): Stream.Stream<Seen, Failure> =>
  Stream.fromIterable(sources).pipe(
    Stream.flatMap(
      (source) =>
        source.keys.pipe(
          Stream.filter(({ key }) => key.status !== "revoked"),
          Stream.map(({ key, tenant }) => judge(source, selector, at, key, tenant))
        ),
      { concurrency: readAtOnce }
    ),
    Stream.provideService(CurrentPriority, "background")
  )

/** Counts what was read, by store and tenant. */
export const makeCounter = () => {
  const counts = new Map<string, { store: string; tenant: string | undefined; keys: number; undecided: number }>()
  const find = (store: string, tenant: string | undefined) => {
    const name = JSON.stringify([store, tenant ?? null])
    const found = counts.get(name) ?? { store, tenant, keys: 0, undecided: 0 }
    counts.set(name, found)
    return found
  }
  return {
    count: ({ target, verdict }: Seen): void => {
      const counted = find(target.store, target.tenant)
      counted.keys++
      if (verdict === undefined) counted.undecided++
    },
    scanned: (sources: ReadonlyArray<Source>): ReadonlyArray<Scanned> => {
      const read = new Set([...counts.values()].map(({ store }) => store))
      for (const { store } of sources) if (!read.has(store)) find(store, undefined)
      return [...counts.values()].map(({ tenant, ...rest }) => (tenant === undefined ? rest : { ...rest, tenant }))
    }
  }
}

/** Runs a request where nobody waits for it. */
export const inBackground = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, CurrentPriority, "background")
