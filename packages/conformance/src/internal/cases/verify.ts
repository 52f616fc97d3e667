/** Asking the backend whether a secret is good. */
import type { Verification } from "@keyfold/core/Verification"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Failure } from "../../Backend.ts"
import { inGroup, type Terms } from "../definition.ts"
import { broken, fails, isTrue, same } from "../expect.ts"
import { created, refusedUnsent, revoked, type World } from "../world.ts"

const verify = inGroup("verify")

const accepts = Effect.fnUntraced(function* (world: World) {
  const { key, secret } = yield* created(world, { name: "ci" })
  const verification = yield* world.store.verify(secret)
  yield* same(verification.valid, true, "whether the secret of a new key is valid")
  if (!verification.valid || verification.key === undefined) return
  yield* same(verification.key.id, key.id, "id of the key a verification names")
  yield* same(verification.key.status, "active", "status of the key a verification names")
})

const isRefused = (verification: Verification, what: string) =>
  same(verification.valid, false, `whether ${what} is valid`)

const refusesRevoked = Effect.fnUntraced(function* (world: World) {
  const { key, secret } = yield* created(world, { name: "ci" })
  const other = yield* created(world, { name: "another" })
  yield* world.store.revoke(key)
  yield* revoked(world)
  yield* isRefused(yield* world.store.verify(secret), "the secret of a revoked key")
  yield* same((yield* world.store.verify(other.secret)).valid, true, "whether another secret is still valid")
})

const refusesExpired = Effect.fnUntraced(function* (world: World) {
  const expiresAt = DateTime.add(yield* DateTime.now, { minutes: 5 })
  const { secret } = yield* created(world, { name: "ci", expiresAt })
  yield* same((yield* world.store.verify(secret)).valid, true, "whether a secret is valid before its time is up")
  yield* Effect.sleep("6 minutes")
  yield* isRefused(yield* world.store.verify(secret), "the secret of an expired key")
})

/** The same text with another letter in its middle, where no backend keeps anything but the random part. */
const altered = (secret: Redacted.Redacted<string>): Redacted.Redacted<string> => {
  const text = Redacted.value(secret)
  const middle = Math.floor(text.length / 2)
  return Redacted.make(`${text.slice(0, middle)}${text.charAt(middle) === "A" ? "B" : "A"}${text.slice(middle + 1)}`)
}

const refusesUnknown = Effect.fnUntraced(function* (world: World) {
  const { secret } = yield* created(world, { name: "ci" })
  yield* isRefused(yield* world.store.verify(altered(secret)), "a secret with one letter changed")
})

const refusesMalformed = Effect.fnUntraced(function* (world: World) {
  for (const text of ["nonsense", "two words", "x".repeat(500), ...world.samples.foreignSecrets]) {
    yield* isRefused(yield* world.store.verify(Redacted.make(text)), "a text that is no secret of this backend")
  }
})

const outages: ReadonlyArray<Failure> = [
  { status: 500 },
  { status: 502, body: "<html>Bad gateway</html>" },
  { status: 503 },
  { status: 404, body: "<html>Not here</html>" },
  { status: 429 },
  { network: "refused" },
  { network: "reset" }
]

const isNoOutage = Effect.fnUntraced(function* (world: World) {
  const { secret } = yield* created(world, { name: "ci" })
  for (const outage of outages) {
    world.backend.fail(outage, 100)
    const result = yield* Effect.result(world.store.verify(secret))
    world.backend.recover()
    if (result._tag === "Success") {
      return yield* broken(`an outage (${JSON.stringify(outage)}) reads as valid: ${result.success.valid}`)
    }
  }
  world.backend.garble("html", 100)
  yield* fails(world.store.verify(secret), "InvalidResponse")
  world.backend.recover()
  yield* isTrue((yield* world.store.verify(secret)).valid, "the secret is valid once the outage is over")
})

const supported = { when: ({ operations }) => operations.verify !== "unsupported" } satisfies Terms

/** The cases of verify. */
export const cases = [
  verify("the secret of a new key is valid", accepts, supported),
  verify("the secret of a revoked key is not valid", refusesRevoked, supported),
  verify("the secret of an expired key is not valid", refusesExpired, {
    when: (capabilities) => supported.when(capabilities) && capabilities.expiry
  }),
  verify("a secret that was never issued is not valid", refusesUnknown, supported),
  verify("a text that is no secret is not valid", refusesMalformed, supported),
  verify("an outage is an error and never an answer", isNoOutage, { ...supported, needs: ["backend"] }),
  verify(
    "verify is Unsupported and sends nothing",
    (world) => refusedUnsent(world, world.store.verify(Redacted.make("some secret")), "Unsupported"),
    { when: ({ operations }) => operations.verify === "unsupported" }
  )
]
