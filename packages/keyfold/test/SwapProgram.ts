/**
 * A program that names no backend: it makes a key that may write, finds it, and takes it back.
 *
 * It runs in the folder of a keyfold.yaml and prints what it saw, as JSON.
 */
import * as Configuration from "@keyfold/config/Configuration"
import * as Stores from "@keyfold/config/Stores"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"

const program = Effect.gen(function* () {
  const store = yield* Stores.open(yield* Configuration.load())
  // A portable scope; whose key it is, the store's policy says.
  const { key, secret } = yield* store.create({ name: "nightly", scopes: ["write"] })
  const listed = yield* Stream.runCollect(store.list()).pipe(
    Effect.map((keys) => keys.some(({ id }) => id === key.id)),
    // Reads may lag behind.
    Effect.repeat({ until: (found) => found, schedule: Schedule.spaced("50 millis"), times: 100 })
  )
  const { name, owner, scopes, status } = yield* store.get(key)
  const { effectiveWithin, id } = yield* store.revoke(key)
  return {
    did: { listed, name, status, hasSecret: Redacted.value(secret).length >= 20, revoked: id === key.id },
    policy: { owner, scopes, effectiveWithin }
  }
})

console.log(JSON.stringify(await Effect.runPromise(Effect.scoped(program))))
