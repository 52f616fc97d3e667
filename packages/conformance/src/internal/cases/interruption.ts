/** What interrupting a call leaves behind: nothing. What an interrupted create may have made is told by safeCreate. */
import type { Operation } from "@keyfold/core/KeyStoreError"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { inGroup } from "../definition.ts"
import { broken, isTrue, same } from "../expect.ts"
import { eventually } from "../virtualTime.ts"
import { atRest, created, sendingNothing, type World } from "../world.ts"
import { everyCall } from "./operations.ts"

const interruption = inGroup("interruption")

const openRequests = ({ backend }: World): number => backend.requests().filter(({ pending }) => pending).length

/** Interrupts a fiber; one that does not let itself be interrupted fails the case instead of holding it up. */
export const interrupted = Effect.fnUntraced(function* <A, E>(fiber: Fiber.Fiber<A, E>) {
  const ended = yield* Effect.timeoutOption(
    Effect.map(Effect.forkDetach(Fiber.interrupt(fiber)), Fiber.join).pipe(Effect.flatten),
    "1 minute"
  )
  if (Option.isNone(ended)) yield* broken("the call cannot be interrupted")
})

const aborts = (operation: Operation) =>
  Effect.fnUntraced(function* (world: World) {
    const issued = yield* created(world, { name: "ci" })
    const before = yield* world.backend.live
    const call = everyCall(world, issued).find((candidate) => candidate.operation === operation)
    if (call === undefined) return yield* broken(`the store has no ${operation}`)
    world.backend.hang()
    const fiber = yield* Effect.forkDetach(call.run)
    yield* Effect.sleep("1 second")
    yield* same(openRequests(world), 1, "requests under way")
    yield* interrupted(fiber)
    const aborted = yield* eventually(() => openRequests(world) === 0)
    yield* isTrue(aborted, "the request that was under way is aborted")
    // What an interrupted create may have made is looked for, and looking makes nothing.
    const looks = operation === "create" && world.capabilities.createSafety !== "none"
    yield* looks ? atRest(world) : sendingNothing(world, Effect.sleep("2 minutes"))
    yield* same(yield* world.backend.live, before, "keys that exist")
  })

const stopsRetrying = Effect.fnUntraced(function* (world: World) {
  const issued = yield* created(world, { name: "ci" })
  world.backend.fail({ status: 429, retryAfter: 20 }, 100)
  for (const { operation, run } of everyCall(world, issued)) {
    const fiber = yield* Effect.forkDetach(run)
    yield* Effect.sleep("10 seconds")
    yield* isTrue(fiber.pollUnsafe() === undefined, `${operation} waits when it is asked to`)
    yield* interrupted(fiber)
    yield* sendingNothing(world, Effect.sleep("2 minutes"))
  }
})

const operations: ReadonlyArray<Operation> = ["create", "get", "list", "revoke", "usage", "verify"]

/** The cases about interruption. */
export const cases = [
  ...operations.map((operation) =>
    interruption(
      `interrupting ${operation} aborts its request and ${operation === "create" ? "makes nothing" : "sends no other"}`,
      aborts(operation),
      {
        needs: ["backend"],
        when: (capabilities) => capabilities.operations[operation] !== "unsupported"
      }
    )
  ),
  interruption("interrupting a call that waits for its next attempt ends it", stopsRetrying, { needs: ["backend"] })
]
