/** What a bulk revocation fails with, in the words of the command line. */
import type { BulkRevocationError, Reason } from "@keyfold/lifecycle/BulkRevocation"
import * as DateTime from "effect/DateTime"
import * as ExitCode from "../exitCode.ts"
import { CommandError } from "../failure.ts"
import { time } from "../keys.ts"
import type { Asked } from "./flags.ts"

const fixOf = (reason: Reason, { command }: Asked): string => {
  switch (reason._tag) {
    case "TooMany":
      return "Narrow the selector, or raise --limit."
    case "Grown":
      return `Nothing was revoked. Look again: ${command(undefined)}, or leave them alone with --leave-added.`
    case "UnknownPlan":
    case "OtherSelector":
      return `Nothing was revoked. Look again: ${command(undefined)}`
    case "StoreMissing":
      return "Name the stores as for the plan: with --store, or --all-stores."
    case "UnderWay":
      return `Unless it ends before, it can be taken over at ${time(DateTime.makeUnsafe(reason.until))}.`
    case "BulkStorageError":
      return "Keep plans elsewhere with --progress. What was revoked stays revoked."
  }
}

/** Tells what a plan or a run fails with. */
export const told =
  (asked: Asked) =>
  ({ reason }: BulkRevocationError): CommandError =>
    new CommandError({
      exitCode: reason._tag === "OtherSelector" || reason._tag === "StoreMissing" ? ExitCode.usage : ExitCode.failed,
      problem: reason.message,
      fix: fixOf(reason, asked)
    })
