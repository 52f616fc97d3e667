/** Runs every case on a mutant and says which of them catch it. */
import { assert, describe, it } from "@effect/vitest"
import { cases } from "@keyfold/conformance/Contract"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import type { Mutant } from "./mutant.ts"

/** Real milliseconds one mutant may take on a busy machine. */
const timeout = 60_000

const catching = ({ subject }: Mutant): Effect.Effect<ReadonlyArray<string>> =>
  Effect.map(
    Effect.forEach(cases(subject), ({ group, name, run }) =>
      Effect.map(Effect.exit(run), (exit) => (exit._tag === "Failure" ? [`${group}: ${name}`] : []))
    ),
    (failing) => failing.flat()
  ).pipe(Effect.provide(Logger.layer([])))

/** Registers one test for each mutant: the cases named for it fail, and all others pass. */
export const hunt = (kind: string, mutants: ReadonlyArray<Mutant>): void => {
  describe(kind, () => {
    for (const mutant of mutants) {
      it.live(
        `a store that ${mutant.wrong} is caught by the cases named for it and by no other`,
        () =>
          Effect.map(catching(mutant), (caught) => {
            assert.isNotEmpty(mutant.caughtBy, "a mutant names the cases that catch it")
            const certain = caught.filter((name) => !mutant.mayBeCaughtBy?.includes(name))
            assert.deepStrictEqual(certain.toSorted(), mutant.caughtBy.toSorted())
          }),
        timeout
      )
    }
  })
}
