/** A line on a terminal that says how far a bulk revocation got. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { Shell } from "../../Shell.ts"
import { count, number } from "../inventory/told.ts"
import { cut } from "../text.ts"

/** How far a run got. */
export interface Standing {
  readonly planned: number
  readonly done: number
  readonly failed: number
}

/** What shows it. */
export interface Progress {
  readonly update: (standing: Standing) => Effect.Effect<void>
  readonly clear: Effect.Effect<void>
}

const cells = 24
const pause = 100

const line = ({ done, failed, planned }: Standing): string => {
  const full = planned === 0 ? cells : Math.floor((done / planned) * cells)
  const trouble = failed === 0 ? "" : `, ${number(failed)} failed`
  return `[${"#".repeat(full)}${".".repeat(cells - full)}] ${number(done)} of ${count(planned, "key")}${trouble}`
}

/** Makes the line; none where standard error is no terminal, or nobody wants it. */
export const make = (isWanted: boolean): Effect.Effect<Progress, never, Shell> =>
  Effect.map(Shell, ({ stderr }): Progress => {
    if (!isWanted || !stderr.isTerminal) return { update: () => Effect.void, clear: Effect.void }
    let drawnAt = Number.NEGATIVE_INFINITY
    const write = (text: string) =>
      Effect.ignore(stderr.write(`\r\u001b[2K${cut(text, Math.max(1, stderr.columns - 1))}`))
    return {
      clear: Effect.suspend(() => (drawnAt === Number.NEGATIVE_INFINITY ? Effect.void : write(""))),
      update: (standing) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          if (now - drawnAt < pause) return Effect.void
          drawnAt = now
          return write(line(standing))
        })
    }
  })
