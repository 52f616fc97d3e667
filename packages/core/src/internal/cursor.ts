/** Cursors: a driver's position, authenticated and bound to store, tenant and filter. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { statuses, type Filter } from "../KeyList.ts"
import * as crypto from "./crypto.ts"

/** What a cursor belongs to. */
export interface Binding {
  readonly store: string
  readonly backend: string
  readonly tenant: string | undefined
}

/** Writes and reads the cursors of one store. */
export interface Cursors {
  readonly write: (filter: Filter, position: string) => Effect.Effect<string>
  readonly read: (filter: Filter, cursor: string) => Effect.Effect<string | undefined>
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Makes the cursors of one store under a secret; two processes with the same secret read each other's cursors. */
export const make = Effect.fnUntraced(function* (
  binding: Binding,
  secret: Redacted.Redacted<string> | undefined
): Effect.fn.Return<Cursors> {
  const material = secret === undefined ? crypto.randomBytes(32) : encoder.encode(Redacted.value(secret))
  const key = yield* Effect.promise(() => crypto.hmacKey(material))
  const sign = (filter: Filter, head: string) =>
    Effect.promise(() =>
      crypto.hmac(
        key,
        JSON.stringify([
          "keyfold cursor 1",
          binding.store,
          binding.backend,
          binding.tenant ?? null,
          filter.owner ?? null,
          statuses(filter),
          head
        ])
      )
    )
  return {
    write: (filter, position) => {
      // As JSON a position survives whatever it holds: UTF-8 alone loses a byte order mark or a lone surrogate.
      const head = crypto.toBase64Url(encoder.encode(JSON.stringify(position)))
      return Effect.map(sign(filter, head), (mac) => `${head}.${crypto.toBase64Url(mac)}`)
    },
    read: Effect.fnUntraced(function* (filter, cursor) {
      const [head = "", tail = "", ...rest] = cursor.split(".")
      const mac = crypto.fromBase64Url(tail)
      if (mac === undefined || rest.length > 0) return undefined
      if (!crypto.equalInConstantTime(mac, yield* sign(filter, head))) return undefined
      const position: unknown = JSON.parse(decoder.decode(crypto.fromBase64Url(head)))
      return typeof position === "string" ? position : undefined
    })
  }
})
