/** Answers as data, and how an operation ends early with one. */
import * as Data from "effect/Data"
import * as Schema from "effect/Schema"

/** One answer. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

/** Ends an operation with an answer. */
export class Refusal extends Data.TaggedError("Refusal")<{ readonly reply: Reply }> {}

/** Refuses with an answer. */
export const refusal = (reply: Reply): Refusal => new Refusal({ reply })

/** A JSON answer whose text is written already. */
const jsonText = (status: number, body: string, headers: Reply["headers"]): Reply => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body
})

/** An answer of the form a schema describes; what the schema does not name is left out. */
export const success = <S extends Schema.Encoder<unknown>>(schema: S, value: S["Type"], status = 200): Reply =>
  jsonText(status, JSON.stringify(Schema.encodeSync(schema)(value)), {})

/** A JSON answer of any form. */
export const json = (status: number, value: Schema.Json, headers: Reply["headers"] = {}): Reply =>
  jsonText(status, JSON.stringify(value), headers)

/** A bare sentence under a JSON label. */
export const sentence = (status: number, text: string): Reply => jsonText(status, text, {})

/** An answer without body and Content-Type. */
export const empty = (status: number): Reply => ({ status, headers: {}, body: undefined })

/** Makes the response. What a dialect answers may hold a secret or a token and is about one caller: nobody keeps it. */
export const toResponse = (reply: Reply, headers: Reply["headers"]): Response =>
  new Response(reply.body ?? null, {
    status: reply.status,
    headers: { "cache-control": "no-store", ...headers, ...reply.headers }
  })
