/** What happens to the operations of the campaign: success, and every kind of failure, with servers that echo secrets. */
import * as Duration from "effect/Duration"
import type { LogLevel } from "effect/LogLevel"
import { DatabaseSync } from "node:sqlite"
import type { AnyEmulator, Changes } from "./CanaryBackends.ts"
import { given } from "./CanaryPlants.ts"

/** What a situation may touch. */
export interface Scene {
  readonly emulator: AnyEmulator | undefined
  /** What a careless server repeats by now. */
  readonly echo: string
  /** The file of the SQL store and that of the journal. */
  readonly keys: string
  readonly journal: string
}

/** Undoes what was done to one operation. */
export type Undo = () => void

export interface Situation {
  readonly name: string
  /** Called before each operation, and before each create that another operation needs. */
  readonly intervene?: (scene: Scene) => Undo | void
  readonly changes?: Changes
  readonly level?: LogLevel
  /** On SQLite where nothing else is said. */
  readonly journal?: "memory" | "none"
  /** `fetch` itself fails, and quotes the whole request. */
  readonly quoting?: true
  readonly isUnreachable?: true
  readonly interrupted?: true
  readonly brokenSinks?: true
}

export const success: Situation = { name: "success" }

/** Tells whether nothing is in the way of an operation. */
export const isSound = ({ name }: Situation): boolean => name.startsWith("success")

/** The levels below "All", at which everything else runs. */
const levels: ReadonlyArray<LogLevel> = ["Trace", "Debug", "Info", "Warn", "Error", "Fatal", "None"]

/** A header's value must be ASCII. */
const echoedHeaders = {
  "x-request-id": given.whylabsSystem,
  "retry-after": given.occamKey,
  "set-cookie": given.occamKey
}

const times = { count: 8 }

const answering = (name: string, status: number, contentType: string, body: (echo: string) => string): Situation => ({
  name,
  journal: "memory",
  intervene: ({ echo, emulator }) =>
    emulator?.failNext({ status, contentType, body: body(echo), headers: echoedHeaders }, times)
})

const json = (echo: string) => {
  const texts = echo.split(" ")
  const at = (index: number) => `it was ${texts[index] ?? echo}.`
  const issue = { loc: ["query", at(0)], msg: at(1), type: at(2), input: at(3), url: at(0) }
  return JSON.stringify({ message: at(0), detail: at(1), requestId: at(2), type: at(3), errors: [issue], error: echo })
}

const dump = (echo: string) =>
  JSON.stringify({ detail: [{ loc: ["query", echo], msg: echo, type: echo, input: echo }] })

const strange = (echo: string) =>
  JSON.stringify({ [echo.slice(0, 60)]: echo, keyId: [echo], key: [echo], id: [echo], uuid: 1, access_token: [echo] })

const statuses = [400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 504]

const answers: ReadonlyArray<Situation> = [
  ...statuses.map((status) => answering(`${status} as JSON`, status, "application/json", json)),
  ...[400, 403, 500].map((status) => answering(`${status} with an array`, status, "application/json", dump)),
  ...[400, 404, 503].map((status) => answering(`${status} as text`, status, "text/plain", (echo) => echo)),
  answering("502 as HTML", 502, "text/html", (echo) => `<html><body>${echo}</body></html>`),
  answering("200 of another shape", 200, "application/json", strange),
  answering("200 as text", 200, "application/json", (echo) => echo),
  {
    name: "a redirect",
    journal: "memory",
    intervene: ({ echo, emulator }) =>
      emulator?.failNext({ status: 307, headers: { location: `/?key=${encodeURIComponent(echo)}` } }, times)
  }
]

const soon = { timeout: Duration.millis(40) }

