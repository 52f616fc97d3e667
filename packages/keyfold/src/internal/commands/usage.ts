/** `keyfold usage`. */
import type { KeyUsage } from "@keyfold/core/KeyUsage"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { type Output, Shell } from "../../Shell.ts"
import { keyId, owner, refOf } from "../arguments.ts"
import { time } from "../keys.ts"
import { print, printJson } from "../print.ts"
import { root } from "../root.ts"
import { openStore } from "../stores.ts"
import { facts } from "../table.ts"

const precisions: Readonly<Record<KeyUsage["precision"], string>> = {
  exact: "exact",
  approximate: "approximate: counts may lag or be sampled",
  lastUsedOnly: "this backend knows when a key was used last, not how often"
}

const number = (value: number | undefined): string => (value === undefined ? "" : String(value))

const quota = ({ quotaScale, quotaUsed }: KeyUsage): string => {
  if (quotaUsed === undefined) return ""
  if (quotaScale === "percent") return `${quotaUsed} %`
  return quotaScale === "fraction" ? `${quotaUsed * 100} %` : `${quotaUsed} (the backend does not say of what)`
}

const render = (usage: KeyUsage, output: Output): string =>
  facts(
    [
      ["Id", usage.id],
      ["Last used", usage.lastUsedAt === undefined ? "not known" : time(usage.lastUsedAt)],
      ["Completed requests", number(usage.completedRequests)],
      ["Successful requests", number(usage.successfulRequests)],
      ["Failed requests", number(usage.failedRequests)],
      ["Requests per day", number(usage.requestsPerDay)],
      ["Quota used", quota(usage)],
      ["Counted from", time(usage.window?.from)],
      ["Counted to", time(usage.window?.to)],
      ["Precision", precisions[usage.precision]]
    ],
    output
  )

/** Shows how much a key was used. */
export const usage = Command.make(
  "usage",
  { id: keyId, owner },
  Effect.fnUntraced(function* (input) {
    const settings = yield* root
    const { stdout } = yield* Shell
    const store = yield* openStore(settings)
    const report = yield* store.usage(refOf(input))
    yield* settings.json ? printJson(report) : print(render(report, stdout))
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Show what the backend knows about the use of a key, and how precise that is. What is not known is not shown; it " +
      "is never shown as zero."
  ),
  Command.withShortDescription("Show how much a key was used"),
  Command.withExamples([{ command: "keyfold usage fh4dUNV3WQ" }])
)
