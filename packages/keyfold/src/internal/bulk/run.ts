/** `keyfold revoke --where --digest`: revoking what was looked at. */
import { type Event, type Outcome, type Report, run as runPlan, type Source } from "@keyfold/lifecycle/BulkRevocation"
import type { BulkStorage } from "@keyfold/lifecycle/BulkStorage"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Shell } from "../../Shell.ts"
import * as ExitCode from "../exitCode.ts"
import { count, number } from "../inventory/told.ts"
import { outcome as setOutcome } from "../outcome.ts"
import { note, print, printJson, warn } from "../print.ts"
import { type Cell, type Column, table } from "../table.ts"
import type { Asked } from "./flags.ts"
import * as progressLine from "./progress.ts"
import { told } from "./told.ts"

const columns: ReadonlyArray<Column> = [
  { title: "STORE" },
  { title: "TENANT", flexible: true },
  { title: "ID" },
  { title: "PROBLEM", flexible: true }
]

const row = ({ id, problem, store, tenant }: Outcome): ReadonlyArray<Cell> => [store, tenant ?? "", id, problem ?? ""]

const shownFailures = 50

const sentences = (report: Report): string => {
  const { alreadyRevoked, failed, gone, left, planned, revoked, spared } = report
  const were = (value: number) => `${number(value)} ${value === 1 ? "was" : "were"}`
  return [
    `Revoked ${number(revoked)} of ${count(planned, "key")}.`,
    alreadyRevoked === 0 ? "" : `${were(alreadyRevoked)} revoked before.`,
    gone === 0 ? "" : `${were(gone)} gone already.`,
    spared === 0 ? "" : `${were(spared)} spared: changed since the plan, and not meant any more.`,
    failed.length === 0 ? "" : `${number(failed.length)} could not be revoked.`,
    left === 0 ? "" : `${were(left)} not tried, after too many failures in a row.`
  ]
    .filter((sentence) => sentence !== "")
    .join(" ")
}

const printReport = Effect.fnUntraced(function* (asked: Asked, report: Report) {
  const { stdout } = yield* Shell
  const failed = report.failed.slice(0, shownFailures)
  const more = report.failed.length - failed.length
  if (failed.length > 0) yield* print(`${table(columns, failed.map(row), stdout)}\n`)
  if (more > 0) yield* print(`and ${number(more)} more\n\n`)
  yield* print(`${sentences(report)}\n`)
  if (!report.complete) yield* note(`Try the rest again with: ${asked.command(report.digest)}`)
})

const isSettled = ({ kind }: Outcome): boolean => kind !== "failed"

/** Follows the events of a run. */
const makeFollower = (asked: Asked, json: boolean, progress: progressLine.Progress) => {
  let standing: progressLine.Standing = { planned: 0, done: 0, failed: 0 }
  const move = (event: Event): progressLine.Standing => {
    switch (event._tag) {
      case "Started":
        return { planned: event.planned, done: event.done, failed: 0 }
      case "Settled":
        return isSettled(event.outcome)
          ? { ...standing, done: standing.done + 1 }
          : { ...standing, failed: standing.failed + 1 }
      case "Finished":
        return standing
    }
  }
  const show = (event: Event) => {
    switch (event._tag) {
      case "Started": {
        const { _tag, ...started } = event
        return json ? printJson({ event: "started", ...started }) : leftAlone(event.added)
      }
      case "Settled":
        return json ? printJson({ event: "settled", ...event.outcome }) : progress.update(standing)
      case "Finished":
        return Effect.andThen(
          setOutcome(event.report.complete ? ExitCode.ok : ExitCode.failed),
          json
            ? printJson({ event: "finished", ...event.report })
            : Effect.andThen(progress.clear, printReport(asked, event.report))
        )
    }
  }
  return {
    standing: () => standing,
    follow: (event: Event) =>
      Effect.suspend(() => {
        standing = move(event)
        return show(event)
      })
  }
}

const leftAlone = (added: number) =>
  added === 0
    ? Effect.void
    : note(
        `${count(added, "key")} ${added === 1 ? "matches" : "match"} since the plan and ${
          added === 1 ? "is" : "are"
        } left alone.`
      )

const interrupted = (asked: Asked, digest: string, { done, planned }: progressLine.Standing, json: boolean) =>
  warn(
    json,
    `interrupted: calls in flight were finished, and ${number(done)} of ${count(planned, "key")} need nothing any more. ` +
      `Go on with: ${asked.command(digest)}`,
    { digest }
  )

/** Revokes the keys of a plan. */
export const run = Effect.fnUntraced(function* (
  asked: Asked,
  digest: string,
  sources: ReadonlyArray<Source>,
  storage: BulkStorage,
  json: boolean
) {
  const progress = yield* progressLine.make(!json)
  const { follow, standing } = makeFollower(asked, json, progress)
  const { concurrency, leaveAdded, limit, selector } = asked
  const events = runPlan(sources, selector, { digest, storage, concurrency, leaveAdded, limit })
  yield* Stream.runForEach(events, follow).pipe(
    Effect.catchTag("BulkRevocationError", (error) => Effect.fail(told(asked)(error))),
    Effect.onInterrupt(() => Effect.andThen(progress.clear, interrupted(asked, digest, standing(), json))),
    Effect.ensuring(progress.clear)
  )
})
