/** Query parameters: everything the protocol takes is there. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type { Incoming } from "../mount.ts"
import type { Refusal } from "../reply.ts"
import { illegal, missing, unconvertible } from "./replies.ts"

/** Reads a parameter that has to be there, be it empty. */
export const required = (incoming: Incoming, name: string): Effect.Effect<string, Refusal> => {
  const value = incoming.url.searchParams.get(name)
  return value === null ? Effect.fail(missing(incoming, name)) : Effect.succeed(value)
}

/** Reads the user a call is about. */
export const user = (incoming: Incoming): Effect.Effect<string, Refusal> =>
  Effect.filterOrFail(
    required(incoming, "user_id"),
    (value) => value.trim() !== "",
    () => illegal(incoming, "Invalid user_id provided: it is blank")
  )

const shortestLife = 60_000n
const latest = 8_640_000_000_000_000n

/** Reads `expiration_time`: epoch milliseconds, at least 60 seconds ahead. Empty counts as absent. */
export const expiration = Effect.fnUntraced(function* (
  incoming: Incoming
): Effect.fn.Return<DateTime.Utc | undefined, Refusal> {
  const text = incoming.url.searchParams.get("expiration_time") ?? ""
  if (text === "") return undefined
  if (!/^[+-]?\d{1,19}$/.test(text)) return yield* unconvertible(incoming, "expiration_time", text)
  const milliseconds = BigInt(text.replace(/^\+/, ""))
  const now = BigInt((yield* DateTime.now).epochMilliseconds)
  if (milliseconds < now + shortestLife || milliseconds > latest) {
    return yield* illegal(incoming, "Invalid expiration time")
  }
  return DateTime.makeUnsafe(Number(milliseconds))
})

/** Reads the scopes: one value is split at commas, repeated ones are taken as they are. Absent means none given. */
export const scopes = ({ url }: Incoming): ReadonlyArray<string> | undefined => {
  const values = url.searchParams.getAll("scopes")
  if (values.length === 0) return undefined
  const [first = ""] = values
  return [...new Set(values.length === 1 ? first.split(",") : values)]
}
