/** A gateway without a socket. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpMiddleware from "effect/http/HttpMiddleware"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import type * as Scope from "effect/Scope"
import type { Assembled } from "./assemble.ts"

/** Its own span says what may be said of a request; the one of the platform would repeat its address. */
export const untraced = Effect.provideService(HttpMiddleware.TracerDisabledWhen, () => true)

/** Makes the function from a request to its response, in the context of who asks for it. */
export const toFetch = ({ answering }: Assembled): Effect.Effect<(request: Request) => Promise<Response>> =>
  untraced(
    Effect.map(Effect.context<never>(), (context: Context.Context<never>) => {
      const answer = HttpEffect.toWebHandlerWith<never, HttpServerRequest | Scope.Scope>(context)(answering)
      return (request: Request) => answer(request)
    })
  )
