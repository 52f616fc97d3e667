import { assert, describe, it } from "@effect/vitest"
import type { Journal } from "@keyfold/core/Journal"
import * as Effect from "effect/Effect"
import { explore, type Fate, type Scenario } from "./Explorer.ts"

const fates: ReadonlyArray<Fate> = ["answered", "lost", "notCommitted", "late"]

const pairs = fates.flatMap((first) => fates.map((second) => [first, second] as const))

/** Where both begin together, who is called A makes no difference. */
const unordered = pairs.filter(([A, B]) => fates.indexOf(A) <= fates.indexOf(B))

/** The three pairs with the most orders, half of the time of all; `npm run test:thorough` does them too. */
const isThorough = process.env["KEYFOLD_THOROUGH"] !== undefined

const isFew = ([A, B]: readonly [Fate, Fate]): boolean => A !== "late" || B === "answered"

const longest = 300_000

const alone = (A: Fate, B: Fate): Scenario => ({ journal: false, delay: 0, within: "10 hours", fates: { A, B } })

const together = (A: Fate, B: Fate): Scenario => ({ journal: true, delay: 0, within: "1 hour", fates: { A, B } })

/** B begins when the lease of A has run out, whatever A is doing. */
const afterwards = (A: Fate, B: Fate): Scenario => ({ ...together(A, B), delay: "62 minutes" })

const isUnharmed = Effect.fnUntraced(function* (scenario: Scenario) {
  const { damage, endings } = yield* explore(scenario)
  assert.deepStrictEqual(damage, [])
  assert.isAbove(endings.length, 0)
})

describe("two processes under one operation id, in every order of their steps", () => {
  it.effect.each(unordered.filter((pair) => isThorough || isFew(pair)))(
    "without a journal never revoke each other's key (first %s, second %s)",
    ([A, B]) => isUnharmed(alone(A, B)),
    longest
  )

  it.effect.each(unordered)(
    "with a journal make one key at most, started together (first %s, second %s)",
    ([A, B]) => isUnharmed(together(A, B)),
    longest
  )

  it.effect.each(pairs.filter(([A, B]) => (A === "answered" || B !== "late") && (isThorough || isFew([A, B]))))(
    "with a journal make one key at most, the second after the lease of the first, however slow (first %s, second %s)",
    ([A, B]) => isUnharmed(afterwards(A, B)),
    longest
  )
})

const isHarmed = Effect.fnUntraced(function* (scenario: Scenario, damage: RegExp) {
  assert.match((yield* explore(scenario)).damage.join("\n"), damage)
})

/** Both processes draw the same nonces, as if keys were told apart by their operation alone. */
const withEqualNonces = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    // A nonce has six bytes; nothing else of this length is drawn.
    Reflect.set(crypto, "getRandomValues", (array: Uint8Array<ArrayBuffer>) =>
      array.length === 6 ? array.fill(7) : Crypto.prototype.getRandomValues.call(crypto, array)
    )
    return Effect.ensuring(
      effect,
      Effect.sync(() => Reflect.deleteProperty(crypto, "getRandomValues"))
    )
  })

/** A journal that refuses nobody: neither who begins nor who has finished. */
const granting = (journal: Journal): Journal => ({
  ...journal,
  delivered: () => Effect.succeed(true),
  claim: (request) =>
    Effect.map(journal.claim(request), (claim) =>
      claim.kind === "claimed"
        ? claim
        : {
            kind: "claimed",
            lease: { ...request, epoch: 1, until: 0 },
            settled: true,
            earlier: { nonces: [], minted: [] }
          }
    )
})

describe("the explorer sees the damage where", () => {
  it.effect(
    "keys are told apart by their operation and not by their nonce",
    () => withEqualNonces(isHarmed(alone("lost", "answered"), /is held but was revoked/)),
    longest
  )

  it.effect(
    "late commits are not watched for",
    () => isHarmed({ ...alone("late", "answered"), claimedSettle: 0 }, /lives but nobody holds it/),
    longest
  )

  it.effect(
    "a key is handed over without asking whether the lease still holds",
    () =>
      isHarmed(
        {
          ...afterwards("answered", "answered"),
          breakJournal: (journal) => ({ ...journal, delivered: () => Effect.succeed(true) })
        },
        /is held but was revoked/
      ),
    longest
  )

  it.effect(
    "a journal refuses nobody",
    () => isHarmed({ ...together("answered", "answered"), breakJournal: granting }, /2 live keys of one operation/),
    longest
  )
})
