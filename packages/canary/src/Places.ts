/**
 * Reads the places outside a test's own values where a secret may be left: files, processes, metrics.
 *
 * What these return goes to `scan` of `@keyfold/canary/Canary`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { join, relative } from "node:path"
import type { Records } from "./Canary.ts"

/** What vanishes or may not be read between finding and reading it is not there. */
const attempt = <A>(read: () => A): A | undefined => {
  try {
    return read()
  } catch {
    return undefined
  }
}

const record = (where: string, value: unknown): Records => (value === undefined ? [] : [[where, value]])

/**
 * Reads every file of a folder and of the folders in it: names, bytes, and where links lead; hidden files too.
 *
 * Read a database's folder both while it is open and after it was closed: its log is a file beside it, and goes. Links
 * are not followed, and neither sockets nor pipes are read. A folder that does not exist holds nothing.
 *
 * @category combinators
 * @since 0.1.0
 */
export const files = (folder: string): Records =>
  (attempt(() => readdirSync(folder, { recursive: true, withFileTypes: true })) ?? []).flatMap((entry) => {
    const path = join(entry.parentPath, entry.name)
    const name = relative(folder, path)
    return [
      ...record(`name of ${name}`, name),
      ...(entry.isFile()
        ? record(
            `file ${name}`,
            attempt(() => readFileSync(path))
          )
        : []),
      ...(entry.isSymbolicLink()
        ? record(
            `link ${name}`,
            attempt(() => readlinkSync(path))
          )
        : [])
    ]
  })

/** The parts of a process that other users of a machine, or crash reports, may see. */
const shown = ["comm", "cmdline", "environ", "status"]

const childrenOf = (pid: number): ReadonlyArray<number> =>
  (attempt(() => readdirSync(`/proc/${pid}/task`)) ?? []).flatMap((thread) =>
    (attempt(() => readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8")) ?? "")
      .split(" ")
      .filter((text) => text.trim() !== "")
      .map(Number)
  )

/**
 * Reads what a process and those it started show to others: title, command line, environment.
 *
 * On Linux only; elsewhere there is nothing to read. A process that has ended shows nothing: read it while it runs. What
 * a program changes in its own environment later on is not shown to others, and so not read.
 *
 * @category combinators
 * @since 0.1.0
 */
export const processes = (pid: number): Records => [
  ...shown.flatMap((part) =>
    record(
      `${part} of process ${pid}`,
      attempt(() => readFileSync(`/proc/${pid}/${part}`))
    )
  ),
  ...childrenOf(pid).flatMap((child) => processes(child))
]

/**
 * Reads every metric that was ever updated: names, descriptions, attributes and states, as values and as the table that
 * `Metric.dump` prints.
 *
 * @category combinators
 * @since 0.1.0
 */
export const metrics: Effect.Effect<Records> = Effect.gen(function* () {
  const snapshots = yield* Metric.snapshot
  return [...snapshots.map((snapshot) => [`metric ${snapshot.id}`, snapshot] as const), ["metrics", yield* Metric.dump]]
})
