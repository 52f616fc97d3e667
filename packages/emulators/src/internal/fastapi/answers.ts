/** Answers as FastAPI and Starlette build them. */
import { Refusal } from "../refusal.ts"
import type { Outgoing } from "../respond.ts"

type HeaderList = Outgoing["headers"]

/** A JSON answer. */
export const json = (status: number, value: unknown, headers: HeaderList = []): Outgoing => ({
  status,
  headers: [["content-type", "application/json"], ...headers],
  body: JSON.stringify(value)
})

/** A plain-text answer. */
export const plain = (status: number, text: string): Outgoing => ({
  status,
  headers: [["content-type", "text/plain; charset=utf-8"]],
  body: text
})

/** An answer without body and Content-Type. */
export const empty = (status: number, headers: HeaderList = []): Outgoing => ({ status, headers, body: undefined })

/** Refuses with `{"detail": …}`; a string, or the array of a validation error. */
export const detail = (status: number, text: unknown, headers: HeaderList = []): Refusal =>
  new Refusal(json(status, { detail: text }, headers))
