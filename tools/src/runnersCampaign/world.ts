/** What every process of the campaign has: a store, its journal, the rotations and the sinks, all on one PostgreSQL. */
import type { IssuedKey } from "@keyfold/core/ApiKey"
import { KeyStore, make as makeStore } from "@keyfold/core/KeyStore"
import type { Sink } from "@keyfold/core/Sink"
import * as RotationResources from "@keyfold/lifecycle/RotationResources"
import * as Rotations from "@keyfold/lifecycle/Rotations"
import { RotationTiming } from "@keyfold/lifecycle/RotationTiming"
import * as SecretSink from "@keyfold/node/SecretSink"
import * as Sql from "@keyfold/sql/Sql"
import * as SqlJournal from "@keyfold/sql/SqlJournal"
import * as SqlRotations from "@keyfold/sql/SqlRotations"
import * as SqlWorkflow from "@keyfold/sql/SqlWorkflow"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { appendFileSync } from "node:fs"
import { join } from "node:path"

/** What tells one process of a run from the others. */
export interface Process {
  readonly url: string
  readonly folder: string
  readonly name: string
  readonly takeOverAfter: number
}

/** The one store. */
export const store = "campaign"

/** The one sink by name; each rotation has a file of its own. */
export const sinkName = "file"

const pepper = Redacted.make("a pepper for a campaign that is long enough")

const secret = Redacted.make("a journal secret for a campaign that is long enough")

/** Where every hand-over is noted: the runner, the rotation and the key. */
export const handOvers = "handovers.log"

/** The file that a rotation's holder reads. */
export const holderFile = (folder: string, rotation: string): string => join(folder, `${rotation}.env`)

/** The variable in it. */
export const variable = "API_KEY"

/** The place of a holder's secret, which notes what it was given. */
export const sinkOf = ({ folder, name }: Process, rotation: string): Sink => {
  const sink = SecretSink.environmentFile(holderFile(folder, rotation), variable, { replace: true })
  const noted = (write: (issued: IssuedKey) => ReturnType<Effect.Success<Sink["open"]>>) => (issued: IssuedKey) =>
    Effect.tap(write(issued), () =>
      Effect.sync(() => appendFileSync(join(folder, handOvers), `${name} ${rotation} ${issued.key.id}\n`))
    )
  return { ...sink, open: Effect.map(sink.open, noted) }
}

const timing = Layer.succeed(RotationTiming, {
  within: Duration.seconds(20),
  effectiveWithin: Duration.seconds(5),
  lease: Duration.seconds(20),
  margin: Duration.seconds(5),
  firstRetry: Duration.seconds(1),
  longestRetry: Duration.seconds(5)
})

const keys = ({ url }: Process) =>
  Layer.effect(
    KeyStore,
    Effect.flatMap(Sql.make({ url, pepper }), (driver) => makeStore(driver, { store }))
  )

const resources = (process: Process) =>
  Layer.effect(
    RotationResources.RotationResources,
    Effect.map(KeyStore, (opened) =>
      RotationResources.make({
        stores: { [store]: () => Effect.succeed(opened) },
        sinks: { [sinkName]: ({ rotationId }) => sinkOf(process, rotationId) }
      })
    )
  )

/** Provides the store and the rotations, as a runner or as a client that runs nothing. */
export const layerOf = (process: Process, role: "runner" | "client") => {
  const { takeOverAfter, url } = process
  const options = { url, takeOverAfter: Duration.millis(takeOverAfter) }
  return Rotations.layer.pipe(
    Layer.provide([
      role === "runner" ? SqlWorkflow.layer(options) : SqlWorkflow.layerClient(options),
      SqlRotations.layer({ url }),
      resources(process)
    ]),
    Layer.provideMerge(keys(process)),
    Layer.provide([SqlJournal.layer({ url, secret }), timing])
  )
}
