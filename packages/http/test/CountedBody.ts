/** A body that is made as it is read, and counts what was read of it. */
import { recordedFetch, type RecordedFetch } from "./RecordedFetch.ts"

export const mebibyte = 1024 * 1024

const encoder = new TextEncoder()

/** One key of about 100 bytes. */
export const keyText = (index: number): string =>
  `{"id":"k${index}","uses":${index},"note":"${"deploy job of a team ".repeat(3)}"}`

/** Chunks of keys, a comma before each but the first; without an end where `keys` is infinite. */
export function* keyChunks(keys: number, perChunk = 100): Generator<string> {
  for (let start = 0; start < keys; start += perChunk) {
    const length = Math.min(perChunk, keys - start)
    const texts = Array.from({ length }, (_, index) => keyText(start + index))
    yield `${start === 0 ? "" : ","}${texts.join(",")}`
  }
}

/** The chunks of a whole list. */
export function* listChunks(keys: number, perChunk = 100): Generator<string> {
  yield `{"items":[`
  yield* keyChunks(keys, perChunk)
  yield `],"next":null}`
}

export interface CountedBody {
  readonly server: RecordedFetch
  readonly pulled: () => number
  readonly isCancelled: () => boolean
}

/** Serves chunks as they are asked for; one that throws breaks the body off, and one that waits keeps it waiting. */
export const countedBody = (
  chunks: () => Iterable<string | Uint8Array | Promise<string>>,
  init: ResponseInit = {}
): CountedBody => {
  let pulled = 0
  let isCancelled = false
  const respond = () => {
    const iterator = chunks()[Symbol.iterator]()
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
      try {
        const { done, value } = iterator.next()
        if (done === true) return controller.close()
        const chunk = await value
        const bytes = typeof chunk === "string" ? encoder.encode(chunk) : chunk
        pulled += bytes.length
        return controller.enqueue(bytes)
      } catch (error) {
        return controller.error(error)
      }
    }
    const body = new ReadableStream<Uint8Array>({ pull, cancel: () => void (isCancelled = true) }, { highWaterMark: 0 })
    return new Response(body, init)
  }
  return { server: recordedFetch(respond), pulled: () => pulled, isCancelled: () => isCancelled }
}
