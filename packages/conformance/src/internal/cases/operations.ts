/** The operations a store has, ready to be made fail. */
import type { IssuedKey } from "@keyfold/core/ApiKey"
import type { KeyStoreError, Operation } from "@keyfold/core/KeyStoreError"
import * as Effect from "effect/Effect"
import { bare, listed, type World } from "../world.ts"

/** One call of one operation. */
export interface Call {
  readonly operation: Operation
  readonly run: Effect.Effect<unknown, KeyStoreError>
}

const supported = ({ capabilities }: World, calls: ReadonlyArray<Call>) =>
  calls.filter(({ operation }) => capabilities.operations[operation] !== "unsupported")

/** The calls that change nothing, on a key that exists. */
export const reads = (world: World, { key }: IssuedKey): ReadonlyArray<Call> =>
  supported(world, [
    { operation: "list", run: listed(world.store) },
    { operation: "get", run: world.store.get(bare(key)) },
    { operation: "usage", run: world.store.usage(bare(key)) }
  ])

/** Every call; verify and revoke take the key that exists. */
export const everyCall = (world: World, issued: IssuedKey): ReadonlyArray<Call> => [
  { operation: "create", run: world.store.create({ name: "another" }) },
  ...reads(world, issued),
  ...supported(world, [
    { operation: "verify", run: world.store.verify(issued.secret) },
    { operation: "revoke", run: world.store.revoke(issued.key) }
  ])
]

/** Runs something with the backend failing all the while. */
export const whileFailing = <A, E>(world: World, begin: () => void, run: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.ensuring(
    Effect.andThen(Effect.sync(begin), run),
    Effect.sync(() => world.backend.recover())
  )
