/** Long lists: printed as they come, in bounded memory. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type OutputClosed, Shell } from "../Shell.ts"
import { print } from "./print.ts"
import { body, type Cell, type Column, header, layout, type Layout } from "./table.ts"

/** What was printed: how many rows, and the columns there was no room for. */
export interface Printed {
  readonly count: number
  readonly dropped: ReadonlyArray<string>
}

/** The first rows settle the widths, so that a long list shows before it is complete. */
const settling = 100

/** Prints a table whose rows come from a stream; without rows nothing at all. */
export const printRows = Effect.fnUntraced(function* <A, E>(
  columns: ReadonlyArray<Column>,
  row: (item: A) => ReadonlyArray<Cell>,
  items: Stream.Stream<A, E>
): Effect.fn.Return<Printed, E | OutputClosed, Shell> {
  const { stdout } = yield* Shell
  let chosen: Layout | undefined
  let count = 0
  yield* Stream.runForEach(
    Stream.grouped(items, settling),
    Effect.fnUntraced(function* (batch) {
      const rows = batch.map(row)
      if (chosen === undefined) {
        chosen = layout(columns, rows, stdout)
        yield* print(header(chosen, columns, stdout))
      }
      count += batch.length
      yield* print(body(chosen, rows, stdout))
    })
  )
  return { count, dropped: chosen?.dropped ?? [] }
})

/** Says which columns had no room. */
export const noRoom = ({ dropped }: Printed): string =>
  dropped.length === 0 ? "" : ` No room for: ${dropped.join(", ").toLowerCase()}; use a wider terminal or --json.`
