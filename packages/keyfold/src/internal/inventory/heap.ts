/**
 * How the engine's heap grows while an inventory runs.
 *
 * All keys go by and none stays, but by itself the engine takes what goes by for what stays: it makes objects of kinds that
 * were alive for a while among those that live long, makes room for more of the young ones, and lets garbage pile up to a
 * multiple of what is alive. That is three times the memory and no faster. The flags are read at every collection, so that
 * they may change while it runs; an engine that does not know one goes on without.
 */
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8"

const mebibyte = 2 ** 20

/** So much room for young objects is enough for what is between a backend and the output. */
const young = 16 * mebibyte

const isGrown = (): boolean =>
  getHeapSpaceStatistics().some((space) => space.space_name === "new_space" && space.space_size >= young)

const grow = (factor: 1 | 2): void => setFlagsFromString(`--semi-space-growth-factor=${factor}`)

/**
 * Keeps garbage from piling up, and its collection from taking other cores' time. Said before anything is loaded: a first
 * collection would already have made plans.
 */
export const begin = (): void => {
  setFlagsFromString("--no-allocation-site-pretenuring")
  setFlagsFromString("--heap-growing-percent=20")
  // Little is alive: marking it at once takes less than what a marking beside the work costs each of its steps.
  setFlagsFromString("--no-incremental-marking")
  // So little survives that sharing it out among threads costs more than moving it.
  setFlagsFromString("--no-parallel-scavenge")
}

/**
 * Bounds the heap from now on. What it gives back is to be called with each batch: reading a large configuration must not
 * make more room than the keys need.
 */
export const bounded = (): (() => void) => {
  begin()
  grow(1)
  let isBegun = false
  let isSettled = false
  return () => {
    if (isSettled) return
    isSettled = isGrown()
    if (isSettled || !isBegun) grow(isSettled ? 1 : 2)
    isBegun = true
  }
}
