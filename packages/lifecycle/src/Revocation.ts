/**
 * Revoking a key and seeing that it is refused.
 *
 * A backend that accepts a revocation may go on accepting the secret for a while, from a cache. Nothing here calls a
 * revocation confirmed because time has passed: somebody has to see the secret refused.
 *
 * @since 0.1.0
 */
import type { KeyRef, Revocation } from "@keyfold/core/ApiKey"
import type { Bound } from "@keyfold/core/Capabilities"
import type { KeyStore } from "@keyfold/core/KeyStore"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import type { Verification } from "@keyfold/core/Verification"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/**
 * Shows the key's secret at a door and tells the answer. A failure means that there was no answer, and is never taken for
 * a refusal: an outage must not look like a revocation.
 *
 * @category models
 * @since 0.1.0
 */
export type Probe<E = never, R = never> = Effect.Effect<"accepted" | "refused", E, R>

/**
 * The secret says nothing about the key that is revoked.
 *
 * @category errors
 * @since 0.1.0
 */
export class ProbeError extends Schema.TaggedError<ProbeError>("@keyfold/lifecycle/ProbeError")("ProbeError", {
  problem: Schema.String
}) {
  override get message(): string {
    return this.problem
  }
}

/**
 * Says how to confirm.
 *
 * - `confirm` shows the secret; each time for at most 10 seconds.
 * - `within` is how long to ask, from the backend's answer on; 10 seconds and the backend's revocation lag when omitted.
 * - `refusals` are so many in a row, one when omitted; more where several caches answer in turn.
 * - `recheckAfter` asks once more so much later, and revokes the key again if it is accepted again, three times in all.
 *   WhyLabs writes whole records back when it flushes times of use, every 15 minutes, and a flush that overlaps a revocation
 *   may undo it: wait 16 minutes there for a key that matters.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options<E = never, R = never> {
  readonly confirm: Probe<E, R>
  readonly within?: Duration.Input
  readonly refusals?: number
  readonly recheckAfter?: Duration.Input
}

/**
 * The secret was seen refused `after` that long, counted from the backend's answer to the last revocation. `revocations` is
 * how often the key was revoked: more than once where a check found it accepted again.
 *
 * @category models
 * @since 0.1.0
 */
export interface Confirmed {
  readonly _tag: "Confirmed"
  readonly revocation: Revocation
  readonly after: Duration.Duration
  readonly probes: number
  readonly revocations: number
}

/**
 * The backend took the revocation, and nobody saw the secret refused. `bound` is how long the backend says it may still be
 * accepted. `last` is what was seen last: that it was `accepted`, that it was `refused` but not often enough, or nothing
 * (`unanswered`).
 *
 * @category models
 * @since 0.1.0
 */
export interface NotConfirmed {
  readonly _tag: "NotConfirmed"
  readonly revocation: Revocation
  readonly bound: Bound
  readonly last: "accepted" | "refused" | "unanswered"
  readonly probes: number
  readonly revocations: number
}

/**
 * How a confirmed revocation ended.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome = Confirmed | NotConfirmed

const longestProbe = Duration.seconds(10)
const firstPause = 100
const longestPause = 5000
const mostRevocations = 3

/** What asking came to. */
interface Watched {
  readonly last: NotConfirmed["last"]
  readonly isRefused: boolean
  readonly after: Duration.Duration
  readonly probes: number
}

interface Watching<E, R> {
  readonly confirm: Probe<E, R>
  readonly within: number
  readonly refusals: number
  /** Ends with the first acceptance, instead of waiting for a refusal. */
  readonly settled: boolean
}

