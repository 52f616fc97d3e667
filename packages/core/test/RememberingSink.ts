/** A sink that remembers which key it holds, and says so. */
import type { KeyId } from "@keyfold/core/ApiKey"
import type { Sink } from "@keyfold/core/Sink"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** Makes an empty sink; `written` comes before it holds a secret. */
export const remembering = (written: Effect.Effect<void> = Effect.void) => {
  let held: Option.Option<KeyId> = Option.none()
  const write = ({ key }: { readonly key: { readonly id: KeyId } }) =>
    Effect.andThen(
      written,
      Effect.sync(() => {
        held = Option.some(key.id)
        return { holds: held }
      })
    )
  const sink: Sink = {
    name: "a box",
    open: Effect.succeed((issued) => Effect.uninterruptible(write(issued))),
    holds: () => Effect.sync(() => held)
  }
  return { sink, held: () => held }
}
