/** The campaign sees where it looks: a secret left in any of its places is found there. */
import { assert, describe, it } from "@effect/vitest"
import { scan, type Records } from "@keyfold/canary/Canary"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import { backends, type Backend } from "./CanaryBackends.ts"
import { collector } from "./CanaryCollector.ts"
import { placeNames, placeOf, planting, secrets, type Ground } from "./CanaryPlaces.ts"
import { makeCanaries } from "./CanaryPlants.ts"
import { run } from "./CanaryRun.ts"
import { success } from "./CanarySituations.ts"
import { temporaryFolder } from "./Keyfold.ts"

/** A backend that shows what was planted among its values too. */
const showing = (backend: Backend, { values }: Ground): Backend => ({
  ...backend,
  world: (folder, canaries) =>
    Effect.map(backend.world(folder, canaries), (world) => ({
      ...world,
      values: () => [...world.values(), ...values]
    }))
})

/** Everything the campaign looks at on the backends that have all places between them, with a secret in each. */
const planted = Effect.gen(function* () {
  const root = yield* temporaryFolder
  const exporting = yield* collector
  const records: Records = []
  const undo: Array<() => void> = []
  for (const [name, encoding] of [
    ["whylabs v0", "protobuf"],
    ["sql", "JSON"],
    ["memory", "JSON"]
  ] as const) {
    const ground: Ground = { folder: join(root, encoding, name), undo, values: [] }
    const backend = backends.find((one) => one.name === name) ?? assert.fail(name)
    const outcome = yield* run(
      {
        backend: showing(backend, ground),
        situation: success,
        encoding,
        transport: "ky",
        collector: exporting,
        folder: ground.folder,
        also: planting(ground)
      },
      makeCanaries()
    )
    records.push(...outcome.records)
  }
  for (const act of undo) act()
  return records
}).pipe(Effect.scoped)

describe("the campaign", () => {
  it.live("finds a secret in every place it looks at, and looks at no place where nothing was planted", () =>
    Effect.gen(function* () {
      const records = yield* planted
      const unknown = records.flatMap(([where]) => (placeOf(where) === undefined ? [where] : []))
      assert.deepStrictEqual(unknown, [], "every place has its plant")
      for (const name of placeNames) {
        const secret = (secrets.get(name) ?? "").slice(0, 15)
        const here = records.filter(([where]) => placeOf(where) === name)
        assert.isNotEmpty(here, `the campaign looks at ${name}`)
        assert.isNotEmpty(scan(here, [secret]), `a secret in ${name} is found`)
      }
    })
  )

  it.live("finds nothing in those places where nothing was planted", () =>
    Effect.gen(function* () {
      const root = yield* temporaryFolder
      const [backend] = backends
      if (backend === undefined) return assert.fail("no backend")
      const canaries = makeCanaries()
      const { findings, records } = yield* run(
        {
          backend,
          situation: success,
          encoding: "JSON",
          transport: "undici",
          collector: yield* collector,
          folder: join(root, "run")
        },
        canaries
      )
      assert.deepStrictEqual(findings, [])
      assert.deepStrictEqual(scan(records, [...secrets.values()]), [])
    }).pipe(Effect.scoped)
  )
})
