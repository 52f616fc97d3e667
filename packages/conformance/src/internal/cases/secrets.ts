/** Credentials and secrets stay out of sight, whatever happens. */
import { KeyId } from "@keyfold/core/ApiKey"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import type { Backend } from "../../Backend.ts"
import { inGroup } from "../definition.ts"
import { broken, isTrue, same } from "../expect.ts"
import { observe } from "../sights.ts"
import { atRest, created, warm, type World } from "../world.ts"
import { everyCall } from "./operations.ts"

const secrets = inGroup("secrets")

/** Runs a call and fails the case where a credential or one of the secrets can be seen. */
const guarded = Effect.fnUntraced(function* <A, E, R>(
  world: World,
  call: Effect.Effect<A, E, R>,
  texts: ReadonlyArray<string> = []
) {
  const { exit, leaks } = yield* observe(call)
  const known = Exit.isSuccess(exit) ? issuedIn(exit.value) : []
  const places = leaks([...world.credentials, ...texts, ...known])
  yield* same(places, [], "places where a credential or a secret can be seen")
  return exit
})

/** The secrets of keys that a call returns. */
const issuedIn = (value: unknown): ReadonlyArray<string> => {
  const secret: unknown = typeof value === "object" && value !== null ? Reflect.get(value, "secret") : undefined
  return Redacted.isRedacted(secret) ? [String(Redacted.value(secret))] : []
}

const onSuccess = Effect.fnUntraced(function* (world: World) {
  const issued = yield* created(world, { name: "ci" })
  const texts = [Redacted.value(issued.secret)]
  for (const { run } of everyCall(world, issued)) {
    const exit = yield* guarded(world, run, texts)
    yield* isTrue(Exit.isSuccess(exit), "the call succeeds")
  }
})

const whatever = (spoil: (backend: Backend, echo: string) => void) =>
  Effect.fnUntraced(function* (world: World) {
    const issued = yield* created(world, { name: "ci" })
    yield* warm(world)
    const secret = Redacted.value(issued.secret)
    const echo = JSON.stringify({ detail: `no: ${[...world.credentials, secret].join(" ")}`, key: secret })
    for (const { run } of everyCall(world, issued)) {
      spoil(world.backend, echo)
      yield* guarded(world, run, [secret])
      world.backend.recover()
    }
    yield* atRest(world)
  })

const misplaced = Effect.fnUntraced(function* (world: World) {
  const { secret } = yield* created(world, { name: "ci" })
  const text = Redacted.value(secret)
  const ref = { id: KeyId.make(text) }
  const calls: ReadonlyArray<Effect.Effect<unknown, KeyStoreError>> = [
    world.store.get(ref),
    world.store.revoke(ref),
    world.store.usage(ref),
    world.store.listPage({ cursor: text })
  ]
  for (const call of calls) {
    const exit = yield* guarded(world, call, [text])
    yield* isTrue(Exit.isFailure(exit), "a secret in place of an id or a cursor is refused")
  }
})

const booting = Effect.fnUntraced(function* (world: World) {
  const exit = yield* guarded(world, world.open({ store: "" }))
  if (Exit.isSuccess(exit)) yield* broken("a store without a name boots")
})

/** The cases about secrets. */
export const cases = [
  secrets("nothing a successful call lets out holds a credential or a secret", onSuccess),
  secrets(
    "a refusal that echoes what it was sent is not repeated",
    whatever((backend, body) => backend.fail({ status: 400, body }, 100)),
    {
      needs: ["backend"]
    }
  ),
  secrets(
    "an outage that echoes what it was sent is not repeated",
    whatever((backend, body) => backend.fail({ status: 500, body }, 100)),
    {
      needs: ["backend"]
    }
  ),
  secrets(
    "an answer that cannot be read is not shown",
    whatever((backend) => backend.garble("truncated", 100)),
    {
      needs: ["backend"]
    }
  ),
  secrets(
    "a success that is something else is not shown",
    whatever((backend, body) => backend.fail({ status: 200, body }, 100)),
    {
      needs: ["wire"]
    }
  ),
  secrets(
    "a lost answer shows nothing",
    whatever((backend) => backend.lose(100)),
    { needs: ["backend"] }
  ),
  secrets(
    "a connection that fails shows nothing",
    whatever((backend) => backend.fail({ network: "refused" }, 100)),
    {
      needs: ["backend"]
    }
  ),
  secrets("a secret in place of an id or a cursor is not repeated", misplaced),
  secrets("a failure to boot shows no credential", booting, { needs: ["options"] })
]
