/** Input checks and query parameters both dialects share. */
import type { KeyRef } from "@keyfold/core/ApiKey"
import { refuse, type CreateRequest, type DriverError } from "@keyfold/core/Driver"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"

/** Query parameters in wire order; a name may repeat. */
export type Query = ReadonlyArray<readonly [name: string, value: string]>

/** Checks a key id: letters and digits, so that it is one path segment and one query value everywhere. */
export const keyId = (ref: KeyRef): Effect.Effect<string, DriverError> =>
  /^[A-Za-z0-9]+$/.test(ref.id)
    ? Effect.succeed(ref.id)
    : Effect.fail(refuse("id", "expected a WhyLabs key id: letters and digits, usually ten"))

/** Checks a user id. One with `#` is stored but breaks every later read of its organization. */
export const userId = (owner: string): Effect.Effect<string, DriverError> =>
  owner.trim() === "" || owner.includes("#")
    ? Effect.fail(refuse("owner", 'expected a user id that is not blank and holds no "#"'))
    : Effect.succeed(owner)

// The server asks for 60 s from its own clock; 5 s allow for the difference between the two clocks.
const shortestLife = 65_000
const lastYear = 253_402_300_799_999

const expiry = Effect.fnUntraced(function* (expiresAt: DateTime.Utc | undefined): Effect.fn.Return<Query, DriverError> {
  if (expiresAt === undefined) return []
  const milliseconds = expiresAt.epochMilliseconds
  if (milliseconds < (yield* DateTime.now).epochMilliseconds + shortestLife) {
    return yield* refuse("expiresAt", "expected at least 65 seconds from now: WhyLabs asks for 60, and clocks differ")
  }
  if (milliseconds > lastYear) return yield* refuse("expiresAt", "expected a time before the year 10000")
  return [["expiration_time", String(milliseconds)]]
})

/** The parameters of create that both dialects take. Unset ones are left out: the wire has no null. */
export const create = Effect.fnUntraced(function* (request: CreateRequest): Effect.fn.Return<Query, DriverError> {
  const alias: Query = request.label === undefined ? [] : [["alias", request.label]]
  const scopes: Query = request.scopes.map((scope) => ["scopes", scope])
  return [...(yield* expiry(request.expiresAt)), ...scopes, ...alias]
})
