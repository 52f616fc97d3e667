/** Commands that stay until they are told to end. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** Tells the process that SIGTERM is from now on how this command ends, and no failure. */
export const Serving = Context.Reference<Effect.Effect<void>>("keyfold/Serving", {
  defaultValue: () => Effect.void
})

/** Stays until the process is told to end. */
export const untilEnded: Effect.Effect<never> = Effect.flatMap(Serving, (serving) =>
  Effect.andThen(serving, Effect.never)
)
