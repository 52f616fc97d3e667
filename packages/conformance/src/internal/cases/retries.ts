/** How often and how long a store tries, and what it never tries twice. */
import { defaultPolicy } from "@keyfold/core/RetryPolicy"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { inGroup } from "../definition.ts"
import { fails, isTrue, same } from "../expect.ts"
import { bare, created, listed, settled, shown, timesOf, warm, type World } from "../world.ts"
import { reads, whileFailing } from "./operations.ts"

const retries = inGroup("retries")

const many = 100

const gapsOf = (times: ReadonlyArray<number>): ReadonlyArray<number> =>
  times.slice(1).map((time, index) => time - (times[index] ?? time))

const exhausts = Effect.fnUntraced(function* (world: World) {
  const issued = yield* created(world, { name: "ci" })
  for (const { operation, run } of reads(world, issued)) {
    const begin = () => world.backend.fail({ status: 503 }, many)
    const { times, value } = yield* timesOf(world, whileFailing(world, begin, fails(run, "Unavailable")))
    yield* same(times.length, defaultPolicy.attempts, `requests of ${operation}`)
    yield* same(value.attempts, defaultPolicy.attempts, `attempts the error of ${operation} counts`)
    yield* isTrue(value.exhausted && !value.isRetryable, "an exhausted error is not to be retried by anybody else")
  }
})

const growsDelays = Effect.fnUntraced(function* (world: World) {
  yield* warm(world)
  const begin = () => world.backend.fail({ status: 503 }, many)
  const { times } = yield* timesOf(world, whileFailing(world, begin, fails(listed(world.store), "Unavailable")))
  for (const [index, gap] of gapsOf(times).entries()) {
    const longest = Duration.toMillis(defaultPolicy.initialDelay) * 2 ** index
    yield* isTrue(
      gap >= longest / 2 && gap <= longest,
      `delay ${index + 1} is ${gap} ms; expected ${longest / 2} to ${longest}`
    )
  }
})

const recovers = Effect.fnUntraced(function* (world: World) {
  const issued = yield* created(world, { name: "ci" })
  for (const { operation, run } of reads(world, issued)) {
    world.backend.fail({ status: 500 })
    world.backend.fail({ network: "reset" })
    const { times } = yield* timesOf(world, run)
    yield* same(times.length, 3, `requests of ${operation}: two that failed and one that did not`)
  }
})

const floor = (status: number) =>
  Effect.fnUntraced(function* (world: World) {
    yield* warm(world)
    world.backend.fail({ status, retryAfter: 7 })
    const { times } = yield* timesOf(world, listed(world.store))
    yield* same(times.length, 2, "requests")
    const [gap = 0] = gapsOf(times)
    yield* isTrue(gap >= 7000 && gap < 7500, `the second request came after ${gap} ms; the backend asked for 7000`)
  })

const cap = Effect.fnUntraced(function* (world: World) {
  yield* warm(world)
  const begin = () => world.backend.fail({ status: 429, retryAfter: 61 }, many)
  const { times, value } = yield* timesOf(world, whileFailing(world, begin, fails(listed(world.store), "RateLimited")))
  yield* same(times.length, 1, "requests: a wait above the cap is not waited for")
  yield* same(value.retryAfter?.toString(), "61000 millis", "the time the error passes on")
  yield* isTrue(value.isRetryable, "the caller may come back after the wait")
})

const gives = Effect.fnUntraced(function* (world: World) {
  yield* warm(world)
  for (const failure of [{ status: 400 }, { status: 403 }]) {
    const begin = () => world.backend.fail(failure, many)
    const { times, value } = yield* timesOf(world, whileFailing(world, begin, Effect.flip(listed(world.store))))
    yield* same(times.length, 1, `requests answered ${failure.status}: a refusal is not asked for again`)
    yield* isTrue(!value.isRetryable && !value.exhausted, "a refusal is neither retryable nor exhausted")
  }
})

const repeatsUnsentCreate = Effect.fnUntraced(function* (world: World) {
  yield* warm(world)
  world.backend.fail({ network: "refused" })
  world.backend.fail({ status: 429, retryAfter: 2 })
  const { times, value } = yield* timesOf(world, world.store.create({ name: "ci" }))
  yield* same(times.length, 3, "requests: two that made no key and one that made it")
  yield* same(yield* world.backend.live, [value.key.id], "keys that exist")
})

