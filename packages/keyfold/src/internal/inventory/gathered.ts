/** Output that is gathered into few writes: a write for each batch of keys costs more than what it writes. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Output, OutputClosed } from "../../Shell.ts"

/** An output, and what writes the rest. */
export interface Gathered {
  readonly output: Output
  readonly flush: Effect.Effect<void, OutputClosed>
}

/** So much is written at once, and sooner where the last write is so long ago. */
const most = 64 * 1024
const longest = 100

/** Gathers what is written to an output. A terminal gets everything at once: somebody looks at it. */
export const make = (output: Output): Gathered => {
  if (output.isTerminal) return { output, flush: Effect.void }
  let waiting: Array<string> = []
  let length = 0
  let wroteAt = Number.NEGATIVE_INFINITY
  const flush = Effect.suspend(() => {
    if (length === 0) return Effect.void
    const text = waiting.join("")
    waiting = []
    length = 0
    return output.write(text)
  })
  return {
    flush,
    output: {
      isTerminal: output.isTerminal,
      color: output.color,
      get columns() {
        return output.columns
      },
      write: (text) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          waiting.push(text)
          length += text.length
          if (length < most && now - wroteAt < longest) return Effect.void
          wroteAt = now
          return flush
        })
    }
  }
}
