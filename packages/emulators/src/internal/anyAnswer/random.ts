/** Numbers drawn from a seed, the same on every platform. */

/** Draws numbers and members. */
export interface Random {
  /** A whole number from 0 to `bound` - 1. */
  readonly below: (bound: number) => number
  /** A whole number from `least` to `most`. */
  readonly between: (least: number, most: number) => number
  readonly pick: <A>(members: ReadonlyArray<A>) => A
}

/** Spreads every bit of a number over all of it. */
const scramble = (value: number): number => {
  let mixed = value | 0
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d)
  mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39)
  return (mixed ^ (mixed >>> 15)) >>> 0
}

/** Makes the numbers of one case; cases of one seed do not depend on each other. */
export const makeRandom = (seed: number, index: number): Random => {
  let state = scramble(scramble(seed) + index)
  const below = (bound: number) => {
    state = (state + 0x9e3779b9) >>> 0
    return Math.floor((scramble(state) / 0x1_0000_0000) * bound)
  }
  return {
    below,
    between: (least, most) => least + below(most - least + 1),
    pick: (members) => {
      const member = members[below(members.length)]
      if (member === undefined) throw new RangeError("members: expected at least one, and none undefined")
      return member
    }
  }
}
