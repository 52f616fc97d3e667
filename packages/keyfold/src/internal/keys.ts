/** Keys as people read them. */
import type { ApiKey, KeyStatus } from "@keyfold/core/ApiKey"
import * as DateTime from "effect/DateTime"
import type { Output } from "../Shell.ts"
import { type Cell, type Column, facts } from "./table.ts"

const fraction = ".000Z".length

/** Writes a time as ISO 8601 in UTC, without the fraction of its seconds. */
export const time = (at: DateTime.Utc | undefined): string =>
  at === undefined ? "" : `${DateTime.formatIso(at).slice(0, -fraction)}Z`

const minutes = (at: DateTime.Utc | undefined): string => time(at).replace(/:\d\dZ$/, "Z")

/** Shows a status, set off by what it means for the key. */
export const status = (value: KeyStatus): Cell => ({
  text: value,
  style: value === "active" ? "green" : value === "expired" ? "yellow" : "red"
})

/** The columns of a list of keys. */
export const columns: ReadonlyArray<Column> = [
  { title: "ID" },
  { title: "NAME", flexible: true },
  { title: "STATUS" },
  { title: "OWNER", flexible: true, spare: 1 },
  { title: "SCOPES", flexible: true, spare: 2 },
  { title: "EXPIRES", spare: 3 },
  { title: "CREATED", spare: 4 },
  { title: "LAST USED", spare: 5 }
]

/** One line of a list of keys. */
export const row = (key: ApiKey): ReadonlyArray<Cell> => [
  key.id,
  key.name ?? "",
  status(key.status),
  key.owner ?? "",
  key.scopes.join(", "),
  minutes(key.expiresAt),
  minutes(key.createdAt),
  minutes(key.lastUsedAt)
]

const tags = (key: ApiKey): string =>
  Object.entries(key.tags)
    .map(([name, value]) => `${name}=${value}`)
    .join(", ")

/** All facts of one key, below one another. */
export const details = (key: ApiKey, output: Output): string =>
  facts(
    [
      ["Id", key.id],
      ["Name", key.name],
      ["Status", status(key.status)],
      ["Owner", key.owner],
      ["Scopes", key.scopes.join(", ")],
      ["Tags", tags(key)],
      ["Created", time(key.createdAt)],
      ["Expires", time(key.expiresAt)],
      ["Last used", time(key.lastUsedAt)],
      ["Revoked", time(key.revokedAt)],
      ["Ends with", key.hint],
      ...Object.entries(key.provider).flatMap(([backend, fields]) =>
        Object.entries(fields).map(([name, value]): readonly [string, string] => [
          `${backend}.${name}`,
          typeof value === "string" ? value : JSON.stringify(value)
        ])
      )
    ],
    output
  )
