/** Looks for many texts at once, so that every byte of a large file can be looked at. */
import { Buffer } from "node:buffer"
import { forms } from "./forms.ts"
import { readings } from "./readings.ts"

/** Tells in which form bytes hold one of the canaries; undefined where they hold none. */
export type Search = (bytes: Uint8Array) => string | undefined

interface Wanted {
  readonly rank: number
  readonly form: string
  readonly bytes: Uint8Array
}

/** Four bytes select the few texts that may start at a place; none of the texts is shorter. */
const keyLength = 4
const slots = 1 << 16

const slotOf = (key: number): number => Math.imul(key, 0x9e3779b1) >>> 16

const keyOf = (bytes: Uint8Array): number => {
  let key = 0
  for (const byte of bytes.subarray(0, keyLength)) key = (key << 8) | byte
  return key
}

const standsAt = (bytes: Uint8Array, start: number, wanted: Uint8Array): boolean => {
  if (start + wanted.length > bytes.length) return false
  for (let index = 0; index < wanted.length; index++) {
    if (bytes[start + index] !== wanted[index]) return false
  }
  return true
}

/** Prepares a search. A canary of fewer than eight characters is a `RangeError`. */
export const searchFor = (canaries: ReadonlyArray<string>): Search => {
  const all = canaries
    .flatMap(forms)
    .map(([form, text], rank): Wanted => ({ rank, form, bytes: new Uint8Array(Buffer.from(text)) }))
  const byKey = new Map<number, Array<Wanted>>()
  const isTaken = new Uint8Array(slots)
  for (const wanted of all) {
    const key = keyOf(wanted.bytes)
    isTaken[slotOf(key)] = 1
    byKey.set(key, [...(byKey.get(key) ?? []), wanted])
  }
  const find = (bytes: Uint8Array): Wanted | undefined => {
    let best: Wanted | undefined
    let key = 0
    for (let index = 0; index < bytes.length; index++) {
      key = (key << 8) | (bytes[index] ?? 0)
      if (index < keyLength - 1 || isTaken[slotOf(key)] === 0) continue
      for (const wanted of byKey.get(key) ?? []) {
        if (wanted.rank < (best?.rank ?? Infinity) && standsAt(bytes, index - keyLength + 1, wanted.bytes)) {
          best = wanted
        }
      }
    }
    return best
  }
  return (bytes) => {
    for (const reading of readings(bytes)) {
      const found = find(reading.bytes)
      if (found !== undefined) return found.form === "raw" ? (reading.form ?? found.form) : found.form
    }
    return undefined
  }
}
