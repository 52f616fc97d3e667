/** Patterns: `*` stands for any text, `?` for one character. */

/**
 * Tells whether a whole text fits a pattern.
 *
 * Without a regular expression, which a pattern with many stars could keep busy for ever: each star is tried from the last
 * one on only, so the time is the product of the two lengths at the most.
 */
export const fits = (pattern: string, text: string): boolean => {
  const wanted = [...pattern]
  const given = [...text]
  let at = 0
  let star = -1
  let resume = 0
  for (let index = 0; index < given.length;) {
    const sign = wanted[at]
    if (sign === "*") {
      star = at++
      resume = index
    } else if (sign !== undefined && (sign === "?" || sign === given[index])) {
      at++
      index++
    } else if (star >= 0) {
      at = star + 1
      index = ++resume
    } else {
      return false
    }
  }
  return wanted.slice(at).every((sign) => sign === "*")
}
