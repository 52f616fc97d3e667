/** An exit code other than 0 without an error, for answers that scripts branch on. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import type { ExitCode } from "./exitCode.ts"

/** Holds the exit code of a run that did not fail. */
export class Outcome extends Context.Service<Outcome, Ref.Ref<ExitCode>>()("keyfold/Outcome") {}

/** Sets the exit code. */
export const outcome = (code: ExitCode): Effect.Effect<void, never, Outcome> =>
  Effect.flatMap(Outcome, (outcome) => Ref.set(outcome, code))
