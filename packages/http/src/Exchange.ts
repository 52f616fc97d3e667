/**
 * What every transport does around its client's one function: reveal, send, abort, and say what a failure proves.
 *
 * @since 0.1.0
 */
import type { DriverError } from "@keyfold/core/Driver"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { joined } from "./internal/joined.ts"
import { reveal } from "./internal/reveal.ts"
import { fromCause, tooLong } from "./NetworkFailure.ts"
import type { Transport, TransportRequest, TransportResponse } from "./Transport.ts"

/**
 * Holds a request as a client takes it: its secrets are revealed.
 *
 * @category models
 * @since 0.1.0
 */
export interface RevealedRequest {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/**
 * Holds a revealed request and the signal that aborts it.
 *
 * @category models
 * @since 0.1.0
 */
export interface SentRequest extends RevealedRequest {
  readonly signal: AbortSignal
}

/**
 * Reveals the secrets of a request, right before it is sent.
 *
 * @category combinators
 * @since 0.1.0
 */
export const revealed = ({ body, headers, method, url }: TransportRequest): RevealedRequest => {
  const shown: Record<string, string> = {}
  for (const name in headers) shown[name] = reveal(headers[name] ?? "")
  return body === undefined ? { method, url, headers: shown } : { method, url, headers: shown, body: reveal(body) }
}

/** Made once: without a reason every exchange would make an error with its stack, for nobody to read. */
const over = new Error("the exchange is over")

/**
 * Makes a transport from a client's function and a view of its answer.
 *
 * The signal aborts when the exchange's scope closes: on interruption, on a timeout, and where a body was not read to its
 * end, which the view tells with `ended`. What `send` throws is reduced to what it proves about the request.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <Answer>(
  send: (request: SentRequest) => Promise<Answer>,
  view: (answer: Answer, ended: () => void) => TransportResponse
): Transport => ({
  execute: (request) =>
    Effect.flatMap(Effect.scope, (scope) => {
      const controller = new AbortController()
      let isEnded = false
      const ended = () => {
        isEnded = true
      }
      const close = Effect.sync(() => {
        if (!isEnded) controller.abort(over)
      })
      const sending = Effect.tryPromise({
        try: () => send({ ...revealed(request), signal: controller.signal }),
        catch: fromCause
      })
      return Effect.andThen(
        Scope.addFinalizer(scope, close),
        Effect.map(sending, (answer) => view(answer, ended))
      )
    })
})

const defaultLimit = 16 * 1024 * 1024

/**
 * Makes the `text` of an answer from its bytes.
 *
 * The bound is 16 MiB where the caller names none; a longer body fails `InvalidResponse`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const textFrom =
  (bytes: TransportResponse["bytes"]): TransportResponse["text"] =>
  (limit = defaultLimit) =>
    Effect.suspend(() => {
      const pieces: Array<Uint8Array> = []
      let length = 0
      const take = (piece: Uint8Array): Effect.Effect<void, DriverError> => {
        length += piece.byteLength
        pieces.push(piece)
        return length > limit ? Effect.fail(tooLong(limit)) : Effect.void
      }
      return Effect.map(Stream.runForEach(bytes, take), () => new TextDecoder().decode(joined(pieces, length)))
    })
