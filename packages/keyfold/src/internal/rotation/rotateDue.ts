/** `keyfold rotate --due`. */
import * as RotationRunner from "@keyfold/lifecycle/RotationRunner"
import * as RotationSchedule from "@keyfold/lifecycle/RotationSchedule"
import type { RotationRecord } from "@keyfold/lifecycle/RotationStorage"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Shell } from "../../Shell.ts"
import * as ExitCode from "../exitCode.ts"
import { CommandError } from "../failure.ts"
import { count } from "../inventory/told.ts"
import { outcome as setOutcome } from "../outcome.ts"
import { note, print, printJson, warn } from "../print.ts"
import type { Settings } from "../root.ts"
import { Serving } from "../serving.ts"
import { table } from "../table.ts"
import { type Given, optionalDuration } from "./flags.ts"
import * as following from "./follow.ts"
import type { Opened } from "./open.ts"
import { columns, exitCode, plain, remark, row } from "./told.ts"

type Outcome = RotationSchedule.Outcome

const planOf = ({ definition, resources, rotations, stores }: Opened, { store }: Settings): RotationSchedule.Plan => ({
  sources: stores.sources,
  schedules: definition.schedules,
  rotations,
  resources,
  ...(Option.isNone(store) ? {} : { only: store.value })
})

const planned = Effect.fnUntraced(function* (opened: Opened, settings: Settings) {
  const plan = planOf(opened, settings)
  if (plan.schedules.some(({ store }) => plan.only === undefined || plan.only === store)) return plan
  return yield* new CommandError({
    exitCode: ExitCode.usage,
    problem: `the configuration has no schedule of rotations${plan.only === undefined ? "" : ` for store "${plan.only}"`}`,
    fix: "Write rotation: { every: 90d, overlap: 24h, sink: NAME } into a store or a tenant."
  })
})

const whose = ({ key, store, tenant }: RotationSchedule.Meant): string =>
  `key ${key.id} of store "${store}"${tenant === undefined ? "" : `, tenant "${tenant}"`}`

const sentenceOf = (text: string): string => (text.endsWith(".") ? text : `${text}.`)

/** What is expected while rotations go on, and shows in their list. */
const isQuiet = (outcome: Outcome): boolean =>
  outcome._tag === "Left" && ["underWay", "rotated", "waiting", "needsAttention"].includes(outcome.reason)

const sentence = (outcome: Outcome): string | undefined => {
  if (isQuiet(outcome)) return undefined
  switch (outcome._tag) {
    case "Started":
      return undefined
    case "Refused":
      return `${whose(outcome)} is due and cannot be rotated: ${outcome.error.message}`
    case "Left":
      return sentenceOf(`${whose(outcome)} is left alone: ${outcome.problem}`)
    case "Unread":
      return `the keys of store "${outcome.store}" could not be read: ${outcome.problem}`
  }
}

const eventOf = (outcome: Outcome) => {
  switch (outcome._tag) {
    case "Started":
      return { event: "started", ...plain(outcome.record) }
    case "Refused": {
      const { error, key, store, tenant } = outcome
      return { event: "refused", store, tenant, key: key.id, kind: error.reason._tag, problem: error.message }
    }
    case "Left": {
      const { key, problem, reason, rotation, store, tenant } = outcome
      return { event: "left", store, tenant, key: key.id, reason, problem, rotation }
    }
    case "Unread": {
      const { _tag, ...unread } = outcome
      return { event: "unread", ...unread }
    }
  }
}

const tell = (outcome: Outcome, json: boolean) => {
  const text = sentence(outcome)
  return json ? printJson(eventOf(outcome)) : text === undefined ? Effect.void : warn(false, text)
}

const tally = (records: ReadonlyArray<RotationRecord>, began: number): string => {
  const of = (status: RotationRecord["status"]) => records.filter((record) => record.status === status).length
  const parts = [
    [of("done"), "done"],
    [of("running"), "under way"],
    [of("undone"), "undone"],
    [of("revocationPending"), "with a revocation that is tried again"],
    [of("needsAttention"), of("needsAttention") === 1 ? "needs attention" : "need attention"]
  ] as const
  const told = parts.flatMap(([number, words]) => (number === 0 ? [] : [`${number} ${words}`]))
  return `${count(began, "rotation")} begun${told.length === 0 ? "" : `; ${told.join(", ")}`}.`
}

interface Ended {
  readonly records: ReadonlyArray<RotationRecord>
  readonly outcomes: ReadonlyArray<Outcome>
}

const failed = ({ outcomes }: Ended): boolean =>
  outcomes.some((outcome) => outcome._tag === "Refused" || outcome._tag === "Unread")

const report = Effect.fnUntraced(function* (ended: Ended, json: boolean) {
  const { command, stdout } = yield* Shell
  const { outcomes, records } = ended
  const began = outcomes.filter(({ _tag }) => _tag === "Started").length
  const code = exitCode(records)
  const worst = code === ExitCode.ok && failed(ended) ? ExitCode.failed : code
  yield* setOutcome(worst)
  if (json) return yield* printJson({ event: "finished", began, rotations: records.map(plain) })
  if (records.length > 0) yield* print(`${table(columns, records.map(row), stdout)}\n`)
  yield* print(`${tally(records, began)}\n`)
  const urgent = records.filter(({ status }) => status === "needsAttention" || status === "revocationPending")
  yield* Effect.forEach(urgent, (record) => note(remark(record, command)), { discard: true })
})

const interrupted = (json: boolean) =>
  Effect.flatMap(Shell, ({ command }) =>
    warn(
      json,
      `interrupted. What is under way goes on with the next ${command} rotate --due, or in a runner that stays.`
    )
  )

const once = Effect.fnUntraced(function* (opened: Opened, given: Given, settings: Settings) {
  const { json } = settings
  const { rotations } = opened
  const plan = yield* planned(opened, settings)
  const within = yield* optionalDuration("--within", given.within)
  const outcomes: Array<Outcome> = []
  yield* Stream.runForEach(RotationSchedule.runDue(plan), (outcome) => {
    outcomes.push(outcome)
    return tell(outcome, json)
  })
  const settled = RotationRunner.settle(rotations, within === undefined ? {} : { within })
  const records = yield* following.follow(settled, yield* following.progress(json))
  const stalled = yield* Stream.runCollect(rotations.list({ statuses: ["needsAttention"] }))
  const known = new Set(records.map(({ id }) => id))
  yield* report({ records: [...records, ...stalled.filter(({ id }) => !known.has(id))], outcomes }, json)
})

const forever = Effect.fnUntraced(function* (opened: Opened, given: Given, settings: Settings) {
  const shell = yield* Shell
  const plan = yield* planned(opened, settings)
  yield* yield* Serving
  const every = yield* optionalDuration("--every", given.every)
  return yield* RotationRunner.run(Effect.succeed(plan), {
    ...(every === undefined ? {} : { every }),
    onOutcome: (outcome) =>
      settings.json ? Effect.ignore(Effect.provideService(printJson(eventOf(outcome)), Shell, shell)) : Effect.void
  })
})

/** Rotates what is due, once or for as long as the command runs. */
export const rotateDue = (opened: Opened, given: Given, settings: Settings) =>
  Effect.suspend(() => (given.watch ? forever(opened, given, settings) : once(opened, given, settings))).pipe(
    Effect.onInterrupt(() => interrupted(settings.json))
  )
