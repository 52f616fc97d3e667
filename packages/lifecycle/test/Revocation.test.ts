import { assert, describe, it } from "@effect/vitest"
import { KeyId, type KeyRef } from "@keyfold/core/ApiKey"
import { observed } from "@keyfold/core/Capabilities"
import { DriverError, type Driver } from "@keyfold/core/Driver"
import * as KeyStore from "@keyfold/core/KeyStore"
import { Unavailable } from "@keyfold/core/KeyStoreError"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import * as Revocation from "@keyfold/lifecycle/Revocation"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"

const bound = observed("30 seconds")
const ref: KeyRef = { id: KeyId.make("k1") }

/** A store that takes every revocation, and the times it was asked to. */
const willing = Effect.gen(function* () {
  const revoked: Array<number> = []
  const driver: Driver = {
    ...MemoryDriver.make(),
    capabilities: { ...MemoryDriver.capabilities, revocationLag: bound },
    revoke: ({ id }) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        revoked.push(now)
        return { id, effectiveWithin: bound.within }
      })
  }
  return { revoked, store: yield* KeyStore.make(driver) }
})

type Answer = "accepted" | "refused" | "outage" | "silence"

/** A door that answers by the time, and when it was asked. */
const door = (answerAt: (seconds: number) => Answer) => {
  const asked: Array<number> = []
  const confirm: Revocation.Probe<Unavailable> = Effect.flatMap(Clock.currentTimeMillis, (now) => {
    asked.push(now)
    const answer = answerAt(now / 1000)
    if (answer === "outage") return Effect.fail(new Unavailable({}))
    return answer === "silence" ? Effect.never : Effect.succeed(answer)
  })
  return { asked, confirm }
}

const run = Effect.fnUntraced(function* <A, E, R>(call: Effect.Effect<A, E, R>, length: Duration.Input = "2 hours") {
  const fiber = yield* Effect.forkChild(call)
  yield* TestClock.adjust(length)
  return yield* Fiber.join(fiber)
})

describe("a confirmed revocation", () => {
  it.effect("is confirmed once the secret was seen refused, and not before", () =>
    Effect.gen(function* () {
      const { revoked, store } = yield* willing
      const { asked, confirm } = door((seconds) => (seconds < 12 ? "accepted" : "refused"))
      const outcome = yield* run(Revocation.revoke(store, ref, { confirm }))
      assert.strictEqual(outcome._tag, "Confirmed")
      assert.deepInclude(outcome, { probes: asked.length, revocations: 1 })
      if (outcome._tag === "Confirmed") assert.isAtLeast(Duration.toSeconds(outcome.after), 12)
      assert.deepStrictEqual(revoked, [0])
      assert.deepStrictEqual(asked.slice(0, 5), [0, 100, 300, 700, 1500])
    })
  )

  it.effect("is not confirmed by the time that passes, and tells the backend's bound", () =>
    Effect.gen(function* () {
      const { store } = yield* willing
      const { asked, confirm } = door(() => "accepted")
      const outcome = yield* run(Revocation.revoke(store, ref, { confirm }))
      assert.deepInclude(outcome, { _tag: "NotConfirmed", bound, last: "accepted", revocations: 1 })
      assert.strictEqual(asked.at(-1), 40_000, "the bound and ten seconds")
    })
  )

  it.effect.each(["outage", "silence"] as const)("takes no %s for a refusal", (answer) =>
    Effect.gen(function* () {
      const { store } = yield* willing
      const { confirm } = door(() => answer)
      const outcome = yield* run(Revocation.revoke(store, ref, { confirm, within: "1 minute" }))
      assert.deepInclude(outcome, { _tag: "NotConfirmed", last: "unanswered" })
    })
  )

  it.effect("goes on after an outage, and asks as long as it may", () =>
    Effect.gen(function* () {
      const { store } = yield* willing
      const { asked, confirm } = door((seconds) => (seconds < 25 ? "outage" : seconds < 40 ? "silence" : "refused"))
      const outcome = yield* run(Revocation.revoke(store, ref, { confirm, within: "1 minute" }))
      assert.deepInclude(outcome, { _tag: "Confirmed", probes: asked.length })
    })
  )

  it.effect("asks no longer than it may, also where one probe hangs", () =>
    Effect.gen(function* () {
      const { store } = yield* willing
      const { asked, confirm } = door(() => "silence")
      const outcome = yield* run(Revocation.revoke(store, ref, { confirm, within: "3 seconds" }), "3 seconds")
      assert.strictEqual(outcome._tag, "NotConfirmed")
      assert.deepStrictEqual(asked, [0])
    })
  )

  it.effect("asks once even without any time", () =>
    Effect.gen(function* () {
      const { store } = yield* willing
      const outcome = yield* Revocation.revoke(store, ref, { confirm: Effect.succeed("refused"), within: 0 })
      assert.deepInclude(outcome, { _tag: "Confirmed", probes: 1 })
    })
  )

  it.effect("can ask for several refusals in a row, where several caches answer", () =>
    Effect.gen(function* () {
      const { store } = yield* willing
      const answers: Array<Answer> = ["refused", "accepted", "refused", "refused", "accepted", "refused"]
      const { confirm } = door(() => answers.shift() ?? "refused")
      const outcome = yield* run(Revocation.revoke(store, ref, { confirm, refusals: 3 }))
      assert.deepInclude(outcome, { _tag: "Confirmed", probes: 8 })
      const short = yield* Revocation.revoke(store, ref, { confirm: Effect.succeed("refused"), refusals: 2, within: 0 })
      assert.deepInclude(short, { _tag: "NotConfirmed", last: "refused" })
    })
  )

  it.effect("fails where the backend does not take the revocation, and asks nobody", () =>
    Effect.gen(function* () {
      const refusal = new DriverError({ reason: new Unavailable({ status: 503 }), sent: "maybe" })
      const store = yield* KeyStore.make({ ...MemoryDriver.make(), revoke: () => Effect.fail(refusal) })
      const { asked, confirm } = door(() => "refused")
      const error = yield* run(Effect.flip(Revocation.revoke(store, ref, { confirm })))
      assert.strictEqual(error.reason._tag, "Unavailable")
      assert.deepStrictEqual(asked, [])
    })
  )
})

