/** Errors of a selector as people read them. */

/** What is wrong with a text, and where. */
export interface Mistake {
  readonly position: number
  readonly length: number
  readonly problem: string
  readonly expected: string
  readonly suggestion?: string
}

const around = 34

/** What could steer a terminal, or would not be seen, shows as one sign of the same length. */
const printable = (text: string): string =>
  text.replace(/\p{C}|\p{Zl}|\p{Zp}|\p{Zs}/gu, (at) => (at === " " ? at : "\u00b7"))

/** Says what is wrong, what was expected, and what was probably meant. */
export const sentences = ({ expected, problem, suggestion }: Mistake): string =>
  `${problem}.${suggestion === undefined ? "" : ` Did you mean ${suggestion}?`} Expected ${expected}.`

const sliced = (text: string, from: number, to: number): string => printable(text.slice(from, to))

const lengthOf = (text: string): number => [...text].length

/** Shows the problem, the text with a caret below the place, and what was expected. */
export const lines = ({
  expected,
  length,
  position,
  problem,
  suggestion,
  text
}: Mistake & { readonly text: string }): ReadonlyArray<string> => {
  const end = position + length
  const from = position > around ? position - around : 0
  const to = text.length - end > around ? end + around : text.length
  const lead = from === 0 ? "" : "…"
  // A long mistake is marked where it begins.
  const shown = Math.min(end, position + around)
  const before = `${lead}${sliced(text, from, position)}`
  const marked = sliced(text, position, shown)
  const after = shown < end ? "…" : `${sliced(text, end, to)}${to < text.length ? "…" : ""}`
  return [
    `the selector, at character ${position + 1}: ${problem}.`,
    `  ${before}${marked}${after}`,
    `  ${" ".repeat(lengthOf(before))}${"^".repeat(Math.max(1, lengthOf(marked)))}`,
    ...(suggestion === undefined ? [] : [`Did you mean ${suggestion}?`]),
    `Expected ${expected}.`
  ]
}
