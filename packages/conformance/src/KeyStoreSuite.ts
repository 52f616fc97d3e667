/**
 * Registers the contract of a KeyStore with vitest.
 *
 * @since 0.1.0
 */
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Backend } from "./Backend.ts"
import { cases, omissions, type Case, type Subject } from "./Contract.ts"

/** Real milliseconds; a case that waits for a clock takes none. */
const timeout = 30_000

const registerGroup = (group: string, members: ReadonlyArray<Case>): void => {
  describe(group, () => {
    for (const { name, run } of members) it.live(name, () => run, timeout)
  })
}

/**
 * Registers one test for each case that applies to the store, and one for each group of cases that could not be
 * registered, whose name says what was missing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const suite = <B extends Backend>(name: string, subject: Subject<B>): void => {
  describe(name, () => {
    for (const [group, members] of Map.groupBy(cases(subject), (member) => member.group)) registerGroup(group, members)
    for (const { cases: left, group, needs } of omissions(subject)) {
      const count = left.length === 1 ? "1 case" : `${left.length} cases`
      // Passes: what it has to say is its name.
      it.live(
        `${group}: ${count} not registered, because the subject gives no ${needs.join(" and no ")}`,
        () => Effect.void
      )
    }
  })
}
