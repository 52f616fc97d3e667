/** The text of a CI environment file: `NAME=value` lines, and values of several lines between two lines of one delimiter. */

/** One assignment of a variable. */
export interface Assignment {
  readonly name: string
  readonly value: string
}

/** Reads every assignment in order; undefined where a line is none. */
export const parse = (text: string): ReadonlyArray<Assignment> | undefined => {
  const lines = text.split(/\r?\n/)
  const found: Array<Assignment> = []
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? ""
    if (line === "") continue
    const [, name = "", sign, rest = ""] = /^([^=<]+?)(=|<<)(.*)$/.exec(line) ?? []
    if (sign === undefined) return undefined
    if (sign === "=") {
      found.push({ name, value: rest })
      continue
    }
    const end = lines.indexOf(rest, index + 1)
    if (rest === "" || end < 0) return undefined
    found.push({ name, value: lines.slice(index + 1, end).join("\n") })
    index = end
  }
  return found
}

/** Writes an assignment that no line of the value can end early. */
export const write = ({ name, value }: Assignment, delimiter: string): string =>
  `${name}<<${delimiter}\n${value}\n${delimiter}\n`
