/** `keyfold revoke --where --dry-run`: what would be revoked, and how to do it. */
import { type Plan, plan as makePlan, type Source, type Target } from "@keyfold/lifecycle/BulkRevocation"
import type { BulkStorage } from "@keyfold/lifecycle/BulkStorage"
import { fieldsOf } from "@keyfold/lifecycle/Selector"
import * as Effect from "effect/Effect"
import { Shell } from "../../Shell.ts"
import { count, number } from "../inventory/told.ts"
import { time } from "../keys.ts"
import { note, print, printJson } from "../print.ts"
import { type Cell, type Column, table } from "../table.ts"
import type { Asked } from "./flags.ts"
import { told } from "./told.ts"

const columns: ReadonlyArray<Column> = [
  { title: "STORE" },
  { title: "TENANT", flexible: true },
  { title: "ID" },
  { title: "NAME", flexible: true },
  { title: "OWNER", flexible: true, spare: 1 },
  { title: "CREATED", spare: 2 },
  { title: "LAST USED", spare: 3 }
]

const row = ({ createdAt, id, lastUsedAt, name, owner, store, tenant }: Target): ReadonlyArray<Cell> => [
  store,
  tenant ?? "",
  id,
  name ?? "",
  owner ?? "",
  time(createdAt),
  time(lastUsedAt)
]

const total = (plan: Plan, member: "keys" | "undecided"): number =>
  plan.scanned.reduce((sum, scanned) => sum + scanned[member], 0)

/** Stores whose times of last use are less than exact, where the selector asks about them. */
const inexact = ({ selector }: Asked, sources: ReadonlyArray<Source>): ReadonlyArray<string> => {
  const asks = fieldsOf(selector).some((field) => field === "lastUsedAt" || field === "unusedFor")
  const stores = sources.flatMap(({ capabilities, store }) => (capabilities.usage === "exact" ? [] : [store]))
  return asks ? [...new Set(stores)] : []
}

const remarks = (asked: Asked, sources: ReadonlyArray<Source>, plan: Plan): ReadonlyArray<string> => {
  const undecided = total(plan, "undecided")
  const stores = inexact(asked, sources)
  return [
    ...(undecided === 0
      ? []
      : [
          `About ${count(undecided, "key")} the selector says nothing, because the store does not know enough; ` +
            "they are left out."
        ]),
    ...(stores.length === 0
      ? []
      : [`Times of last use may lag or be sampled in ${stores.join(", ")}: a key may have been used since.`])
  ]
}

const printPlan = Effect.fnUntraced(function* (asked: Asked, plan: Plan) {
  const { stdout } = yield* Shell
  const { digest, selector, targets } = plan
  const of = `of ${count(total(plan, "keys"), "key")}`
  if (targets.length === 0) return yield* print(`None ${of} matches: ${selector}\n`)
  const matches = `${number(targets.length)} ${of} ${targets.length === 1 ? "matches" : "match"}: ${selector}`
  yield* print(
    `${table(columns, targets.map(row), stdout)}\n${matches}\nDigest: ${digest}\nTo revoke ${
      targets.length === 1 ? "it" : "them"
    }: ${asked.command(digest)}\n`
  )
})

/** Takes a look. */
export const dryRun = Effect.fnUntraced(function* (
  asked: Asked,
  sources: ReadonlyArray<Source>,
  storage: BulkStorage,
  json: boolean
) {
  const plan = yield* makePlan(sources, asked.selector, { storage, limit: asked.limit }).pipe(
    Effect.catchTag("BulkRevocationError", (error) => Effect.fail(told(asked)(error)))
  )
  if (json) {
    for (const target of plan.targets) yield* printJson({ event: "key", ...target })
    const { digest, plannedAt, scanned, selector, targets } = plan
    const command = targets.length === 0 ? {} : { command: asked.command(digest) }
    return yield* printJson({ event: "plan", digest, selector, plannedAt, keys: targets.length, scanned, ...command })
  }
  yield* printPlan(asked, plan)
  yield* Effect.forEach(remarks(asked, sources, plan), note, { discard: true })
})
