/** Marked secrets through every operation, failure and log level of every backend: no byte of what is left shows one. */
import { assert, describe, it } from "@effect/vitest"
import { isKeyStoreError } from "@keyfold/core/KeyStoreError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { join } from "node:path"
import { backends } from "./CanaryBackends.ts"
import { collector } from "./CanaryCollector.ts"
import { makeCanaries } from "./CanaryPlants.ts"
import { run, type Outcome } from "./CanaryRun.ts"
import { isSound, situationsOf } from "./CanarySituations.ts"
import { targetProblems } from "./CanarySinks.ts"
import { temporaryFolder } from "./Keyfold.ts"

/** The reasons an operation may fail for although nothing is in its way. */
const expected = new Set(["Unsupported", "NotFound", "InvalidRequest"])

/** Operations that failed although nothing was in their way: a campaign without secrets finds none. */
const surprises = ({ exits }: Outcome): ReadonlyArray<string> =>
  [...exits].flatMap(([name, exit]) => {
    if (Exit.isSuccess(exit)) return []
    const error = Cause.squash(exit.cause)
    return isKeyStoreError(error) && expected.has(error.reason._tag) ? [] : [`${name}: ${String(error)}`]
  })

describe("no secret gets out of any operation", { timeout: 120_000 }, () => {
  for (const backend of backends) {
    it.live(`of ${backend.name}`, () =>
      Effect.gen(function* () {
        const root = yield* temporaryFolder
        const exporting = yield* collector
        for (const [index, situation] of situationsOf(backend.kind).entries()) {
          const canaries = makeCanaries()
          const given = canaries.count()
          const folder = join(root, String(index))
          const encoding = index % 2 === 0 ? "JSON" : "protobuf"
          const transport = index % 4 < 2 ? "ky" : "undici"
          const outcome = yield* run(
            { backend, situation, encoding, transport, collector: exporting, folder },
            canaries
          )
          const whole = outcome.exits.get("the whole situation")
          assert.strictEqual(whole !== undefined && Exit.isFailure(whole) ? Cause.pretty(whole.cause) : "", "")
          assert.deepStrictEqual(outcome.findings, [], situation.name)
          assert.deepStrictEqual(targetProblems(folder, canaries.all()), [], situation.name)
          if (isSound(situation)) assert.deepStrictEqual(surprises(outcome), [], situation.name)
          assert.isAbove(canaries.count(), given, `${situation.name}: secrets came to be on the way`)
        }
      }).pipe(Effect.scoped)
    )
  }
})