/** Asks until the secret was refused often enough, or the time is up. Pauses double from 100 ms to 5 s. */
const watch = Effect.fnUntraced(function* <E, R>({
  confirm,
  refusals,
  settled,
  within
}: Watching<E, R>): Effect.fn.Return<Watched, never, R> {
  const start = yield* Clock.currentTimeMillis
  let last: NotConfirmed["last"] = "unanswered"
  let inARow = 0
  for (let probes = 1, pause = firstPause; ; probes++, pause = Math.min(pause * 2, longestPause)) {
    const left = start + within - (yield* Clock.currentTimeMillis)
    const patience = Duration.min(longestProbe, Duration.millis(Math.max(1, left)))
    const answer = yield* Effect.result(Effect.timeoutOption(confirm, patience))
    last = Result.isSuccess(answer) ? Option.getOrElse(answer.success, () => "unanswered" as const) : "unanswered"
    inARow = last === "refused" ? inARow + 1 : 0
    const passed = (yield* Clock.currentTimeMillis) - start
    const isRefused = inARow >= refusals
    if (isRefused || (settled && last === "accepted") || passed >= within) {
      return { last, isRefused, after: Duration.millis(passed), probes }
    }
    yield* Effect.sleep(Duration.millis(Math.min(pause, within - passed)))
  }
})

/**
 * Revokes a key, then asks until its secret is refused.
 *
 * Fails only where the backend does not take the revocation; what the probe fails with counts as no answer.
 *
 * @category combinators
 * @since 0.1.0
 */
export const revoke = Effect.fnUntraced(function* <E, R>(
  store: KeyStore["Service"],
  ref: KeyRef,
  options: Options<E, R>
): Effect.fn.Return<Outcome, KeyStoreError, R> {
  const bound = store.capabilities.revocationLag
  const patience = options.within ?? Duration.sum(Duration.seconds(10), bound.within)
  const asking = {
    confirm: options.confirm,
    within: Duration.toMillis(Duration.fromInputUnsafe(patience)),
    refusals: options.refusals ?? 1
  }
  let probes = 0
  for (let revocations = 1; ; revocations++) {
    const revocation = yield* store.revoke(ref)
    const first = yield* watch({ ...asking, settled: false })
    probes += first.probes
    const { after } = first
    if (!first.isRefused) return { _tag: "NotConfirmed", revocation, bound, last: first.last, probes, revocations }
    if (options.recheckAfter === undefined) return { _tag: "Confirmed", revocation, after, probes, revocations }
    yield* Effect.sleep(options.recheckAfter)
    const second = yield* watch({ ...asking, settled: true })
    probes += second.probes
    if (second.isRefused) return { _tag: "Confirmed", revocation, after, probes, revocations }
    if (second.last !== "accepted" || revocations >= mostRevocations) {
      return { _tag: "NotConfirmed", revocation, bound, last: second.last, probes, revocations }
    }
  }
})

const foreign = (problem: string): Effect.Effect<never, ProbeError> => Effect.fail(new ProbeError({ problem }))

const answerOf = (
  store: KeyStore["Service"],
  verification: Verification,
  ref: KeyRef | undefined
): Effect.Effect<"accepted" | "refused", ProbeError> => {
  if (verification.valid) {
    return ref !== undefined && verification.key !== undefined && verification.key.id !== ref.id
      ? foreign("this secret belongs to another key")
      : Effect.succeed("accepted")
  }
  if (verification.reason === "malformed") return foreign(`this is no secret of store "${store.store}"`)
  // A backend that keeps revoked keys knows the secret of this one; what it does not know was never this key's.
  return verification.reason === "unknown" && store.capabilities.getsRevoked
    ? foreign(`store "${store.store}" never had a key with this secret`)
    : Effect.succeed("refused")
}

/**
 * Makes a probe of the store's own `verify`.
 *
 * A secret that is not the key's (`ref`, where it is given) fails, because its refusal would say nothing about the key.
 * Where the backend cannot verify, the probe fails `Unsupported`: then bring a check of your own.
 *
 * @category constructors
 * @since 0.1.0
 */
export const probeWith = (
  store: KeyStore["Service"],
  secret: Redacted.Redacted<string>,
  ref?: KeyRef
): Probe<ProbeError | KeyStoreError> =>
  Effect.suspend(() => {
    const identified = store.identify(secret)
    return ref !== undefined && Option.isSome(identified) && identified.value.id !== ref.id
      ? foreign("this secret belongs to another key")
      : Effect.flatMap(store.verify(secret), (verification) => answerOf(store, verification, ref))
  })