/** The ways a create can go wrong after the backend may have made the key. */
const ambiguous: Readonly<Record<string, (world: World) => void>> = {
  "a lost answer": ({ backend }) => backend.lose(many),
  "a broken connection": ({ backend }) => backend.fail({ network: "reset" }, many),
  "a 500": ({ backend }) => backend.fail({ status: 500 }, many),
  "a 503": ({ backend }) => backend.fail({ status: 503 }, many),
  "an answer that cannot be read": ({ backend }) => backend.garble("truncated", many),
  "no answer": ({ backend }) => backend.hang(many)
}

const neverRepeats = (begin: (world: World) => void) =>
  Effect.fnUntraced(function* (world: World) {
    yield* warm(world)
    const call = whileFailing(world, () => begin(world), fails(world.store.create({ name: "ci" }), "OutcomeUnknown"))
    const { times, value } = yield* timesOf(world, call)
    yield* same(times.length, 1, "requests: a create that may have been done is not repeated")
    yield* isTrue((value.operationId ?? "") !== "", "the error names the operation to look for")
    yield* same(value.isRetryable, false, "whether the caller may simply repeat the call")
    yield* Effect.sleep("2 minutes")
    yield* isTrue((yield* world.backend.live).length <= 1, "at most one key exists")
  })

const finishesRevoke = Effect.fnUntraced(function* (world: World) {
  const keys = [(yield* created(world, { name: "first" })).key, (yield* created(world, { name: "second" })).key]
  for (const key of keys) {
    world.backend.lose()
    const { id } = yield* world.store.revoke(key === keys[0] ? key : bare(key))
    yield* same(id, key.id, "id of a revocation whose first answer was lost")
  }
  yield* settled(world)
  yield* same(shown(yield* listed(world.store), keys), [], "keys listed afterwards")
})

/** A "not found" proves nothing about a key that may not be visible yet, unless it was revoked by then. */
const finishesEarlyRevoke = Effect.fnUntraced(function* (world: World) {
  yield* warm(world)
  const { key } = yield* world.store.create({ name: "ci" })
  world.backend.lose()
  yield* world.store.revoke(key)
  yield* settled(world)
  yield* same(yield* world.backend.live, [], "keys that live afterwards")
})

const repeatsRevoke = Effect.fnUntraced(function* (world: World) {
  const { key } = yield* created(world, { name: "ci" })
  world.backend.fail({ status: 503 })
  yield* world.store.revoke(key)
  yield* settled(world)
  yield* same(shown(yield* listed(world.store), [key]), [], "keys listed afterwards")
})

/** The cases about retries. */
export const cases = [
  retries("a read is tried as often as the policy says, and then exhausted", exhausts, { needs: ["backend"] }),
  retries("delays double from 200 ms, with jitter between half and whole", growsDelays, { needs: ["backend"] }),
  retries("a read that fails twice succeeds at the third attempt", recovers, { needs: ["backend"] }),
  retries("a 429 is repeated no earlier than it asks", floor(429), { needs: ["backend"] }),
  retries("a 503 is repeated no earlier than it asks", floor(503), { needs: ["backend"] }),
  retries("a wait above the cap is passed on at once", cap, { needs: ["backend"] }),
  retries("a refusal is not repeated", gives, { needs: ["backend"] }),
  retries("a create is repeated where nothing can have happened", repeatsUnsentCreate, { needs: ["backend"] }),
  ...Object.entries(ambiguous).map(([what, begin]) =>
    retries(`a create is OutcomeUnknown and not repeated after ${what}`, neverRepeats(begin), {
      needs: ["backend"],
      when: ({ createSafety }) => createSafety === "none"
    })
  ),
  retries("a revocation whose answer was lost is finished", finishesRevoke, { needs: ["backend"] }),
  retries("a revocation of a brand-new key whose answer was lost is finished", finishesEarlyRevoke, {
    needs: ["backend"]
  }),
  retries("a revocation that failed is repeated", repeatsRevoke, { needs: ["backend"] })
]
