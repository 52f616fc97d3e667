/**
 * Where the secret of a new key goes, so that the program never holds it.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { ApiKey, IssuedKey, KeyId, KeyRef } from "./ApiKey.ts"

/**
 * A secret could not be put where it belongs. The text never holds the secret.
 *
 * @category errors
 * @since 0.1.0
 */
export class SinkError extends Schema.TaggedError<SinkError>("@keyfold/core/SinkError")("SinkError", {
  sink: Schema.String,
  problem: Schema.String,
  fix: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return `${this.sink}: ${this.problem}${this.fix === undefined ? "" : ` ${this.fix}`}`
  }
}

/**
 * Confirms a delivery. `holds` is the id of the key the sink says it holds now, where it can tell.
 *
 * @category models
 * @since 0.1.0
 */
export interface Receipt {
  readonly holds: Option.Option<KeyId>
}

/**
 * Reads the id of a key from its secret, where the backend's format carries it: `identify` of a `KeyStore`.
 *
 * @category models
 * @since 0.1.0
 */
export type Identify = (secret: Redacted.Redacted<string>) => Option.Option<KeyRef>

/**
 * A place for one secret.
 *
 * - `name` says in errors which place it is, without a secret.
 * - `open` proves that the place can take a secret, before any key is made, and returns the function that puts it
 *   there. That function succeeds only once the secret is safely there, and leaves nothing behind where it fails.
 * - `holds` tells which key's secret is there now, after a crash for instance: none where nothing is there or nobody can
 *   tell.
 * - `within` bounds one delivery, 30 seconds when omitted.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sink {
  readonly name: string
  readonly within?: Duration.Input
  readonly open: Effect.Effect<(issued: IssuedKey) => Effect.Effect<Receipt, SinkError>, SinkError, Scope.Scope>
  readonly holds: (identify: Identify) => Effect.Effect<Option.Option<KeyId>, SinkError>
}

/**
 * Makes a sink of a function. What it fails with is dropped, because its text may hold the secret.
 *
 * It cannot tell after a crash which key it was given; a sink that can is a `Sink` of its own.
 *
 * @category constructors
 * @since 0.1.0
 */
export const callback = (name: string, receive: (issued: IssuedKey) => Effect.Effect<unknown, unknown>): Sink => ({
  name,
  open: Effect.succeed((issued) =>
    Effect.matchCauseEffect(receive(issued), {
      onFailure: () => Effect.fail(new SinkError({ sink: name, problem: "the callback did not take the secret." })),
      onSuccess: () => Effect.succeed({ holds: Option.some(issued.key.id) })
    })
  ),
  holds: () => Effect.succeedNone
})

/**
 * A key whose secret is where it belongs.
 *
 * @category models
 * @since 0.1.0
 */
export interface Delivered extends Receipt {
  readonly key: ApiKey
  readonly sink: string
}

/**
 * The sink of the create under way. `create` of a `KeyStore` reads it; people use `deliverTo`.
 *
 * @category services
 * @since 0.1.0
 */
export class Delivery {
  readonly sink: Sink
  receipt: Receipt | undefined = undefined
  constructor(sink: Sink) {
    this.sink = sink
  }
}

/**
 * Holds the delivery that the creates below it make; none by default.
 *
 * @category services
 * @since 0.1.0
 */
export const CurrentDelivery: Context.Reference<Delivery | undefined> = Context.Reference<Delivery | undefined>(
  "@keyfold/core/CurrentDelivery",
  { defaultValue: () => undefined }
)

/**
 * Puts the secret of the key that a `create` makes into a sink, and returns the key without it.
 *
 * The sink is opened before anything is sent, and the journal says `delivered` once it has confirmed. Where it fails, the
 * key is revoked and the create fails `NotDelivered`.
 *
 * **Example** (A key for a file)
 *
 * `keys.create({ name: "ci" }).pipe(Sink.deliverTo(SecretSink.file("ci.key")))`
 *
 * @category combinators
 * @since 0.1.0
 */
export const deliverTo =
  (sink: Sink) =>
  <E, R>(create: Effect.Effect<IssuedKey, E, R>): Effect.Effect<Delivered, E, R> =>
    Effect.suspend(() => {
      const delivery = new Delivery(sink)
      return Effect.map(Effect.provideService(create, CurrentDelivery, delivery), ({ key }) => ({
        key,
        sink: sink.name,
        holds: delivery.receipt?.holds ?? Option.none()
      }))
    })
