/** From the body of an answer to the items of one array in it. */
import { InvalidResponse } from "@keyfold/core/KeyStoreError"
import * as Schema from "effect/Schema"
import { undocumented } from "./badBody.ts"
import { joined } from "./joined.ts"
import * as jsonItems from "./jsonItems.ts"
import * as plainDecoder from "./plainDecoder.ts"

/**
 * A body up to this length is read as one text, the fastest way for short lists; a longer one in stretches. Longer texts
 * would be costly to make: the engine keeps them apart from others.
 */
const stretch = 64 * 1024

/** As many pieces are kept apart at the most: a body may come byte by byte, each in a buffer of its own. */
const mostPieces = 256

const wholeText = new TextDecoder()

/** Turns stretches of a long body into the items they complete; `isEnd` stands with the last of them. */
const makeLongParser = (path: ReadonlyArray<string>) => {
  const decoder = new TextDecoder()
  const reading = jsonItems.make(path)
  return (bytes: Uint8Array, isEnd: boolean): jsonItems.Items => {
    const items = jsonItems.write(reading, decoder.decode(bytes, { stream: !isEnd }))
    return !isEnd || items instanceof InvalidResponse ? items : (jsonItems.end(reading) ?? items)
  }
}

/** Turns pieces of a body into the items they complete; undefined stands for the end of the body. */
const makeParser = (path: ReadonlyArray<string>) => {
  let waiting: Array<Uint8Array> = []
  let length = 0
  let parseLong: ReturnType<typeof makeLongParser> | undefined
  return (piece: Uint8Array | undefined): jsonItems.Items => {
    if (piece !== undefined) {
      waiting.push(piece)
      length += piece.length
      if (waiting.length === mostPieces) waiting = [joined(waiting, length)]
      if (length < stretch) return []
    }
    const bytes = joined(waiting, length)
    waiting = []
    length = 0
    if (piece === undefined && parseLong === undefined) return jsonItems.parseWhole(wholeText.decode(bytes), path)
    parseLong ??= makeLongParser(path)
    return parseLong(bytes, piece === undefined)
  }
}

/** Decodes the items of one array batch by batch; an error names the place in the whole array. */
const makeDecoder = <A, I, B>(schema: Schema.Codec<A, I>, path: ReadonlyArray<string>, convert: (item: A) => B) => {
  const decode = plainDecoder.make(schema)
  let count = 0
  return (items: jsonItems.Items): ReadonlyArray<B> | InvalidResponse => {
    if (items instanceof InvalidResponse) return items
    const decoded: Array<B> = []
    for (const item of items) {
      const result = decode(item)
      if (Schema.isSchemaError(result)) return undocumented(result, [...path, String(count)])
      decoded.push(convert(result))
      count++
    }
    return decoded
  }
}

/** Reads the items of one body. */
export interface ItemReader<A> {
  /** Takes in what arrived, or the end of the body. */
  readonly push: (chunks: ReadonlyArray<Uint8Array> | undefined) => void
  /** Hands out the next items; none where more of the body is needed, or where there is no more. */
  readonly next: () => ReadonlyArray<A> | InvalidResponse
  readonly isDone: () => boolean
}

/** Makes the reader of a body whose items stand at `path`; `convert` makes of each what is handed out. */
export const make = <A, I, B>(
  schema: Schema.Codec<A, I>,
  path: ReadonlyArray<string>,
  convert: (item: A) => B
): ItemReader<B> => {
  const parse = makeParser(path)
  const decode = makeDecoder(schema, path, convert)
  let queue: Array<Uint8Array> = []
  let isEnd = false
  let isDone = false
  /** Cuts what arrived at once: it may be the whole of a long body. */
  const take = (): Uint8Array | undefined => {
    const chunk = queue.shift()
    if (chunk === undefined || chunk.length <= stretch) return chunk
    queue.unshift(chunk.subarray(stretch))
    return chunk.subarray(0, stretch)
  }
  return {
    push: (chunks) => {
      isEnd = chunks === undefined
      queue = [...queue, ...(chunks ?? [])]
    },
    next: () => {
      if (isDone) return []
      while (queue.length > 0) {
        const items = decode(parse(take()))
        if (items instanceof InvalidResponse || items.length > 0) return items
      }
      isDone = isEnd
      return isDone ? decode(parse(undefined)) : []
    },
    isDone: () => isDone
  }
}
