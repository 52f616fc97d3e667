import { KeyId, type IssuedKey } from "@keyfold/core/ApiKey"
import type { Identify, Receipt, Sink, SinkError } from "@keyfold/core/Sink"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"

/** A key as a store issues it. */
export const issue = (id: string, secret: string): IssuedKey => ({
  key: { id: KeyId.make(id), scopes: [], status: "active", tags: {}, provider: {} },
  secret: Redacted.make(secret, { label: "secret" })
})

/** Opens a sink, delivers one secret, and closes it. */
export const deliver = (sink: Sink, issued: IssuedKey): Effect.Effect<Receipt, SinkError> =>
  Effect.scoped(Effect.flatMap(sink.open, (write) => write(issued)))

/** Reads ids from secrets such as `id-7.rest`. */
export const identify: Identify = (secret) =>
  Option.map(Option.fromUndefinedOr(/^(id-\d+)\./.exec(Redacted.value(secret))?.[1]), (id) => ({ id: KeyId.make(id) }))

/** Reads no id from any secret, as on backends whose secrets carry none. */
export const identifiesNothing: Identify = () => Option.none()

/** The id a sink says it holds. */
export const held = (sink: Sink, identify: Identify): Effect.Effect<string | undefined, SinkError> =>
  Effect.map(sink.holds(identify), Option.getOrUndefined)
