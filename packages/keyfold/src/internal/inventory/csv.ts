/** Comma-separated values as RFC 4180 has them, harmless to a spreadsheet and to a terminal. */
import type { KeyEvent } from "@keyfold/lifecycle/Inventory"
import * as Effect from "effect/Effect"
import { time } from "../keys.ts"
import { note, print } from "../print.ts"
import { escape } from "../text.ts"
import type { Format } from "./format.ts"
import { classNames, completeness, count, evidence, sourceName } from "./told.ts"

const titles = [
  "store",
  "credential",
  "backend",
  "tenant",
  "unassigned",
  "id",
  "name",
  "status",
  "owner",
  "scopes",
  "created",
  "expires",
  "last_used",
  "hint",
  "findings",
  "evidence"
]

/** What a spreadsheet would take for a formula; it also looks past white space, and at wide forms of the characters. */
const formula = /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]/

/** Writes one field. */
export const field = (text: string): string => {
  const escaped = escape(text)
  const plain = formula.test(escaped) ? `'${escaped}` : escaped
  return /[",\r\n]|^\s|\s$/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain
}

const line = (fields: ReadonlyArray<string>): string => `${fields.map(field).join(",")}\r\n`

const row = (event: KeyEvent): string => {
  const { key, origin, partition, tenant, unassigned } = event
  return line([
    origin.store,
    origin.credential ?? "",
    origin.backend,
    tenant ?? "",
    unassigned === undefined ? "" : partition === undefined ? unassigned : `${unassigned} ${partition}`,
    key.id,
    key.name ?? "",
    key.status,
    key.owner ?? "",
    key.scopes.join(" "),
    time(key.createdAt),
    time(key.expiresAt),
    time(key.lastUsedAt),
    key.hint ?? "",
    classNames(event),
    evidence(event)
  ])
}

/** CSV on standard output; how complete each source is goes to standard error. */
export const csv: Format = {
  begin: print(line(titles)),
  keys: (events) => print(events.map(row).join("")),
  source: (done) => note(`${sourceName(done.origin)}: ${count(done.keys, "key")}, ${completeness(done)}.`),
  end: () => Effect.void
}
