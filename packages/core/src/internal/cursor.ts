/** Cursors: a driver's position, authenticated and bound to store, tenant and filter. */
import * as Redacted from "effect/Redacted"
import { statuses, type Filter } from "../KeyList.ts"
import * as crypto from "./crypto.ts"
import * as hmac from "./hmac.ts"

/** What a cursor belongs to. */
export interface Binding {
  readonly store: string
  readonly backend: string
  readonly tenant: string | undefined
}

/** Writes and reads the cursors of one store. */
export interface Cursors {
  readonly write: (filter: Filter, position: string) => string
  readonly read: (filter: Filter, cursor: string) => string | undefined
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Makes the cursors of one store under a secret; two processes with the same secret read each other's cursors. */
export const make = ({ backend, store, tenant }: Binding, secret: Redacted.Redacted<string> | undefined): Cursors => {
  const authenticate = hmac.make(secret === undefined ? crypto.randomBytes(32) : encoder.encode(Redacted.value(secret)))
  const sign = (filter: Filter, head: string) =>
    authenticate(
      JSON.stringify([
        "keyfold cursor 1",
        store,
        backend,
        tenant ?? null,
        filter.owner ?? null,
        statuses(filter),
        head
      ]),
      hmac.longest
    )
  return {
    write: (filter, position) => {
      // As JSON a position survives whatever it holds: UTF-8 alone loses a byte order mark or a lone surrogate.
      const head = crypto.toBase64Url(encoder.encode(JSON.stringify(position)))
      return `${head}.${sign(filter, head)}`
    },
    read: (filter, cursor) => {
      const [head = "", tail = "", ...rest] = cursor.split(".")
      const mac = encoder.encode(sign(filter, head))
      if (rest.length > 0 || !crypto.equalInConstantTime(encoder.encode(tail), mac)) return undefined
      const position: unknown = JSON.parse(decoder.decode(crypto.fromBase64Url(head)))
      return typeof position === "string" ? position : undefined
    }
  }
}