describe("a second look", () => {
  const recheckAfter = "16 minutes"
  const minute = 60

  it.effect("confirms a refusal that lasts", () =>
    Effect.gen(function* () {
      const { revoked, store } = yield* willing
      const { asked, confirm } = door(() => "refused")
      const outcome = yield* run(Revocation.revoke(store, ref, { confirm, recheckAfter }))
      assert.deepInclude(outcome, { _tag: "Confirmed", revocations: 1, probes: 2 })
      assert.deepStrictEqual(asked, [0, 16 * minute * 1000])
      assert.deepStrictEqual(revoked, [0])
    })
  )

  it.effect("revokes a key again that is accepted again", () =>
    Effect.gen(function* () {
      const { revoked, store } = yield* willing
      // A flush at 15 minutes undoes the revocation.
      const { confirm } = door((seconds) =>
        seconds >= 15 * minute && revoked.every((at) => at < 15 * minute * 1000) ? "accepted" : "refused"
      )
      const outcome = yield* run(Revocation.revoke(store, ref, { confirm, recheckAfter }))
      assert.deepInclude(outcome, { _tag: "Confirmed", revocations: 2, probes: 4 })
      assert.deepStrictEqual(revoked, [0, 16 * minute * 1000])
    })
  )

  it.effect("gives up on a key that is accepted again each time", () =>
    Effect.gen(function* () {
      const { revoked, store } = yield* willing
      const { confirm } = door((seconds) => (revoked.at(-1) === seconds * 1000 ? "refused" : "accepted"))
      const outcome = yield* run(Revocation.revoke(store, ref, { confirm, recheckAfter }))
      assert.deepInclude(outcome, { _tag: "NotConfirmed", last: "accepted", revocations: 3 })
    })
  )

  it.effect("is not confirmed without an answer", () =>
    Effect.gen(function* () {
      const { revoked, store } = yield* willing
      const { confirm } = door((seconds) => (seconds < minute ? "refused" : "outage"))
      const outcome = yield* run(Revocation.revoke(store, ref, { confirm, recheckAfter }))
      assert.deepInclude(outcome, { _tag: "NotConfirmed", last: "unanswered", revocations: 1 })
      assert.deepStrictEqual(revoked, [0])
    })
  )
})

describe("a probe made of a secret", () => {
  it.effect("sees a key accepted, and refused once it is revoked", () =>
    Effect.gen(function* () {
      const store = yield* KeyStore.make(MemoryDriver.make())
      const { key, secret } = yield* store.create({})
      const probe = Revocation.probeWith(store, secret, key)
      assert.strictEqual(yield* probe, "accepted")
      const outcome = yield* Revocation.revoke(store, key, { confirm: probe })
      assert.deepInclude(outcome, { _tag: "Confirmed", probes: 1 })
      assert.strictEqual(yield* probe, "refused")
    })
  )

  it.effect("fails for a secret that is not the key's, whatever becomes of that", () =>
    Effect.gen(function* () {
      const store = yield* KeyStore.make(MemoryDriver.make())
      const { key, secret } = yield* store.create({})
      const other = yield* store.create({})
      const text = Redacted.value(secret)
      const changed = Redacted.make(`${text.slice(0, -4)}${text.endsWith("AAAA") ? "BBBB" : "AAAA"}`)
      yield* store.revoke(other.key)
      for (const [wrong, problem] of [
        [other.secret, /another key/],
        [changed, /never had a key/],
        [Redacted.make("nonsense"), /no secret of store/]
      ] as const) {
        const error = yield* Effect.flip(Revocation.probeWith(store, wrong, key))
        assert.match(error.message, problem)
        assert.notInclude(error.message, Redacted.value(wrong))
      }
      const revoked = yield* run(
        Revocation.revoke(store, key, { confirm: Revocation.probeWith(store, other.secret, key) })
      )
      assert.deepInclude(revoked, { _tag: "NotConfirmed", last: "unanswered" })
    })
  )

  it.effect("takes an unknown secret for a refusal where the backend forgets revoked keys", () =>
    Effect.gen(function* () {
      const driver: Driver = {
        ...MemoryDriver.make(),
        capabilities: { ...MemoryDriver.capabilities, getsRevoked: false, listsRevoked: "never", identify: false },
        identify: () => Option.none(),
        verify: () => Effect.succeed({ valid: false, reason: "unknown" })
      }
      const store = yield* KeyStore.make(driver)
      assert.strictEqual(yield* Revocation.probeWith(store, Redacted.make("gone")), "refused")
    })
  )

  it.effect("fails where the backend cannot verify, and where it is down", () =>
    Effect.gen(function* () {
      const outage = new DriverError({ reason: new Unavailable({ status: 503 }), sent: "maybe" })
      const down = yield* KeyStore.make({ ...MemoryDriver.make(), verify: () => Effect.fail(outage) })
      const error = yield* run(Effect.flip(Revocation.probeWith(down, Redacted.make("secret"))))
      assert.strictEqual(error._tag, "KeyStoreError")
    })
  )
})
