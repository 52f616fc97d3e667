/** Every place the campaign looks at, and a way to leave a secret there. */
import type { Records } from "@keyfold/canary/Canary"
import * as Sink from "@keyfold/core/Sink"
import { OperationId } from "@keyfold/core/OperationId"
import * as SecretSink from "@keyfold/node/SecretSink"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import { spawn } from "node:child_process"
import { symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Operation, Store } from "./CanaryOperations.ts"
import { keeperCommand } from "./CanarySinks.ts"

/** What a plant may use: the folder of the situation, and what is undone after it. */
export interface Ground {
  readonly folder: string
  readonly undo: Array<() => void>
  /** What the campaign takes for values of the backend. */
  readonly values: Array<readonly [where: string, value: unknown]>
}

export type Plant = (secret: string, ground: Ground) => (store: Store) => Effect.Effect<unknown, unknown>

const left =
  (effect: (secret: string) => Effect.Effect<unknown, unknown>): Plant =>
  (secret) =>
  () =>
    effect(secret)

const done =
  (act: (secret: string, ground: Ground) => void): Plant =>
  (secret, ground) =>
  () =>
    Effect.sync(() => act(secret, ground))

const failing = (secret: string) => Effect.fail(new Error(secret))
const traced = (secret: string) => Effect.withSpan(Effect.void, "planted", { attributes: { secret } })
const counted = (secret: string) => Metric.update(Metric.counter(`planted ${secret}`, { description: secret }), 1)

const asName: Plant = (secret) => (store) => store.create({ name: secret })
const asOperation: Plant = (secret) => (store) => store.create({}, { operationId: OperationId.make(secret) })

const asFile = (...path: ReadonlyArray<string>) =>
  done((secret, { folder }) => writeFileSync(join(folder, ...path), `before ${secret} after`))

const inChild = (run: (secret: string) => ReturnType<typeof spawn>) =>
  done((secret, { undo }) => {
    const child = run(secret)
    undo.push(() => child.kill("SIGKILL"))
  })

/** A program that waits, under a name of its own; names of programs are cut to fifteen characters. */
const named = inChild((secret) =>
  spawn("/bin/sh", ["-c", `printf %s "$1" > /proc/$$/comm; sleep 60`, "sh", secret.slice(0, 15)])
)

const fed =
  (
    more: (secret: string) => { readonly argument: string; readonly environment: Readonly<Record<string, string>> }
  ): Plant =>
  (secret, { folder }) =>
  (store) => {
    const { argument, environment } = more(secret)
    const sink = SecretSink.standardInput(keeperCommand(folder, argument), { env: { ...process.env, ...environment } })
    return Sink.deliverTo(sink)(store.create({ name: "fed" }))
  }

