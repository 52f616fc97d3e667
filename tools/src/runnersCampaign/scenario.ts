/** One run of the campaign: keys that are due, runner processes that share them, and the truth afterwards. */
import type { ApiKey } from "@keyfold/core/ApiKey"
import { KeyStore } from "@keyfold/core/KeyStore"
import { deliverTo } from "@keyfold/core/Sink"
import { RotationId } from "@keyfold/lifecycle/Rotation"
import type { RotationRecord } from "@keyfold/lifecycle/RotationStorage"
import { Rotations } from "@keyfold/lifecycle/Rotations"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { spawn, type ChildProcess } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parseEnv } from "node:util"
import { handOvers, holderFile, layerOf, sinkName, sinkOf, store, variable, type Process } from "./world.ts"

/** What is asked for. */
export interface Scenario {
  readonly rotations: number
  readonly runners: number
  /** Kills one runner like `kill -9` once this part of the new keys is handed over. */
  readonly killAt: number | undefined
  readonly takeOverAfter: number
}

/** What was seen. */
export interface Findings {
  readonly scenario: Scenario
  readonly seconds: number
  readonly perRunner: ReadonlyArray<number>
  /** The seconds from the kill until somebody had gone on with the last rotation that was being worked on then. */
  readonly takenOver: number | undefined
  readonly workedOnAtKill: number
  readonly counts: Readonly<Record<RotationRecord["status"], number>>
  /** Keys that were made, handed to nobody and revoked. */
  readonly discarded: number
  readonly problems: ReadonlyArray<string>
}

const idOf = (index: number) => RotationId.make(`rotation-${index}`)

const numbers = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, index) => index)

const seed = Effect.fnUntraced(function* (self: Process, count: number) {
  const keys = yield* KeyStore
  return yield* Effect.forEach(
    numbers(count),
    (index) => keys.create({ name: `holder-${index}` }).pipe(deliverTo(sinkOf(self, idOf(index)))),
    { concurrency: 8 }
  )
})

const launch = ({ folder, takeOverAfter, url }: Process, name: string): ChildProcess =>
  spawn(
    process.execPath,
    ["--conditions=@keyfold/source", join(import.meta.dirname, "runner.ts"), url, folder, name, String(takeOverAfter)],
    { stdio: ["pipe", "ignore", "inherit"] }
  )

const endOf = (child: ChildProcess) =>
  Effect.callback<void>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) resume(Effect.void)
    else child.once("exit", () => resume(Effect.void))
  })

const runnersOf = (self: Process, count: number) =>
  Effect.acquireRelease(
    Effect.sync(() => numbers(count).map((index) => launch(self, `runner-${index}`))),
    (children) =>
      Effect.forEach(children, (child) => {
        child.stdin?.end()
        return Effect.timeoutOrElse(endOf(child), {
          duration: Duration.seconds(30),
          orElse: () => Effect.sync(() => void child.kill("SIGKILL"))
        })
      })
  )

const isOver = ({ status }: RotationRecord): boolean =>
  status === "done" || status === "undone" || status === "needsAttention"

const handedOver = (folder: string): ReadonlyArray<readonly [runner: string, rotation: string]> =>
  readFileSync(join(folder, handOvers), "utf8")
    .split("\n")
    .flatMap((line) => {
      const [runner = "", rotation = ""] = line.split(" ")
      return line === "" || runner === "main" ? [] : [[runner, rotation] as const]
    })

/** Waits for the end of all rotations; kills a runner on the way, and watches what it may have been at. */
const watch = Effect.fnUntraced(function* (scenario: Scenario, folder: string, children: ReadonlyArray<ChildProcess>) {
  const rotations = yield* Rotations
  const deadline = Date.now() + 1_800_000
  let killedAt: number | undefined
  let atKill: ReadonlySet<string> = new Set()
  let takenOver: number | undefined
  for (;;) {
    const records = yield* Stream.runCollect(rotations.list())
    const over = records.filter(isOver)
    const isTime = killedAt === undefined && handedOver(folder).length >= (scenario.killAt ?? 2) * scenario.rotations
    if (isTime) {
      children.at(-1)?.kill("SIGKILL")
      killedAt = Date.now()
      const now = killedAt
      atKill = new Set(
        records.filter((record) => !isOver(record) && record.leaseUntil > now).map(({ id }): string => id)
      )
    }
    if (killedAt !== undefined && takenOver === undefined) {
      const since = killedAt
      const changed = records.filter(({ id, updatedAt }) => atKill.has(id) && updatedAt > since)
      if (changed.length === atKill.size) takenOver = (Date.now() - since) / 1000
    }
    if (over.length === scenario.rotations || Date.now() > deadline) return { records, takenOver, atKill: atKill.size }
    yield* Effect.sleep("500 millis")
  }
})