const connections: ReadonlyArray<Situation> = [
  { name: "a lost answer", intervene: ({ emulator }) => emulator?.loseNextResponse(times) },
  { name: "an answer cut off", journal: "memory", intervene: ({ emulator }) => emulator?.cutNext(times) },
  { name: "truncated JSON", journal: "memory", intervene: ({ emulator }) => emulator?.garbleNext("truncated", times) },
  {
    name: "a page in place of JSON",
    journal: "memory",
    intervene: ({ emulator }) => emulator?.garbleNext("html", times)
  },
  { name: "an empty answer", journal: "memory", intervene: ({ emulator }) => emulator?.garbleNext("empty", times) },
  {
    name: "a request carried out late",
    journal: "memory",
    intervene: ({ emulator }) => emulator?.abandonNext(5, times)
  },
  { name: "silence", journal: "memory", changes: soon, intervene: ({ emulator }) => emulator?.hangNext({ count: 2 }) },
  {
    name: "silence after the head",
    journal: "memory",
    changes: soon,
    intervene: ({ emulator }) => emulator?.trickleNext(120, times)
  },
  { name: "a refused connection", journal: "memory", isUnreachable: true },
  { name: "a fetch that quotes the request", journal: "memory", quoting: true }
]

/** Holds a lock that the store or the journal waits for until it gives up. */
const locking =
  (file: (scene: Scene) => string) =>
  (scene: Scene): Undo => {
    const database = new DatabaseSync(file(scene), { timeout: 1_000 })
    database.exec("BEGIN EXCLUSIVE")
    return () => {
      database.exec("ROLLBACK")
      database.close()
    }
  }

/** Takes the tables away for one operation, so that every statement fails and says so. */
const withoutTables =
  (file: (scene: Scene) => string) =>
  (scene: Scene): Undo => {
    const rename = (from: string, to: string) => {
      const database = new DatabaseSync(file(scene), { timeout: 1_000 })
      const tables = database
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE ?")
        .all(`${from}keyfold%`)
      for (const { name } of tables) {
        database.exec(`ALTER TABLE "${String(name)}" RENAME TO "${to}${String(name).slice(from.length)}"`)
      }
      database.close()
    }
    rename("", "gone_")
    return () => rename("gone_", "")
  }

const keys = ({ keys }: Scene) => keys
const journal = ({ journal }: Scene) => journal

const successes: ReadonlyArray<Situation> = [
  success,
  { name: "success with the other exporter" },
  { name: "success without a journal", journal: "none" },
  { name: "broken sinks", brokenSinks: true, journal: "memory" },
  { name: "interruption", interrupted: true, changes: { timeout: Duration.millis(120) } }
]

const brokenJournals: ReadonlyArray<Situation> = [
  { name: "a locked journal", intervene: locking(journal) },
  { name: "a broken journal", intervene: withoutTables(journal) }
]

const onFiles: ReadonlyArray<Situation> = [
  { name: "a locked database", intervene: locking(keys) },
  { name: "a database without tables", intervene: withoutTables(keys) }
]

const successAtLevels = levels.map((level): Situation => ({
  name: `success at log level ${level}`,
  level,
  journal: "memory"
}))

const failureAtLevels = levels.map((level): Situation => ({
  ...answering(`500 at log level ${level}`, 500, "application/json", json),
  level
}))

/** The failures in which the dialects of one backend, or its kinds of login, can differ. */
const differing = new Set([
  "401 as JSON",
  "404 as JSON",
  "500 as JSON",
  "200 of another shape",
  "a lost answer",
  "an answer cut off",
  "a refused connection",
  "a fetch that quotes the request"
])

/**
 * What is tried on a backend: over `http`, on a `file` of SQLite or in `memory`; `dialect` is a second way to talk to a
 * backend that another campaign tries in full.
 */
export const situationsOf = (kind: "http" | "dialect" | "file" | "memory"): ReadonlyArray<Situation> => {
  switch (kind) {
    case "http":
      return [...successes, ...answers, ...connections, ...failureAtLevels]
    case "dialect":
      return [...successes, ...[...answers, ...connections].filter(({ name }) => differing.has(name))]
    case "file":
      return [...successes, ...successAtLevels, ...brokenJournals, ...onFiles]
    case "memory":
      return [...successes, ...successAtLevels, ...brokenJournals]
  }
}