/** The places by name: how to tell them, and what to leave in them. `only` names the backend that has them. */
export const places = {
  "log message": { is: /^log message$/, plant: left(Effect.log) },
  "log cause": { is: /^log cause/, plant: left((secret) => Effect.logError("x", Cause.fail(new Error(secret)))) },
  "log annotations": { is: /^log annotations$/, plant: left((s) => Effect.annotateLogs(Effect.log("x"), "s", s)) },
  "log spans": { is: /^log spans$/, plant: left((secret) => Effect.withLogSpan(Effect.log("x"), secret)) },
  "log line": { is: /^log line$/, plant: left((s) => Effect.annotateLogs(Effect.log("x"), "s", s)) },
  "log as JSON": { is: /^log JSON$/, plant: left((s) => Effect.annotateLogs(Effect.log("x"), "s", s)) },
  "a span's name": { is: /^span /, plant: left((secret) => Effect.withSpan(Effect.void, secret)) },
  "a span's attributes": { is: /^attributes of span/, plant: left(traced) },
  "a span's events": { is: /^events of span/, plant: left((secret) => Effect.withSpan(Effect.log(secret), "planted")) },
  "a span's exit": { is: /^exit of span/, plant: left((s) => Effect.exit(Effect.withSpan(failing(s), "planted"))) },
  "an exit": { is: /^exit of /, plant: left(failing) },
  "an error": { is: /^error of /, plant: left(failing) },
  "a value": { is: /^value of /, plant: left(Effect.succeed) },
  "a metric": { is: /^metrics?(?: |$)/, plant: left(counted) },
  "traces as JSON": { is: /^OTLP traces as JSON$/, plant: left(traced) },
  "traces as protobuf": { is: /^OTLP traces as protobuf$/, plant: left(traced) },
  "logs as JSON": { is: /^OTLP logs as JSON$/, plant: left(Effect.log) },
  "logs as protobuf": { is: /^OTLP logs as protobuf$/, plant: left(Effect.log) },
  "metrics as JSON": { is: /^OTLP metrics as JSON$/, plant: left(counted) },
  "metrics as protobuf": { is: /^OTLP metrics as protobuf$/, plant: left(counted) },
  "an entry of the journal": { is: /^entries of the journal/, plant: asOperation },
  "an operation of the journal": { is: /^operations of the journal/, plant: asOperation },
  "the journal's file": { is: /^file data\/journal\.db$/, plant: asOperation },
  "the journal's log": { is: /^file data\/journal\.db-wal$/, plant: asOperation },
  "the store's file": { is: /^file data\/keys\.db$/, plant: asName },
  "the store's log": { is: /^file data\/keys\.db-wal$/, plant: asName },
  "an index of a log": { is: /^file data\/\w+\.db-shm$/, plant: asFile("data", "planted.db-shm") },
  "a request log": { is: /^request log$/, plant: asName },
  options: { is: /^options$/, plant: done((secret, { values }) => values.push(["options", { deep: { secret } }])) },
  "a driver": { is: /^driver$/, plant: done((secret, { values }) => values.push(["driver", { deep: { secret } }])) },
  "a store": { is: /^store$/, plant: done((secret, { values }) => values.push(["store", { deep: { secret } }])) },
  "a journal": { is: /^journal$/, plant: done((secret, { values }) => values.push(["journal", { deep: { secret } }])) },
  "a temporary file": { is: /^file (?!data\/|witnesses\/)/, plant: asFile("targets", ".plain.key.1f2e3d") },
  "a file's name": { is: /^name of /, plant: done((s, { folder }) => writeFileSync(join(folder, "targets", s), "")) },
  "a link": { is: /^link /, plant: done((secret, { folder }) => symlinkSync(secret, join(folder, "data", "link"))) },
  "arguments of a fed program": {
    is: /^file witnesses\/cmdline$/,
    plant: fed((argument) => ({ argument, environment: {} }))
  },
  "environment of a fed program": {
    is: /^file witnesses\/environ$/,
    plant: fed((secret) => ({ argument: "", environment: { SECRET: secret } }))
  },
  "arguments of a process": {
    is: /^cmdline of process/,
    plant: inChild((secret) => spawn("/bin/sh", ["-c", "sleep 60", secret]))
  },
  "environment of a process": {
    is: /^environ of process/,
    plant: inChild((secret) => spawn("/bin/sleep", ["60"], { env: { SECRET: secret } }))
  },
  "name of a process": { is: /^comm of process/, plant: named },
  "status of a process": { is: /^status of process/, plant: named },
  "this process": {
    is: /^this process$/,
    plant: done((secret, { undo }) => {
      process.env["SECRET_OF_THE_TEST"] = secret
      undo.push(() => delete process.env["SECRET_OF_THE_TEST"])
    })
  }
} satisfies Readonly<Record<string, { readonly is: RegExp; readonly plant: Plant }>>

export type Place = keyof typeof places

export const placeNames = Object.keys(places) as ReadonlyArray<Place>

/** The place a record is from: the first that it fits. None is a place that nobody planted anything in. */
export const placeOf = (where: string): Place | undefined => {
  const own = where.slice(where.indexOf(": ") + 2).split(" by ")[0] ?? ""
  return placeNames.find((name) => places[name].is.test(own))
}

/** Secrets for every place, short enough for the name of a program and each its own. */
export const secrets = new Map(
  placeNames.map((name, index) => [name, `${10 + index}PLANT${10 + index}secret-that-must-be-found`] as const)
)

/** Operations that leave one secret in each place. */
export const planting = (ground: Ground): ReadonlyArray<Operation> =>
  placeNames.map((name): Operation => {
    const run = places[name].plant(secrets.get(name) ?? "", ground)
    return [`planting ${name}`, (store) => run(store)]
  })

/** The places of some records. */
export const placesIn = (records: Records): ReadonlySet<Place | undefined> =>
  new Set(records.map(([where]) => placeOf(where)))
