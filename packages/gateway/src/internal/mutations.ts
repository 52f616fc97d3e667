/** Changes, each with its entries in the audit. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Audit, Fact } from "../Audit.ts"
import { make as problem, type Problem } from "../Problem.ts"
import { Admission } from "./admitting.ts"
import { Entry } from "./entry.ts"

/** What is about to be changed. */
export type Mutation = Pick<Fact, "operation" | "key" | "operationId" | "reason">

/** How a change tells of itself: the key it is about, what its failures are called, and what it fails with unwritten. */
export interface Telling<A, E> {
  readonly keyOf: (value: A) => string | undefined
  readonly nameOf: (error: E) => string
  readonly unwritten: E
}

const outcomeOf = <A, E>(exit: Exit.Exit<A, E>, { nameOf }: Telling<A, E>): string => {
  if (Exit.isSuccess(exit)) return "done"
  const failure = Cause.findErrorOption(exit.cause)
  if (Option.isSome(failure)) return nameOf(failure.value)
  return Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "internal"
}

/** Carries out a change between its two entries. Where the first cannot be written, nothing is done. */
export const recorded = <A, E, R>(
  audit: Audit,
  fact: Omit<Fact, "outcome">,
  change: Effect.Effect<A, E, R>,
  telling: Telling<A, E>
): Effect.Effect<A, E, R> => {
  const ended = (exit: Exit.Exit<A, E>) => {
    const key = Exit.isSuccess(exit) ? telling.keyOf(exit.value) : undefined
    const entry = { ...fact, outcome: outcomeOf(exit, telling), ...(key === undefined ? {} : { key }) }
    const lost = Effect.annotateLogs(Effect.logError(`the outcome of a ${fact.operation} is missing in the audit`), {
      "keyfold.event": "gateway.audit.incomplete",
      "keyfold.request": fact.requestId,
      "keyfold.outcome": entry.outcome
    })
    return Effect.catch(Effect.asVoid(audit.append(entry)), () => lost)
  }
  return Effect.uninterruptibleMask((restore) =>
    Effect.andThen(
      Effect.mapError(audit.append({ ...fact, outcome: "begun" }), () => telling.unwritten),
      Effect.onExit(restore(change), ended)
    )
  )
}

const unwritten = problem("audit-unavailable", "The audit cannot be written, so nothing was changed. Reading goes on.")

/** Carries out a change of the request that was let in, between its two entries. */
export const audited = Effect.fnUntraced(function* <A, R>(
  audit: Audit,
  mutation: Mutation,
  change: Effect.Effect<A, Problem, R>,
  keyOf: (value: A) => string | undefined
): Effect.fn.Return<A, Problem, R | Admission> {
  const { caller, tenant } = yield* Admission
  const { requestId } = yield* Entry
  const fact = { ...mutation, actor: caller.actor, tenant, requestId }
  return yield* recorded(audit, fact, change, { keyOf, nameOf: ({ name }) => name, unwritten })
})
