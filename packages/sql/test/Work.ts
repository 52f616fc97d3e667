/** A workflow of two steps with a timer between them; loads no test framework, so that child processes start quickly. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Activity from "effect/workflow/Activity"
import * as DurableClock from "effect/workflow/DurableClock"
import * as Workflow from "effect/workflow/Workflow"

/** Begins, waits by a timer, and ends. */
export const work = Workflow.make("Work", {
  payload: { id: Schema.String },
  idempotencyKey: ({ id }) => id,
  success: Schema.String
})

/** Makes the workflow's steps, each of which says that it is done. */
export const makeWork = (say: (...words: ReadonlyArray<string>) => Effect.Effect<void>, step = Duration.millis(20)) =>
  work.toLayer(
    Effect.fnUntraced(function* ({ id }) {
      const begun = yield* Activity.make({
        name: "begin",
        success: Schema.String,
        execute: say("begin", id).pipe(Effect.andThen(Effect.sleep(step)), Effect.as(`begun ${id}`))
      })
      yield* DurableClock.sleep({ name: "wait", duration: Duration.millis(500), inMemoryThreshold: 0 })
      yield* Activity.make({ name: "end", execute: Effect.andThen(Effect.sleep(step), say("end", id)) })
      return begun
    })
  )
