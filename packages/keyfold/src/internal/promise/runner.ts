/** Runs effects as promises: one fiber for each call, until all of it is closed. */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { KeysClosedError } from "../../errors.ts"
import type { CallOptions } from "../../store.ts"
import { callSite, type CallSite, unexpected, withCallSite } from "./trace.ts"

/** What a call may fail with. */
export type Failure = KeyStoreError | ConfigurationError

/** What a call needs: a scope that lasts as long as it does. */
export type Call<A> = Effect.Effect<A, Failure, Scope.Scope>

/** Runs calls, and knows which are under way. */
export interface Runner {
  /** Runs one call. It resolves with what the call gave, also where it was aborted a moment too late. */
  readonly run: <A>(call: Call<A>, options: CallOptions) => Promise<A>
  /** Tells whether `close` was called. */
  readonly isClosed: () => boolean
  /** Has something ended when everything is closed; the function returned takes that back. */
  readonly onClose: (end: () => Promise<void>) => () => void
  /** Refuses further calls, waits for those under way, ends the rest and closes the scope. */
  readonly close: () => Promise<void>
}

const settle = <A>(
  exit: Exit.Exit<A, Failure>,
  answer: Option.Option<A>,
  { signal }: CallOptions,
  site: CallSite
): A => {
  if (Exit.isSuccess(exit)) return exit.value
  const isInterrupted = Cause.hasInterruptsOnly(exit.cause)
  // A key that was made must not be lost because the call was given up while it let go of its store.
  if (isInterrupted && Option.isSome(answer)) return answer.value
  // oxlint-disable-next-line typescript/only-throw-error -- what the program gave as the reason, whatever it is
  if (isInterrupted && signal?.aborted === true) throw signal.reason
  const error = Cause.findErrorOption(exit.cause)
  throw Option.isSome(error) ? withCallSite(error.value, site) : unexpected(Cause.squash(exit.cause), site)
}

/** Runs one effect as a promise. */
export const runOnce = async <A>(
  call: Call<A>,
  context: Context.Context<never>,
  options: CallOptions,
  site: CallSite
): Promise<A> => {
  const { signal } = options
  signal?.throwIfAborted()
  let answer = Option.none<A>()
  const remembered = Effect.tap(call, (value) => Effect.sync(() => (answer = Option.some(value))))
  const exit = await Effect.runPromiseExitWith(context)(Effect.scoped(remembered), { signal })
  return settle(exit, answer, options, site)
}

/** Makes a runner; closing it closes `scope`. */
export const makeRunner = (context: Context.Context<never>, scope: Scope.Closeable): Runner => {
  const underWay = new Set<Promise<unknown>>()
  const ends = new Set<() => Promise<void>>()
  let closing: Promise<void> | undefined
  const closeAll = async (): Promise<void> => {
    await Promise.allSettled(underWay)
    await Promise.allSettled([...ends].map((end) => end()))
    await Effect.runPromise(Scope.close(scope, Exit.void))
  }
  return {
    run: async (call, options) => {
      const site = callSite()
      if (closing !== undefined) throw withCallSite(new KeysClosedError(), site)
      const running = runOnce(call, context, options, site)
      underWay.add(running)
      try {
        return await running
      } finally {
        underWay.delete(running)
      }
    },
    isClosed: () => closing !== undefined,
    onClose: (end) => {
      ends.add(end)
      return () => ends.delete(end)
    },
    close: () => (closing ??= closeAll())
  }
}
