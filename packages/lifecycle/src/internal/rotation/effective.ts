/** Waiting until a new key works, before anybody is given it. */
import type { IssuedKey } from "@keyfold/core/ApiKey"
import type { KeyStore } from "@keyfold/core/KeyStore"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Verified } from "../../Rotation.ts"
import type { Probe } from "../../RotationResources.ts"
import { lookAt } from "./revocation.ts"

const firstPause = 250
const longestPause = 2000

interface Answer {
  readonly works: boolean
  readonly problem: string
}

const byProbe = (probe: Probe, issued: IssuedKey): Effect.Effect<Answer> =>
  probe.accepts(issued).pipe(
    Effect.match({
      onFailure: ({ problem }) => ({ works: false, problem: `the probe has no answer: ${problem}` }),
      onSuccess: (works) => ({ works, problem: "the probe saw the new key refused" })
    }),
    Effect.catchDefect(() => Effect.succeed({ works: false, problem: "the probe broke off" }))
  )

const byVerify = (store: KeyStore["Service"], { secret }: IssuedKey): Effect.Effect<Answer> =>
  Effect.match(store.verify(secret), {
    onFailure: ({ reason }) => ({
      works: false,
      problem: `the backend could not verify the new key: ${reason.message}`
    }),
    onSuccess: ({ valid }) => ({ works: valid, problem: "the backend does not accept the new key" })
  })

const byLooking = (store: KeyStore["Service"], { key }: IssuedKey): Effect.Effect<Answer> =>
  Effect.map(lookAt(store, key), ({ problem, seen }) => ({ works: seen === "active", problem }))

/** Asks until the key works, at most for `within`; fails with what was last seen. */
export const untilEffective = Effect.fnUntraced(function* (
  store: KeyStore["Service"],
  probe: Probe | undefined,
  issued: IssuedKey,
  within: Duration.Duration
): Effect.fn.Return<Verified, string> {
  const verifies = store.capabilities.operations.verify !== "unsupported"
  const ask =
    probe !== undefined ? byProbe(probe, issued) : verifies ? byVerify(store, issued) : byLooking(store, issued)
  const deadline = (yield* Clock.currentTimeMillis) + Duration.toMillis(within)
  for (let pause = firstPause; ; pause = Math.min(pause * 2, longestPause)) {
    const left = deadline - (yield* Clock.currentTimeMillis)
    const answer = yield* Effect.timeoutOrElse(ask, {
      duration: Math.max(left, 1),
      orElse: () => Effect.succeed({ works: false, problem: "there is no answer whether the new key works" })
    })
    if (answer.works) return probe !== undefined || verifies ? "verified" : "unverified"
    if (left <= pause) return yield* Effect.fail(`${answer.problem}, for ${Duration.format(within)}`)
    yield* Effect.sleep(pause)
  }
})
