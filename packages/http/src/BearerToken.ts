/**
 * A cell for short-lived bearer tokens: renewed ahead of expiry, once for all who wait.
 *
 * @since 0.1.0
 */
import type { DriverError } from "@keyfold/core/Driver"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import type { Credential } from "./HttpBackend.ts"

/**
 * Holds one token.
 *
 * `expiresAt` is epoch milliseconds, undefined where the server's statement cannot be trusted; such a token serves until
 * it is refused. `refresh` is a single-use token to renew with, where the server gives one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Token {
  readonly value: Redacted.Redacted<string>
  readonly expiresAt: number | undefined
  readonly refresh?: Redacted.Redacted<string>
}

/**
 * Authorises calls with the current token; a `BackendOptions` takes both parts as they are.
 *
 * `authorize` obtains a token where none is fresh. `renew` forgets a token that was refused, unless another has already
 * taken its place.
 *
 * @category models
 * @since 0.1.0
 */
export interface BearerToken {
  readonly authorize: Effect.Effect<Credential, DriverError>
  readonly renew: (refused: Credential) => Effect.Effect<void>
}

const skew = Duration.toMillis("60 seconds")

interface Held {
  readonly credential: Credential
  /** Epoch milliseconds from which the next caller renews: 60 s ahead of expiry, or half way for shorter lives. */
  readonly renewAt: number
}

const hold = (token: Token, now: number): Held => {
  const life = token.expiresAt === undefined ? Number.POSITIVE_INFINITY : token.expiresAt - now
  const credential = { authorization: Redacted.make(`Bearer ${Redacted.value(token.value)}`) }
  return { credential, renewAt: now + Math.max(life - skew, life / 2) }
}

/**
 * Makes an empty cell.
 *
 * `acquire` is told the token before, so that it can use its refresh token. It runs in the cell's scope, once for all
 * callers that wait together: interrupting one of them does not interrupt the others' renewal. Its failure reaches all
 * of them, and the next caller tries again.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  acquire: (previous: Token | undefined) => Effect.Effect<Token, DriverError>
): Effect.fn.Return<BearerToken, never, Scope.Scope> {
  // A scope of its own stays open while what was built on the cell is closing, and may still need a token to finish.
  const scope = yield* Scope.fork(yield* Scope.Scope)
  let held: Held | undefined
  let previous: Token | undefined
  let pending: Deferred.Deferred<Credential, DriverError> | undefined

  const renew = (waiting: Deferred.Deferred<Credential, DriverError>) =>
    Effect.suspend(() => acquire(previous)).pipe(
      Effect.zipWith(Clock.currentTimeMillis, (token, now) => {
        held = hold(token, now)
        previous = token
        return held.credential
      }),
      // A refresh token that was tried may be used up, whatever the answer was.
      Effect.tapError(() => Effect.sync(() => (previous = undefined))),
      Effect.onExit((exit) =>
        Effect.suspend(() => {
          pending = undefined
          return Deferred.done(waiting, exit)
        })
      ),
      // The forked renewal would inherit the mask: it must end when the scope closes.
      Effect.interruptible,
      Effect.forkIn(scope)
    )

  return {
    // Uninterruptible up to the wait, so that nobody leaves behind a renewal that was announced and never started.
    authorize: Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        if (held !== undefined && now < held.renewAt) return Effect.succeed(held.credential)
        if (pending !== undefined) return restore(Deferred.await(pending))
        const waiting = Deferred.makeUnsafe<Credential, DriverError>()
        pending = waiting
        return Effect.andThen(renew(waiting), restore(Deferred.await(waiting)))
      })
    ),
    renew: (refused) =>
      Effect.sync(() => {
        if (held?.credential === refused) held = undefined
      })
  }
})

const plausibleSeconds = 1_000_000_000
const surelyMilliseconds = 100_000_000_000

/**
 * Reads an `expires_at` whose unit nobody states: Unix seconds, milliseconds (above 1e11) or a lifetime in seconds
 * (below 1e9), as epoch milliseconds.
 *
 * Undefined where it is no number, or lies in the past already: the clocks disagree, and only a refusal can tell.
 *
 * @category combinators
 * @since 0.1.0
 */
export const readExpiry = (expiresAt: number | null | undefined, now: number): number | undefined => {
  if (expiresAt === null || expiresAt === undefined || !Number.isFinite(expiresAt) || expiresAt <= 0) return undefined
  const instant =
    expiresAt > surelyMilliseconds
      ? expiresAt
      : expiresAt >= plausibleSeconds
        ? expiresAt * 1000
        : now + expiresAt * 1000
  return instant > now ? instant : undefined
}
