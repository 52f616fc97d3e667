/** The four error bodies of the wire page (A to D) and the success body. */
import type { Outgoing } from "../respond.ts"

export { Refusal } from "../refusal.ts"

const json = (status: number, value: unknown): Outgoing => ({
  status,
  headers: [["content-type", "application/json"]],
  body: JSON.stringify(value)
})

/** A 200 with a JSON body. */
export const success = (value: unknown): Outgoing => json(200, value)

/** Body A: Songbird's own. */
export const songbird = (status: number, type: string, message: string, requestId: string): Outgoing =>
  json(status, { message, requestId, type })

/** Body B: the framework's, which echoes path and query. */
export const micronaut = (status: 400 | 500, message: string, href: string, path?: string): Outgoing =>
  json(status, {
    _embedded: { errors: [path === undefined ? { message } : { message, path }] },
    _links: { self: { href, templated: false } },
    message: status === 400 ? "Bad Request" : "Internal Server Error"
  })

/** Body C: nothing, and no Content-Type. */
export const empty = (status: number, headers: Outgoing["headers"] = []): Outgoing => ({
  status,
  headers,
  body: undefined
})

/** Body D: a bare sentence under a JSON label. */
export const sentence = (status: number, text: string, contentType: string): Outgoing => ({
  status,
  headers: [["content-type", contentType]],
  body: text
})
