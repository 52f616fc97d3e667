/** From an answer described as data to a `Response`. */

/** One answer of an emulated backend. */
export interface Outgoing {
  readonly status: number
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  readonly body: string | undefined
  /** The id of the key this answer tells of having created; never sent. */
  readonly created?: string
}

const bodiless = new Set([204, 205, 304])
const encoder = new TextEncoder()

/** Builds the response; unlike `new Response(text)`, adds no Content-Type of its own. */
export const respond = (outgoing: Outgoing): Response => {
  const headers = new Headers()
  for (const [name, value] of outgoing.headers) headers.append(name, value)
  const empty = outgoing.body === undefined || bodiless.has(outgoing.status)
  return new Response(empty ? null : encoder.encode(outgoing.body), { status: outgoing.status, headers })
}
