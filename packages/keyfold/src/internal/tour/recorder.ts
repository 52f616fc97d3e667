/** What the tour keeps of every step: the outcome in words, the requests it took, its time. */
import { supports } from "@keyfold/core/Capabilities"
import type { KeyStore } from "@keyfold/core/KeyStore"
import type { KeyStoreError, Operation } from "@keyfold/core/KeyStoreError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/** One thing the program did. `expected` is false where a store did not do what it declares. */
export interface Step {
  readonly store: string
  readonly operation: Operation
  /** Whether the program had called this operation before. */
  readonly again: boolean
  readonly result: string
  readonly expected: boolean
  readonly unsupported: boolean
  readonly requests: number | "SQL"
  readonly milliseconds: number
}

/** Fails a step that did not do what it should. */
export class Surprise extends Schema.TaggedError<Surprise>("keyfold/tour/Surprise")("Surprise", {
  problem: Schema.String
}) {}

type Outcome = Result.Result<unknown, KeyStoreError | Surprise>

const isUnsupported = (outcome: Outcome): boolean =>
  Result.isFailure(outcome) && outcome.failure._tag === "KeyStoreError" && outcome.failure.reason._tag === "Unsupported"

const describeFailure = (failure: KeyStoreError | Surprise): string =>
  failure._tag === "Surprise" ? failure.problem : `${failure.reason._tag}: ${failure.reason.message}`

/** Makes the recorder of one store. */
export const makeRecorder = (store: KeyStore["Service"], requests: (() => number) | undefined) => {
  const steps: Array<Step> = []
  const record = Effect.fnUntraced(function* <A>(
    operation: Operation,
    call: Effect.Effect<A, KeyStoreError | Surprise>,
    say: (answer: A) => string = String
  ) {
    const before = requests?.() ?? 0
    const [took, outcome] = yield* Effect.timed(Effect.result(call))
    const sent = (requests?.() ?? 0) - before
    const unsupported = isUnsupported(outcome) && sent === 0
    steps.push({
      store: store.store,
      operation,
      again: steps.some((step) => step.operation === operation),
      result: Result.isSuccess(outcome)
        ? say(outcome.success)
        : unsupported
          ? "unsupported; nothing was sent"
          : describeFailure(outcome.failure),
      expected: supports(store.capabilities, operation) ? Result.isSuccess(outcome) : unsupported,
      unsupported,
      requests: requests === undefined ? "SQL" : sent,
      milliseconds: Duration.toMillis(took)
    })
    return Result.isSuccess(outcome) ? outcome.success : undefined
  })
  return { record, steps }
}
