/** HTML from templates: whatever is put in is text, unless it was made here. */

/** A piece of HTML. */
export class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** What may be put into a template: text is escaped, lists are joined, and what is absent is left out. */
export type Part = Html | string | number | false | undefined | ReadonlyArray<Part>

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;"
}

const escape = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character] ?? "")

const written = (part: Part): string => {
  if (part === undefined || part === false) return ""
  if (part instanceof Html) return part.text
  if (typeof part === "string") return escape(part)
  return typeof part === "number" ? String(part) : part.map(written).join("")
}

/** Line breaks of the source are one space on a page, as a browser has it. */
const flat = (text: string): string => text.replace(/\s*\n\s*/g, " ")

/** Makes HTML. Attributes must be written in quotes. */
export const html = (strings: TemplateStringsArray, ...parts: ReadonlyArray<Part>): Html =>
  new Html(strings.map((text, index) => flat(text) + written(parts[index])).join(""))

/** Text that a backend or a person supplied: its direction does not reach what stands beside it. */
export const foreign = (text: string): Html => html`<bdi>${text}</bdi>`
