/** What every format does: writes keys as they come, sources as they end, and what is to come last. */
import type { KeyEvent, StoreDone, Summary } from "@keyfold/lifecycle/Inventory"
import type * as Effect from "effect/Effect"
import type { OutputClosed, Shell } from "../../Shell.ts"

/** Writes something. */
export type Writing = Effect.Effect<void, OutputClosed, Shell>

/** One format. What it writes of a batch of keys is written before the next batch is read. */
export interface Format {
  readonly begin: Writing
  readonly keys: (events: ReadonlyArray<KeyEvent>) => Writing
  readonly source: (done: StoreDone) => Writing
  readonly end: (summary: Summary) => Writing
}
