/**
 * What every transport does around its client's one function: reveal, send, abort, and say what a failure proves.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { reveal } from "./internal/reveal.ts"
import { fromCause, tooLong } from "./NetworkFailure.ts"
import type { Transport, TransportRequest, TransportResponse } from "./Transport.ts"

/**
 * Holds a request as a client takes it: secrets revealed, and the signal that aborts it.
 *
 * @category models
 * @since 0.1.0
 */
export interface SentRequest {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal: AbortSignal
}

const revealed = (request: TransportRequest, signal: AbortSignal): SentRequest => ({
  method: request.method,
  url: request.url,
  headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, reveal(value)])),
  ...(request.body === undefined ? {} : { body: reveal(request.body) }),
  signal
})

/** Made once: without a reason every exchange would make an error with its stack, for nobody to read. */
const over = new Error("the exchange is over")

/**
 * Makes a transport from a client's function and a view of its answer.
 *
 * The signal aborts when the exchange's scope closes: on interruption, on a timeout, and once the body was read. What
 * `send` throws is reduced to what it proves about the request.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <Answer>(
  send: (request: SentRequest) => Promise<Answer>,
  view: (answer: Answer) => TransportResponse
): Transport => ({
  execute: (request) =>
    Effect.gen(function* () {
      const controller = yield* Effect.acquireRelease(
        Effect.sync(() => new AbortController()),
        (controller) => Effect.sync(() => controller.abort(over))
      )
      const answer = yield* Effect.tryPromise({
        try: () => send(revealed(request, controller.signal)),
        catch: fromCause
      })
      return view(answer)
    })
})

const defaultLimit = 16 * 1024 * 1024

/**
 * Makes the `text` of an answer from a reader that stops beyond a number of bytes, with undefined.
 *
 * The bound is 16 MiB where the caller names none; a longer body fails `InvalidResponse`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const boundedText =
  (read: (limit: number) => Promise<string | undefined>): TransportResponse["text"] =>
  (limit = defaultLimit) =>
    Effect.flatMap(Effect.tryPromise({ try: () => read(limit), catch: fromCause }), (text) =>
      text === undefined ? Effect.fail(tooLong(limit)) : Effect.succeed(text)
    )
