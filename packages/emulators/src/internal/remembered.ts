/** Remembering what a function of a number gave. */

const capacity = 50_000

/** Makes a pure function keep its results; a list writes the same times again and again, and text of a time is slow. */
export const remembered = (compute: (value: number) => string): ((value: number) => string) => {
  const results = new Map<number, string>()
  return (value) => {
    const known = results.get(value)
    if (known !== undefined) return known
    if (results.size >= capacity) results.clear()
    const result = compute(value)
    results.set(value, result)
    return result
  }
}
