/** The findings as tables, for a terminal and for `docs/gateway-faults.md` alike. */
import { section, table, type Circumstances, type Row } from "../chaos/tables.ts"
import type { Campaign } from "./campaign.ts"
import { isChange, isDone, type Event } from "./ledger.ts"
import type { Findings } from "./scene.ts"

const share = (events: ReadonlyArray<Event>): string =>
  events.length === 0
    ? "-"
    : `${((100 * events.filter(isDone).length) / events.length).toFixed(0)} % of ${events.length}`

const mainRow = ({ judgement, ledger, open, options, recovered, restarts, title }: Findings): Row =>
  [
    title,
    options.times,
    ledger.events.length,
    ledger.creates.filter(({ state }) => state === "made").length,
    ledger.revokes.filter(({ state }) => state === "done").length,
    judgement.lost,
    judgement.duplicates,
    judgement.strangers,
    open,
    judgement.isChainIntact ? "intact" : "BROKEN",
    judgement.unaudited,
    judgement.withoutOutcome,
    recovered === undefined ? "NEVER" : `${recovered.toFixed(2)} s`,
    restarts
  ].map(String)

const mainTable = (scenes: ReadonlyArray<Findings>) =>
  table(
    [
      "fault",
      "times",
      "requests",
      "creates acknowledged",
      "revocations acknowledged",
      "lost",
      "duplicates",
      "keys nobody was told of",
      "never settled",
      "audit's chain",
      "not in the audit",
      "outcome not in the audit",
      "longest recovery",
      "restarts it took"
    ],
    scenes.map(mainRow)
  )

const refusals = (events: ReadonlyArray<Event>): string => {
  const counts = new Map<string, number>()
  for (const event of events) {
    if (isDone(event)) continue
    const name = event.status === 0 ? "no answer" : (event.problem ?? String(event.status))
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts]
    .map(([name, count]) => `${name} ${count}`)
    .toSorted()
    .join(", ")
}

const duringTable = (scenes: ReadonlyArray<Findings>) =>
  table(
    ["fault", "what it is here", "changes carried out", "reads answered", "how the others ended"],
    scenes.map(({ during, means, title }) => [
      title,
      means,
      share(during.filter(isChange)),
      share(during.filter((event) => !isChange(event))),
      refusals(during)
    ])
  )

const againOf = ({ ledger }: Findings): number => ledger.creates.filter(({ requests }) => requests > 1).length

const repeatTable = ({ naive, scenes }: Campaign) =>
  table(
    ["fault", "clients", "creates that were sent again", "duplicate live keys", "live keys nobody was told of"],
    naive.flatMap((other) => {
      const own = scenes.find(({ options }) => options.fault === other.options.fault)
      return [own, other].flatMap((found) =>
        found === undefined
          ? []
          : [
              [
                found.title,
                found.options.idempotent ? "with idempotency keys" : "without",
                String(againOf(found)),
                String(found.judgement.duplicates),
                String(found.judgement.strangers)
              ]
            ]
      )
    })
  )

const controlTable = ({ controls }: Campaign) =>
  table(
    ["planted by hand", "noticed"],
    controls.map(({ isNoticed, plant }) => [plant.title, isNoticed ? "yes" : "NO"])
  )

/** Writes all tables. */
export const report = (circumstances: Circumstances, campaign: Campaign): ReadonlyArray<string> => [
  `Command: \`${circumstances.command}\`. Seed ${circumstances.seed}.`,
  `${circumstances.date}, ${circumstances.machine}, ${circumstances.versions}.`,
  ...section("What is left", mainTable(campaign.scenes)),
  ...section("While the fault lasted", duringTable(campaign.scenes)),
  ...(campaign.naive.length === 0 ? [] : section("Clients without idempotency keys", repeatTable(campaign))),
  ...section("Damage that was planted", controlTable(campaign))
]
