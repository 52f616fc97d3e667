/** The nearest right spelling of a misspelt name. */

/** Counts insertions, deletions, substitutions and swaps of neighbours. */
const distance = (left: string, right: string): number => {
  let beforeLast: ReadonlyArray<number> = []
  let last: ReadonlyArray<number> = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let row = 1; row <= left.length; row++) {
    const current = [row]
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1]
      const swapped = row > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]
      current[column] = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
        swapped && column > 1 ? (beforeLast[column - 2] ?? 0) + 1 : Infinity
      )
    }
    beforeLast = last
    last = current
  }
  return last[right.length] ?? 0
}

/** Finds the accepted name a person most likely meant; undefined where none is near. */
export const nearest = (name: string, accepted: ReadonlyArray<string>): string | undefined => {
  const limit = Math.max(1, Math.floor(name.length / 3))
  return accepted
    .map((candidate) => ({ candidate, cost: distance(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ cost }) => cost <= limit)
    .toSorted((left, right) => left.cost - right.cost)[0]?.candidate
}

/** Asks whether a name was meant, or says nothing. */
export const asking = (suggestion: string | undefined): string =>
  suggestion === undefined ? "" : ` Did you mean "${suggestion}"?`

/** Asks whether the nearest name was meant, or says nothing. */
export const didYouMean = (name: string, accepted: ReadonlyArray<string>): string => asking(nearest(name, accepted))
