/** One exchange over undici's pool: what the pool tells of it, and who waits for that. */
import type { DriverError } from "@keyfold/core/Driver"
import { textFrom, type RevealedRequest } from "@keyfold/http/Exchange"
import { fromCause } from "@keyfold/http/NetworkFailure"
import type { TransportResponse } from "@keyfold/http/Transport"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import type { Dispatcher } from "undici"

/** How many bytes may wait before the server is asked to wait. */
const waitingBytes = 64 * 1024

/** Made once: nobody reads it. */
const over = new Error("the exchange is over")

type Pieces = Pull.Pull<Arr.NonEmptyReadonlyArray<Uint8Array>, DriverError>

/** The states of an exchange, as far as it has come. */
interface State {
  controller: Dispatcher.DispatchController | undefined
  answer: { readonly status: number; readonly headers: Dispatcher.ResponseData["headers"] } | undefined
  pieces: Array<Uint8Array>
  length: number
  isEnded: boolean
  isLeft: boolean
  failure: { readonly cause: unknown } | undefined
}

/** Lets one wait for news. Those that come together, as the parts of a short answer do, are told once. */
const makeNews = () => {
  let waiting: (() => void) | undefined
  let isTold = false
  return {
    tell: (): void => {
      if (isTold) return
      isTold = true
      queueMicrotask(() => {
        isTold = false
        const look = waiting
        waiting = undefined
        look?.()
      })
    },
    /** Runs what is found, now or after some news. */
    when: <A, E>(find: () => Effect.Effect<A, E> | undefined): Effect.Effect<A, E> => {
      const wait = Effect.callback<A, E>((resume) => {
        const look = (): void => {
          const found = find()
          if (found === undefined) waiting = look
          else resume(found)
        }
        waiting = look
        return Effect.sync(() => {
          waiting = undefined
        })
      })
      return Effect.suspend(() => find() ?? wait)
    }
  }
}

const makeHandler = (state: State, tell: () => void): Dispatcher.DispatchHandler => ({
  onRequestStart: (controller) => {
    state.controller = controller
    if (state.isLeft) controller.abort(over)
  },
  onResponseStart: (_, status, headers) => {
    // Of several answers the last one counts; those before it only say that it is coming.
    if (status < 200) return
    state.answer = { status, headers }
    tell()
  },
  onResponseData: (controller, piece) => {
    if (state.isLeft) return
    state.pieces.push(piece)
    state.length += piece.length
    if (state.length > waitingBytes) controller.pause()
    tell()
  },
  onResponseEnd: () => {
    state.isEnded = true
    tell()
  },
  onResponseError: (_, cause) => {
    state.failure = { cause }
    tell()
  }
})

/** The pieces of the body that have come, all at once. */
const takePieces = (state: State): Pieces | undefined => {
  const { controller, failure, isEnded, pieces } = state
  if (Arr.isArrayNonEmpty(pieces)) {
    state.pieces = []
    state.length = 0
    controller?.resume()
    return Effect.succeed(pieces)
  }
  if (failure !== undefined) return Effect.fail(fromCause(failure.cause))
  return isEnded ? Cause.done() : undefined
}

const headerOf = (headers: Dispatcher.ResponseData["headers"], name: string): string | undefined => {
  const value = headers[name.toLowerCase()]
  return Array.isArray(value) ? value.join(", ") : value
}

/** An exchange that can be begun once, and left at any time. */
export interface Exchange {
  readonly response: Effect.Effect<TransportResponse, DriverError>
  readonly leave: () => void
}

/** Makes an exchange; the request is sent when its response is asked for. */
export const make = (dispatcher: Dispatcher, { method, url, ...content }: RevealedRequest): Exchange => {
  const state: State = {
    controller: undefined,
    answer: undefined,
    pieces: [],
    length: 0,
    isEnded: false,
    isLeft: false,
    failure: undefined
  }
  const { tell, when } = makeNews()
  const bytes = Stream.fromPull(Effect.succeed(when(() => takePieces(state))))
  const answered = when((): Effect.Effect<TransportResponse, DriverError> | undefined => {
    const { answer, failure } = state
    if (answer !== undefined) {
      const header = (name: string) => headerOf(answer.headers, name)
      return Effect.succeed({ status: answer.status, header, text: textFrom(bytes), bytes })
    }
    return failure === undefined ? undefined : Effect.fail(fromCause(failure.cause))
  })
  const send = () =>
    dispatcher.dispatch(
      { ...content, origin: url.origin, path: `${url.pathname}${url.search}`, method },
      makeHandler(state, tell)
    )
  return {
    response: Effect.andThen(Effect.try({ try: send, catch: fromCause }), answered),
    leave: () => {
      if (state.isEnded || state.failure !== undefined) return
      state.isLeft = true
      state.pieces = []
      state.failure = { cause: over }
      state.controller?.abort(over)
      // A request that waits for a connection has no controller yet, and might wait for long.
      tell()
    }
  }
}
