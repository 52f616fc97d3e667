/** Which names were seen, in memory that is small for each name and bounded for all. */

const firstSlots = 512
const fullest = 0.5

/** Remembers names by a hash of 64 bits: among a million names, one in 37 million runs mistakes two for the same. */
export interface Names {
  /** Tells whether the name was seen before; undefined once there is no room for another. */
  readonly seen: (tenant: string | undefined, name: string) => boolean | undefined
  readonly isFull: () => boolean
}

interface Hash {
  high: number
  low: number
}

/** Adds a code and the text behind it. */
const mix = (hash: Hash, code: number, text: string): void => {
  // Kept out of the hash on the way: writing to memory for each letter takes longer than all else.
  let { high, low } = hash
  for (let at = -1; at < text.length; at++) {
    const next = at < 0 ? code : text.charCodeAt(at)
    high = Math.imul(high ^ next, 2_654_435_761)
    low = Math.imul(low ^ next, 1_597_334_677)
  }
  hash.high = high
  hash.low = low
}

const finish = (hash: Hash): void => {
  const { high, low } = hash
  hash.high = Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909)
  hash.low = Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(hash.high ^ (hash.high >>> 13), 3_266_489_909)
}

const digest = (hash: Hash, tenant: string | undefined, name: string): void => {
  hash.high = 0x7ee3623b
  hash.low = 0x41c6ce57
  mix(hash, tenant === undefined ? 0 : 1, tenant ?? "")
  // No UTF-16 unit: it ends the tenant, so that none of its letters can move into the name.
  mix(hash, 0x1_0000, name)
  finish(hash)
  // Both halves zero stand for an empty slot.
  if (hash.high === 0 && hash.low === 0) hash.low = 1
}

const place = (table: Int32Array, high: number, low: number): number => {
  const slots = table.length / 2
  let slot = low & (slots - 1)
  for (;;) {
    const foundHigh = table[slot * 2]
    const foundLow = table[slot * 2 + 1]
    if ((foundHigh === 0 && foundLow === 0) || (foundHigh === high && foundLow === low)) return slot
    slot = (slot + 1) & (slots - 1)
  }
}

const grown = (table: Int32Array): Int32Array<ArrayBuffer> => {
  const larger = new Int32Array(table.length * 2)
  for (let at = 0; at < table.length; at += 2) {
    const high = table[at] ?? 0
    const low = table[at + 1] ?? 0
    if (high === 0 && low === 0) continue
    const slot = place(larger, high, low)
    larger[slot * 2] = high
    larger[slot * 2 + 1] = low
  }
  return larger
}

/** Makes an empty set with room for `limit` names: 16 to 32 bytes for each name it holds. */
export const make = (limit: number): Names => {
  let table = new Int32Array(firstSlots * 2)
  let count = 0
  const hash: Hash = { high: 0, low: 0 }
  return {
    isFull: () => count >= limit,
    seen: (tenant, name) => {
      digest(hash, tenant, name)
      const { high, low } = hash
      const slot = place(table, high, low)
      if (table[slot * 2] !== 0 || table[slot * 2 + 1] !== 0) return true
      if (count >= limit) return undefined
      table[slot * 2] = high
      table[slot * 2 + 1] = low
      count++
      if (count > (table.length / 2) * fullest) table = grown(table)
      return false
    }
  }
}