/** What must be true of the keys of a rotation that stands still, by how it stands. */
const expectations = (
  { custody, old, status }: RotationRecord,
  statusOf: (id: string) => ApiKey["status"] | undefined
): ReadonlyArray<readonly [isTrue: boolean, problem: string]> => {
  const [before, after] = [statusOf(old.id), statusOf(custody?.id ?? "")]
  switch (status) {
    case "done":
      return [
        [before === "revoked", "it is done and the old key is not revoked"],
        [after === "active", "it is done and the new key is not active"]
      ]
    case "undone":
      return [[before === "active", "it is undone and the old key is not active"]]
    case "needsAttention":
      return [[before === "active" && after === "active", "it needs attention and one of its keys is not active"]]
    default:
      return [[false, "it did not end"]]
  }
}

const judgeRotation = Effect.fnUntraced(function* (
  folder: string,
  record: RotationRecord,
  statusOf: (id: string) => ApiKey["status"] | undefined
) {
  const { discarded, id } = record
  const problems = expectations(record, statusOf).flatMap(([isTrue, problem]) => (isTrue ? [] : [`${id}: ${problem}`]))
  if (discarded.some((key) => statusOf(key.id) === "active")) problems.push(`${id}: a discarded key is live`)
  const written = parseEnv(readFileSync(holderFile(folder, id), "utf8"))[variable] ?? ""
  const verification = yield* Effect.flatMap(KeyStore, (opened) => opened.verify(Redacted.make(written)))
  if (!verification.valid) problems.push(`${id}: the holder's key does not work`)
  return problems
})

const judge = Effect.fnUntraced(function* (scenario: Scenario, folder: string, records: ReadonlyArray<RotationRecord>) {
  const all = yield* Effect.flatMap(KeyStore, (opened) =>
    Stream.runCollect(opened.list({ status: ["active", "expired", "revoked"] }))
  )
  const keys = new Map(all.map(({ id, status }): readonly [string, ApiKey["status"]] => [id, status]))
  const perRotation = yield* Effect.forEach(records, (record) => judgeRotation(folder, record, (id) => keys.get(id)), {
    concurrency: 8
  })
  const problems = perRotation.flat()
  const given = handedOver(folder)
  const twice = given.length - new Set(given.map(([, rotation]) => rotation)).size
  if (twice > 0) problems.push(`${twice} rotations handed two keys over`)
  const counts = { done: 0, undone: 0, needsAttention: 0, running: 0, revocationPending: 0 }
  for (const { status } of records) counts[status] += 1
  const live = all.filter(({ status }) => status === "active").length
  const tracked = scenario.rotations + counts.needsAttention
  if (live !== tracked) problems.push(`${live} keys are live, and ${tracked} are accounted for`)
  const discarded = all.length - scenario.rotations - counts.done - counts.needsAttention
  return { problems, discarded, given, counts }
})

/** Runs a scenario on an empty database and an empty folder. */
export const runScenario = (url: string, folder: string, scenario: Scenario): Promise<Findings> => {
  const self: Process = { url, folder, name: "main", takeOverAfter: scenario.takeOverAfter }
  return Effect.gen(function* () {
    const seeded = yield* seed(self, scenario.rotations)
    const rotations = yield* Rotations
    yield* Effect.forEach(
      seeded,
      ({ key }, index) =>
        rotations.start({ id: key.id }, { store, sink: sinkName, overlap: "1 second", rotationId: idOf(index) }),
      { concurrency: 8, discard: true }
    )
    const begin = Date.now()
    const children = yield* runnersOf(self, scenario.runners)
    const { atKill, records, takenOver } = yield* watch(scenario, folder, children)
    const seconds = (Date.now() - begin) / 1000
    const { counts, discarded, given, problems } = yield* judge(scenario, folder, records)
    const perRunner = numbers(scenario.runners).map(
      (index) => given.filter(([runner]) => runner === `runner-${index}`).length
    )
    return { scenario, seconds, perRunner, takenOver, workedOnAtKill: atKill, counts, discarded, problems }
  }).pipe(Effect.scoped, Effect.provide(layerOf(self, "client")), Effect.runPromise)
}
