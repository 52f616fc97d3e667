/** Following rotations: a line on a terminal, or an event for programs. */
import type { RotationError } from "@keyfold/lifecycle/Rotation"
import type { RotationRecord } from "@keyfold/lifecycle/RotationStorage"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type OutputClosed, Shell } from "../../Shell.ts"
import { printJson } from "../print.ts"
import { cut } from "../text.ts"
import { line, plain } from "./told.ts"

/** What shows how far rotations got. */
export interface Progress {
  readonly show: (record: RotationRecord) => Effect.Effect<void, OutputClosed, Shell>
  readonly clear: Effect.Effect<void>
}

/** Makes the line of a terminal, or prints an event for each change. */
export const progress = (json: boolean): Effect.Effect<Progress, never, Shell> =>
  Effect.map(Shell, ({ stderr }): Progress => {
    if (json) {
      const shown = new Map<string, string>()
      return {
        show: (record) =>
          Effect.suspend(() => {
            const { updatedAt, ...told } = plain(record)
            const text = JSON.stringify(told)
            if (shown.get(record.id) === text) return Effect.void
            shown.set(record.id, text)
            return printJson({ event: "rotation", ...told, updatedAt })
          }),
        clear: Effect.void
      }
    }
    if (!stderr.isTerminal) return { show: () => Effect.void, clear: Effect.void }
    let isDrawn = false
    const write = (text: string) =>
      Effect.ignore(stderr.write(`\r\u001b[2K${cut(text, Math.max(1, stderr.columns - 1))}`))
    return {
      show: (record) =>
        Effect.suspend(() => {
          isDrawn = true
          return write(line(record))
        }),
      clear: Effect.suspend(() => (isDrawn ? write("") : Effect.void))
    }
  })

/** Follows rotations to the end of the stream, and returns each as it was last. */
export const follow = Effect.fnUntraced(function* (
  records: Stream.Stream<RotationRecord, RotationError>,
  { clear, show }: Progress
): Effect.fn.Return<ReadonlyArray<RotationRecord>, RotationError | OutputClosed, Shell> {
  const last = new Map<string, RotationRecord>()
  yield* Stream.runForEach(records, (record) => {
    last.set(record.id, record)
    return show(record)
  }).pipe(Effect.ensuring(clear))
  return [...last.values()]
})
