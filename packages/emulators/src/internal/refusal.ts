/** How an operation of any backend ends early. */
import type { Outgoing } from "./respond.ts"

/** Ends a request early with an answer. */
export class Refusal extends Error {
  readonly answer: Outgoing
  constructor(answer: Outgoing) {
    super(`answered ${answer.status}`)
    this.answer = answer
  }
}
