/** What looks like a credential or an address, whoever it belongs to. */
import type { Mark } from "./spellings.ts"

/** A URL, its slashes perhaps escaped for JSON. Quotes and brackets end it. */
const url = /[a-z][a-z0-9+.-]*:(?:\\?\/){2}[^\s"'<>`]*/gi

const scheme = /^[^:]*:(?:\\?\/){2}/

const hostShape = /^(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i

/** The rest of a header, what follows a scheme or is assigned to a secret's name, a JWT, a query, a path. */
const announced: ReadonlyArray<RegExp> = [
  /(?<=\b(?:authorization|cookie|x-api-key|api-key)["']?[ \t]*:[ \t]*)\S.*/gi,
  /(?<=\b(?:bearer|basic|digest|negotiate)[ \t]+)\S+/gi,
  /(?<=(?:key|token|secret|password|passwd|pwd|credentials?|session|signature|sig)["']?[ \t]*=[ \t]*)[^\s&,;]+/gi,
  /(?<=(?:key|token|secret|password|passwd|pwd|credentials?|session|signature|sig)["'][ \t]*:[ \t]*)[^\s,}]+/gi,
  /\beyJ[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)+/g,
  /(?<=\S)\?\S*=\S*/g,
  // Paths of a route or of the server's own disk.
  /(?<![^\s"'`([{<=])(?:\/[^\s"'`/]+){2,}/g,
  /\b[a-z]:\\[^\s"']*/gi
]

const longWord = 20
const mixedWord = 12

/** A person's sentence has no such words; where it has, losing one is cheap. */
const looksSecret = (word: string): boolean =>
  word.length >= longWord || word.includes("@") || (word.length >= mixedWord && /[a-z]/i.test(word) && /\d/.test(word))

/** The part of a URL that may be shown, as a place in it: its host and port, where they look like nothing else. */
const hostOf = (address: string): readonly [start: number, end: number] | undefined => {
  const start = scheme.exec(address)?.[0].length ?? 0
  const authority = /^[^/?#\\]*/.exec(address.slice(start))?.[0] ?? ""
  const host = authority.slice(authority.lastIndexOf("@") + 1)
  return hostShape.test(host) && !host.split(/[.:]/).some(looksSecret)
    ? [start + authority.length - host.length, start + authority.length]
    : undefined
}

const markUrls = (text: string, mark: Mark): string =>
  text.replace(url, (address, index: number) => {
    const [start, end] = hostOf(address) ?? [0, 0]
    mark(index, index + start)
    mark(index + end, index + address.length)
    return " ".repeat(address.length)
  })

/** Marks every address down to its host, and whatever is announced as a credential or looks like one. */
export const markShapes = (text: string, mark: Mark): void => {
  for (const pattern of announced) {
    for (const { 0: found, index } of text.matchAll(pattern)) mark(index, index + found.length)
  }
  for (const { 0: word, index } of markUrls(text, mark).matchAll(/[\x21-\x7e]+/g)) {
    const lead = /^["'`([{<.,:;]*/.exec(word)?.[0].length ?? 0
    const core = word.slice(lead).replace(/["'`)\]}>.,:;!?]+$/, "")
    if (looksSecret(core)) mark(index + lead, index + lead + core.length)
  }
}
