/** A bar on a terminal while an inventory runs; out of the way of whatever else is written there. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { type Output, Shell } from "../../Shell.ts"
import { cut } from "../text.ts"
import { count, number } from "./told.ts"

/** What the bar shows. */
export interface Progress {
  readonly update: (keys: number, ended: number) => Effect.Effect<void>
  readonly clear: Effect.Effect<void>
  /** The shell to write with while the bar is there. */
  readonly shell: Shell["Service"]
}

const cells = 24
const pause = 100

const bar = (share: number): string => {
  const full = Math.round(share * cells)
  return `[${"#".repeat(full)}${".".repeat(cells - full)}]`
}

const erase = "\r\u001b[2K"

/** Keeps text written beside the bar from running into it. */
const beside = (output: Output, clear: Effect.Effect<void>): Output =>
  output.isTerminal
    ? {
        isTerminal: output.isTerminal,
        color: output.color,
        get columns() {
          return output.columns
        },
        write: (text) => Effect.andThen(clear, output.write(text))
      }
    : output

/** Makes a bar for so many sources; none where standard error is no terminal. */
export const make = Effect.fnUntraced(function* (
  sources: number,
  wanted: boolean
): Effect.fn.Return<Progress, never, Shell> {
  const shell = yield* Shell
  const { stderr, stdout } = shell
  if (!stderr.isTerminal || !wanted) return { update: () => Effect.void, clear: Effect.void, shell }
  let isShown = false
  let drawnAt = Number.NEGATIVE_INFINITY
  const clear = Effect.suspend(() => {
    if (!isShown) return Effect.void
    isShown = false
    return Effect.ignore(stderr.write(erase))
  })
  const draw = (text: string) =>
    Effect.suspend(() => {
      isShown = true
      return Effect.ignore(stderr.write(`${erase}${cut(text, Math.max(1, stderr.columns - 1))}`))
    })
  return {
    clear,
    shell: { ...shell, stdout: beside(stdout, clear), stderr: beside(stderr, clear) },
    update: Effect.fnUntraced(function* (keys, ended) {
      const now = yield* Clock.currentTimeMillis
      if (isShown && now - drawnAt < pause) return
      drawnAt = now
      const share = sources === 0 ? 1 : ended / sources
      yield* draw(`${bar(share)} ${number(ended)} of ${count(sources, "source")}, ${count(keys, "key")}`)
    })
  }
})
