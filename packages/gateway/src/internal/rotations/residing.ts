/** The runner that stays: it begins what schedules say, and has go on what was forgotten. */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Source } from "@keyfold/core/KeyStores"
import * as RotationRunner from "@keyfold/lifecycle/RotationRunner"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { GatewayRotations } from "../../GatewayRotations.ts"

/** What the runner works with. */
export interface Residing extends Pick<GatewayRotations, "rotations" | "resources" | "schedules"> {
  readonly sources: Effect.Effect<ReadonlyArray<Source>, ConfigurationError, Scope.Scope>
}

const pause = "1 minute"

/** A rotation whose secret was to go into an answer is at first known to one process only, which may have died. */
const reviving = ({ rotations }: Residing): Effect.Effect<never> =>
  Effect.sleep(pause).pipe(
    Effect.andThen(RotationRunner.revive(rotations)),
    Effect.catch((error) =>
      Effect.annotateLogs(
        Effect.logWarning(`rotations could not be looked at: ${error.message}`),
        "keyfold.event",
        "gateway.rotations.unread"
      )
    ),
    Effect.forever
  )

/** Runs until the scope closes. */
export const reside = (residing: Residing): Effect.Effect<void, never, Scope.Scope> => {
  const { resources, rotations, schedules, sources } = residing
  const plan = Effect.gen(function* () {
    const named = yield* schedules
    // Without schedules nobody needs to be read.
    return { sources: named.length === 0 ? [] : yield* sources, schedules: named, rotations, resources }
  })
  return Effect.asVoid(
    Effect.andThen(Effect.forkScoped(RotationRunner.run(plan)), Effect.forkScoped(reviving(residing)))
  )
}
