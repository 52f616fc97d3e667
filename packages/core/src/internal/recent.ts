/** Remembers which keys are so new that the backend's reads may not show them yet. */
import * as Duration from "effect/Duration"
import type { KeyRef } from "../ApiKey.ts"
import type { Bound } from "../Capabilities.ts"

const capacity = 1024

/** Tells new keys from missing ones on backends whose reads lag behind their writes. */
export interface Recent {
  readonly add: (id: string, now: number) => void
  /** Notes that the backend has seen the key: what it says about the key counts from now on. */
  readonly settle: (id: string) => void
  /** Milliseconds during which a "not found" about this key proves nothing; 0 where it does. */
  readonly unsettledFor: (ref: KeyRef, now: number) => number
  /** Whether this store made the key not long ago. */
  readonly knows: (id: string) => boolean
}

const createdAt = (ref: KeyRef): number | undefined => {
  // An `ApiKey` is a `KeyRef`: one that comes from another process brings its own creation time.
  const value: unknown = "createdAt" in ref ? ref.createdAt : undefined
  return typeof value === "object" && value !== null && "epochMilliseconds" in value
    ? Number(value.epochMilliseconds)
    : undefined
}

/** Makes the memory of one store, bounded to the newest 1024 keys. */
export const make = (visibility: Bound): Recent => {
  const window = Duration.toMillis(visibility.within)
  const created = new Map<string, number>()
  const add = (id: string, since: number) => {
    created.set(id, since)
    if (created.size <= capacity) return
    const oldest = created.keys().next()
    if (oldest.done !== true) created.delete(oldest.value)
  }
  return {
    add,
    settle: (id) => add(id, Number.NEGATIVE_INFINITY),
    unsettledFor: (ref, now) => {
      const since = created.get(ref.id) ?? createdAt(ref)
      return since === undefined ? 0 : Math.max(0, Math.min(window, since + window - now))
    },
    knows: (id) => created.has(id)
  }
}
