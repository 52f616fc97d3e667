/** Examining the journal: whether it opens, what time it has, whether its chains are whole and what is left open. */
import type { Configuration } from "@keyfold/config/Configuration"
import type { Journal, JournalError } from "@keyfold/core/Journal"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { failure, type Finding, info, ok, skipped, warning } from "./finding.ts"

/** Chains are checked for this long; a longer check is a command of its own. */
const cheap = Duration.seconds(5)

const noticeable = 5000

const configuring =
  'Write journal: { url: "sqlite:keyfold-journal.db", secret: { file: path } } into the configuration.'

const clock = Effect.fnUntraced(function* ({ now }: Journal): Effect.fn.Return<Finding, JournalError> {
  const began = yield* Clock.currentTimeMillis
  const time = yield* now
  const [least, most] = [time - (yield* Clock.currentTimeMillis), time - began]
  const skew = Math.round((least > 0 ? least : Math.min(0, most)) / 1000)
  return Math.abs(skew) * 1000 < noticeable
    ? ok("clock", "the journal's clock and this machine's agree")
    : warning(
        "clock",
        `the journal's clock is ${Math.abs(skew)} s ${skew > 0 ? "ahead of" : "behind"} this machine's`,
        "Let both keep time with a time server."
      )
})

const chains = Effect.fnUntraced(function* (journal: Journal): Effect.fn.Return<Finding, JournalError> {
  const checked = yield* Effect.forEach(yield* journal.stores, (store) => journal.verify(store))
  const broken = checked.find((one) => !one.intact)
  if (broken !== undefined && !broken.intact) {
    const { problem, sequence, store } = broken
    const fix = "Compare with a backup, and find out who can write the journal's database."
    return failure("chain", `store "${store}", entry ${sequence}: ${problem.replace(/\.$/, "")}`, fix)
  }
  const entries = checked.reduce((sum, one) => sum + (one.intact ? one.entries : 0), 0)
  return ok("chain", `every chain is as it was written; ${entries} entries in all`)
})

const operations = Effect.fnUntraced(function* (journal: Journal): Effect.fn.Return<Finding, JournalError> {
  const now = yield* journal.now
  const open = yield* journal.operations({ states: ["intended", "minted"] }).pipe(
    Stream.filter(({ leaseUntil }) => leaseUntil < now),
    Stream.runFold(
      () => 0,
      (count) => count + 1
    )
  )
  const creates = open === 1 ? "1 create" : `${open} creates`
  return open === 0
    ? ok("operations", "every create came to an end")
    : warning(
        "operations",
        `${creates} never came to an end`,
        "Find out what is left of them with: keyfold sweep --dry-run"
      )
})

/** Tells a check that takes too long from one that fails. */
const briefly = (
  check: "clock" | "chain" | "operations",
  finding: Effect.Effect<Finding, JournalError>
): Effect.Effect<Finding> =>
  finding.pipe(
    Effect.catch(({ problem }) =>
      Effect.succeed(failure(check, problem.replace(/\.$/, ""), "Check the journal's database."))
    ),
    Effect.timeoutOrElse({
      duration: cheap,
      orElse: () =>
        Effect.succeed(skipped(check, `it takes longer than ${Duration.format(cheap)}; see: keyfold journal verify`))
    })
  )

/** Examines the journal of a configuration. */
export const examineJournal = ({ journal }: Configuration): Effect.Effect<ReadonlyArray<Finding>> =>
  journal === undefined
    ? Effect.succeed([
        info("journal", "none is configured: what a process leaves that dies during a create is not known", configuring)
      ])
    : journal.open.pipe(
        Effect.flatMap((open) =>
          Effect.map(
            Effect.forEach(
              [
                ["clock", clock(open)],
                ["chain", chains(open)],
                ["operations", operations(open)]
              ] as const,
              ([check, finding]) => briefly(check, finding)
            ),
            (findings) => [ok("journal", "it opens and can be read"), ...findings]
          )
        ),
        Effect.catch(({ fix, message }) =>
          Effect.succeed([failure("journal", message, fix ?? "Check the journal's database.")])
        ),
        Effect.scoped
      )
