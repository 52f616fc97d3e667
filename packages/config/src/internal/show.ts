/** What was found, in words that give no secret away. */

const harmless = /^[\w .:/+-]{1,40}$/
const looksRandom = /^(?=.*\d)(?=.*[A-Za-z])[\w+/.-]{12,}$/

/** Describes a value; a text is quoted only where it cannot well be a secret. */
export const show = (value: unknown): string => {
  if (value === null || value === undefined) return "nothing"
  if (Array.isArray(value)) return "a list"
  if (typeof value === "number" || typeof value === "bigint") return `the number ${value}`
  if (typeof value === "boolean") return String(value)
  if (typeof value !== "string") return "a mapping"
  if (value === "") return "empty text"
  return harmless.test(value) && !looksRandom.test(value) ? `"${value}"` : "a text that is not shown here"
}
