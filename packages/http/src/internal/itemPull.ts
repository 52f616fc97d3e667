/** The items of one body, pulled in batches that ask for no more bytes than they need. */
import type { DriverError } from "@keyfold/core/Driver"
import { InvalidResponse } from "@keyfold/core/KeyStoreError"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ItemReader } from "./itemReader.ts"

/** Waits for the next bytes of a body. */
export type Bytes = Pull.Pull<Arr.NonEmptyReadonlyArray<Uint8Array>, DriverError>

/** Waits for the next items of a body. */
export type Items<A> = Pull.Pull<Arr.NonEmptyReadonlyArray<ReadonlyArray<A>>, DriverError>

/** How a body is waited for: up to its first items, and for all that follow. */
export interface Waiting {
  readonly first: (bytes: Bytes) => Bytes
  readonly rest: (bytes: Bytes) => Bytes
  readonly failed: (reason: InvalidResponse) => DriverError
}

/** Reads on until there are items; without any, the body is at its end. */
const nextItems = <A>(
  reader: ItemReader<A>,
  bytes: Bytes,
  failed: Waiting["failed"]
): Effect.Effect<ReadonlyArray<A>, DriverError> => {
  const next: Effect.Effect<ReadonlyArray<A>, DriverError> = Effect.suspend(() => {
    const items = reader.next()
    if (items instanceof InvalidResponse) return Effect.fail(failed(items))
    return items.length > 0 || reader.isDone() ? Effect.succeed(items) : more
  })
  const more = Effect.matchEffect(bytes, {
    onFailure: (error) => {
      if (!Cause.isDone(error)) return Effect.fail(error)
      reader.push(undefined)
      return next
    },
    onSuccess: (chunks) => {
      reader.push(chunks)
      return next
    }
  })
  return next
}

/** Reads up to the first items; a short body is read whole by that. */
export const open = <A>(
  reader: ItemReader<A>,
  body: Stream.Stream<Uint8Array, DriverError>,
  scope: Scope.Scope,
  { failed, first, rest }: Waiting
): Effect.Effect<Items<A>, DriverError> =>
  Effect.flatMap(Channel.toPullScoped(Stream.toChannel(body), scope), (bytes) =>
    Effect.map(nextItems(reader, first(bytes), failed), (found) => {
      const hand = (items: ReadonlyArray<A>): Items<A> =>
        items.length === 0 ? Cause.done() : Effect.succeed(Arr.of(items))
      let waiting: ReadonlyArray<A> | undefined = found
      let following: Items<A> | undefined
      return Effect.suspend(() => {
        // The pull may be held to the end of the list, its first items must not be.
        const items = waiting
        waiting = undefined
        if (items !== undefined) return hand(items)
        if (reader.isDone()) return Cause.done()
        following ??= Effect.flatMap(nextItems(reader, rest(bytes), failed), hand)
        return following
      })
    })
  )
