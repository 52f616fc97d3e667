/** The schedules of the file, held against the things they name, in the words of lifecycle. */
import type { Schedule } from "@keyfold/lifecycle/RotationSchedule"
import * as Selector from "@keyfold/lifecycle/Selector"
import * as Result from "effect/Result"
import type { SinkDefinition } from "../../Configuration.ts"
import type { Mistake } from "../document.ts"
import { didYouMean } from "../spelling.ts"
import type { Placed } from "./schedule.ts"
import { namesIn } from "./settings.ts"

const kinds = [
  { member: "sink", group: "sinks", what: "sink", example: "{ file: ./secrets/key }" },
  { member: "probe", group: "probes", what: "probe", example: "{ command: [./does-it-work] }" },
  { member: "holderCheck", group: "holderChecks", what: "holder's check", example: "{ command: [./does-it-work] }" }
] as const

const unknownName = (
  { base, schedule }: Placed,
  { example, group, member, what }: (typeof kinds)[number],
  rotations: object | undefined
): ReadonlyArray<Mistake> => {
  const asked = schedule[member]
  const names = namesIn(rotations, group)
  if (asked === undefined || asked === "" || names.includes(asked)) return []
  const how =
    names.length === 0
      ? ` There is none: write rotations: { ${group}: { ${asked}: ${example} } } at the top level.`
      : `${didYouMean(asked, names)} ${group}: ${names.join(", ")}.`
  return [{ path: [...base, member], at: "value", problem: `no ${what} has this name.${how}` }]
}

const ofPattern = ({ base, tenant }: Placed): ReadonlyArray<Mistake> =>
  tenant?.includes("*") === true
    ? [
        {
          path: base,
          at: "name",
          problem: `a pattern has no schedule of its own. Write it at the store, with where: 'tenant ~ "${tenant}"'.`
        }
      ]
    : []

const noJournal: Mistake["problem"] =
  "rotations need a journal, which knows what became of every create. Write journal: " +
  '{ url: "sqlite:keyfold-journal.db", secret: { file: path } } at the top level, with a secret of at least 32 random bytes.'

/** Tells what is wrong with schedules beyond each of them by itself. */
export const mistakesOf = (
  schedules: ReadonlyArray<Placed>,
  rotations: object | undefined,
  hasJournal: boolean
): ReadonlyArray<Mistake> => [
  // Where the member is there it tells this itself.
  ...schedules
    .slice(0, hasJournal || rotations !== undefined ? 0 : 1)
    .map(({ base }): Mistake => ({ path: base, at: "name", problem: noJournal })),
  ...schedules.flatMap((placed) => [
    ...ofPattern(placed),
    ...kinds.flatMap((kind) => unknownName(placed, kind, rotations))
  ])
]

/** Joins the name of a sink with that of the key it is for; a name of a sink has no colon. */
export const referTo = ({ name, perKey }: SinkDefinition, keyName: string | undefined): string | undefined =>
  perKey ? (keyName === undefined ? undefined : `${name}:${keyName}`) : name

/** Writes a schedule as lifecycle takes it. */
export const scheduleOf = (
  { schedule: { sink, where, ...rest }, store, tenant }: Placed,
  sinks: ReadonlyMap<string, SinkDefinition>
): Schedule => {
  const definition = sinks.get(sink)
  const selector = where === undefined ? undefined : Selector.parse(where)
  return {
    ...rest,
    store,
    ...(tenant === undefined ? {} : { tenant }),
    ...(selector !== undefined && Result.isSuccess(selector) ? { where: selector.success } : {}),
    sink: definition?.perKey === true ? ({ name }) => referTo(definition, name) : sink
  }
}
