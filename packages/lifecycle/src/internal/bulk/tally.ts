/** The sum of what became of the keys of a plan. */
import type { Outcome, Plan, Report } from "../../BulkRevocation.ts"
import { addressOf, inOrder } from "./address.ts"

/** Adds outcomes up, those of earlier runs included. */
export const makeTally = ({ digest, selector, targets }: Plan, known: ReadonlyMap<string, Outcome>) => {
  const outcomes = new Map(known)
  const count = (kind: Outcome["kind"]): number =>
    [...outcomes.values()].filter((outcome) => outcome.kind === kind).length
  return {
    add: (outcome: Outcome): void => void outcomes.set(addressOf(outcome), outcome),
    report: (): Report => {
      const failed = [...outcomes.values()].filter(({ kind }) => kind === "failed").toSorted(inOrder)
      const left = targets.filter((target) => !outcomes.has(addressOf(target))).length
      return {
        digest,
        selector,
        planned: targets.length,
        revoked: count("revoked"),
        alreadyRevoked: count("alreadyRevoked"),
        gone: count("gone"),
        spared: count("spared"),
        failed,
        left,
        complete: failed.length === 0 && left === 0
      }
    }
  }
}
