/** The items of one body as a stream that asks for no more bytes than it needs. */
import type { DriverError } from "@keyfold/core/Driver"
import { InvalidResponse } from "@keyfold/core/KeyStoreError"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ItemReader } from "./itemReader.ts"

/** Waits for the next bytes of a body. */
export type Bytes = Pull.Pull<Arr.NonEmptyReadonlyArray<Uint8Array>, DriverError>

/** How a body is waited for: up to its first items, and for all that follow. */
export interface Waiting {
  readonly first: (bytes: Bytes) => Bytes
  readonly rest: (bytes: Bytes) => Effect.Effect<Bytes, never, Scope.Scope>
  readonly failed: (reason: InvalidResponse) => DriverError
}

/** Reads on until there are items; without any, the body is at its end. */
const nextItems = <A>(
  reader: ItemReader<A>,
  bytes: Bytes,
  failed: Waiting["failed"]
): Effect.Effect<ReadonlyArray<A>, DriverError> =>
  Effect.suspend(() => {
    const items = reader.next()
    if (items instanceof InvalidResponse) return Effect.fail(failed(items))
    if (items.length > 0 || reader.isDone()) return Effect.succeed(items)
    return Effect.flatMap(
      Pull.catchDone(bytes, () => Effect.undefined),
      (chunks) => {
        reader.push(chunks)
        return nextItems(reader, bytes, failed)
      }
    )
  })

/** Reads up to the first items; a short body is read whole by that. */
export const open = Effect.fnUntraced(function* <A>(
  reader: ItemReader<A>,
  body: Stream.Stream<Uint8Array, DriverError>,
  { failed, first, rest }: Waiting
): Effect.fn.Return<Stream.Stream<ReadonlyArray<A>, DriverError>, DriverError, Scope.Scope> {
  const bytes = yield* Stream.toPull(body)
  let waiting: ReadonlyArray<A> | undefined = yield* nextItems(reader, first(bytes), failed)
  const following = nextItems(reader, yield* rest(bytes), failed)
  const next = Effect.suspend(() => {
    // The stream may be held to its end, its first items must not be.
    const items = waiting
    waiting = undefined
    return items === undefined ? following : Effect.succeed(items)
  })
  return Stream.fromPull(
    Effect.succeed(Effect.flatMap(next, (items) => (items.length === 0 ? Cause.done() : Effect.succeed(Arr.of(items)))))
  )
})
