/** Bodies that arrive badly: cut in the middle, or a piece at a time. */
import { untilAborted } from "./abort.ts"
import type { WaitingClock } from "./clock.ts"
import { bodyCut, connectionReset } from "./network.ts"

const cut = new WeakSet<Response>()

/** Whether the connection breaks within this answer's body. */
export const isCut = (response: Response): boolean => cut.has(response)

const bytesOf = async (response: Response): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await response.arrayBuffer())

// The pieces are asked for one at a time, so that a reader gets each one before the next is made.
const streamed = (
  pull: (controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>) => void | Promise<void>
) => new ReadableStream<Uint8Array<ArrayBuffer>>({ pull }, { highWaterMark: 0 })

const withBody = (response: Response, body: ReadableStream<Uint8Array<ArrayBuffer>>): Response =>
  new Response(body, { status: response.status, headers: response.headers })

/** Gives an answer whose body breaks off in the middle; one without a body is lost as a whole. */
export const cutShort = async (response: Response): Promise<Response> => {
  const bytes = await bytesOf(response)
  if (bytes.length === 0) throw connectionReset()
  let half = bytes.subarray(0, Math.floor(bytes.length / 2))
  const body = streamed((controller) => {
    if (half.length === 0) return controller.error(bodyCut())
    controller.enqueue(half)
    half = half.subarray(half.length)
  })
  const answer = withBody(response, body)
  cut.add(answer)
  return answer
}

const mostPieces = 8

/** Gives an answer whose body arrives in up to eight pieces, the last after the given time; an abort breaks it off. */
export const trickled = async (
  response: Response,
  milliseconds: number,
  clock: WaitingClock,
  signal: AbortSignal
): Promise<Response> => {
  const bytes = await bytesOf(response)
  if (bytes.length === 0) return response
  const pieces = Math.min(mostPieces, bytes.length)
  const start = clock.now()
  let sent = 0
  const body = streamed(async (controller) => {
    const piece = bytes.subarray(
      Math.floor((bytes.length * sent) / pieces),
      Math.floor((bytes.length * (sent + 1)) / pieces)
    )
    sent += 1
    signal.throwIfAborted()
    await untilAborted(signal, clock.sleepUntil(start + (milliseconds * sent) / pieces))
    controller.enqueue(piece)
    if (sent === pieces) controller.close()
  })
  return withBody(response, body)
}
