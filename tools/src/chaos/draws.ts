/** Choices that come from a seed and a name alone, whatever was chosen before. */

const mixIn = (hash: number, text: string): number => {
  let mixed = hash
  for (let index = 0; index < text.length; index++) {
    mixed = Math.imul(mixed ^ text.charCodeAt(index), 0x01000193)
  }
  return mixed
}

const finish = (hash: number): number => {
  let mixed = hash ^ (hash >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

/** Draws whole numbers and choices for one seed; the same names give the same draws. */
export interface Draws {
  /** A whole number from 0 to 2³² − 1. */
  readonly whole: (...names: ReadonlyArray<string | number>) => number
  /** Whether something of this probability happens. */
  readonly chance: (probability: number, ...names: ReadonlyArray<string | number>) => boolean
  /** A number from `least` up to `most`. */
  readonly between: (least: number, most: number, ...names: ReadonlyArray<string | number>) => number
  readonly pick: <Value>(values: readonly [Value, ...Array<Value>], ...names: ReadonlyArray<string | number>) => Value
}

/** Makes the draws of one seed. */
export const drawsOf = (seed: number): Draws => {
  const whole: Draws["whole"] = (...names) => finish(mixIn(0x811c9dc5, JSON.stringify([seed, ...names])))
  const unit = (names: ReadonlyArray<string | number>) => whole(...names) / 0x1_0000_0000
  return {
    whole,
    chance: (probability, ...names) => unit(names) < probability,
    between: (least, most, ...names) => least + unit(names) * (most - least),
    pick: (values, ...names) => values[Math.floor(unit(names) * values.length)] ?? values[0]
  }
}
