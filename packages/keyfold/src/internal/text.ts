/** Text as a terminal shows it: escaped, measured, cut and wrapped. */
import { displayWidth } from "effect/cli/CliOutput"

const plain = /^[ -~]*$/

/** How many cells a text takes in a terminal. */
export const width = (text: string): number => (plain.test(text) ? text.length : displayWidth(text))

/** Whatever could move the cursor, change colours, hide text or turn its direction. */
const unsafe =
  // oxlint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|\p{Surrogate}/gu

const escapeOne = (character: string): string =>
  character === "\n" ? "\\n" : character === "\t" ? "\\t" : `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`

/** Makes text from elsewhere harmless for a terminal: a key's name must not be able to steer it. */
export const escape = (text: string): string => (plain.test(text) ? text : text.replace(unsafe, escapeOne))

/** Most texts have no need of it, and it takes as long to make as a tenth of `keyfold list`. */
const graphemesOf = (text: string): Iterable<{ readonly segment: string }> =>
  plain.test(text)
    ? Array.from(text, (segment) => ({ segment }))
    : new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text)

/** Cuts a text to at most `cells` cells, the last of them an ellipsis where something was cut. */
export const cut = (text: string, cells: number): string => {
  if (width(text) <= cells) return text
  let kept = ""
  let used = 0
  for (const { segment } of graphemesOf(text)) {
    const next = width(segment)
    if (used + next > cells - 1) break
    kept += segment
    used += next
  }
  return `${kept}…`
}

/** Fills a text with spaces to `cells` cells, on the right or on the left. */
export const pad = (text: string, cells: number, side: "left" | "right" = "right"): string => {
  const fill = " ".repeat(Math.max(0, cells - width(text)))
  return side === "right" ? text + fill : fill + text
}

/** Breaks a text into lines of at most `cells` cells at its spaces; a longer word keeps a line of its own. */
export const wrap = (text: string, cells: number): ReadonlyArray<string> =>
  text.split("\n").flatMap((paragraph) => {
    const indent = /^ */.exec(paragraph)?.[0] ?? ""
    const lines: Array<string> = []
    let line: string | undefined
    for (const word of paragraph.trimStart().split(" ")) {
      const longer: string = line === undefined ? indent + word : `${line} ${word}`
      if (line !== undefined && width(longer) > cells) {
        lines.push(line)
        line = indent + word
      } else {
        line = longer
      }
    }
    return [...lines, line ?? ""]
  })
