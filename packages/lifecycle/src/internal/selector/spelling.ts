/** The nearest right spelling of a word. */

/** Counts insertions, deletions, substitutions and swaps of neighbours, a row at a time. */
const distance = (left: string, right: string): number => {
  let before: ReadonlyArray<number> = []
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let at = 1; at <= left.length; at++) {
    const next = [at]
    for (let column = 1; column <= right.length; column++) {
      const isSwap = at > 1 && left[at - 1] === right[column - 2] && left[at - 2] === right[column - 1]
      const kept = (row[column - 1] ?? 0) + (left[at - 1] === right[column - 1] ? 0 : 1)
      const swapped = isSwap ? (before[column - 2] ?? 0) + 1 : kept
      next.push(Math.min(kept, swapped, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1))
    }
    before = row
    row = next
  }
  return row[right.length] ?? 0
}

/** A longer word is no misspelling of one of ours, and would take its time to compare. */
const longest = 32

/** Finds the word that was most likely meant; undefined where none is near. Capitals do not count. */
export const nearest = (word: string, accepted: ReadonlyArray<string>): string | undefined => {
  if (word.length > longest) return undefined
  const limit = Math.max(1, Math.floor(word.length / 3))
  const ranked = accepted
    .map((candidate) => ({ candidate, cost: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, cost }) => cost <= limit && cost < candidate.length)
    .toSorted((left, right) => left.cost - right.cost)
  return ranked[0]?.candidate
}
