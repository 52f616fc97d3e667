/** JSON for programs: times as ISO 8601 in UTC, durations in milliseconds, nothing a terminal would obey. */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"

const members = (value: object): Record<string, unknown> => {
  const record: Record<string, unknown> = {}
  for (const [name, member] of Object.entries(value)) {
    // Assigned, it would not become a member.
    if (name === "__proto__") Object.defineProperty(record, name, { value: plain(member), enumerable: true })
    else if (Duration.isDuration(member)) record[`${name}Milliseconds`] = Duration.toMillis(member)
    else record[name] = plain(member)
  }
  return record
}

const plain = (value: unknown): unknown => {
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map(plain)
  if (DateTime.isDateTime(value)) return DateTime.formatIso(value)
  return Redacted.isRedacted(value) ? "<redacted>" : members(value)
}

// JSON leaves these as they are, and a terminal may obey them.
const unsafe = /[\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g

/** Writes a value as one line of JSON; a secret inside shows as `<redacted>`. */
export const stringify = (value: unknown): string =>
  JSON.stringify(plain(value)).replace(
    unsafe,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
  )
