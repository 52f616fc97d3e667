/** What a worker process is told, and what it reports, over the channel between parent and child. */
import type { RotationRecord } from "@keyfold/lifecycle/RotationStorage"
import type { KeyRef } from "@keyfold/core/ApiKey"
import type { BackendName } from "../chaos/backend.ts"
import type { Scale } from "../chaos/scale.ts"
import type { Path, Trap } from "./points.ts"

/** How a holder reads its secret: a file of its own, or a variable of an environment file. */
export type Place = "file" | "variable"

/** One rotation that a worker knows of. */
export interface Run {
  readonly name: string
  readonly path: Path
  readonly old: KeyRef
  readonly place: Place
  readonly trap?: Trap
}

/** What a worker is set up with. */
export interface Setup {
  readonly backend: BackendName
  /** Where the emulator listens, and a credential it accepts; the database's URL and pepper for `sql`. */
  readonly url: string
  readonly credential: string
  /** The database of rotations, journal and workflows; a SQLite file is embedded, PostgreSQL is shared by runners. */
  readonly state: string
  readonly secret: string
  readonly labelSecret: string
  /** Where the holders' files are. */
  readonly folder: string
  readonly scale: Scale
  /** How far off the process's clock is, in scaled milliseconds. */
  readonly clockOffset: number
  readonly takeOverAfter: number
  readonly runs: ReadonlyArray<Run>
  /** How many of them will stand at a trap. */
  readonly standing: number
}

/** What the parent sends. `arm` sets another trap, or none; `hold` stops a run at once, `thaw` lets all go on. */
export type ToWorker =
  | { readonly kind: "setup"; readonly setup: Setup }
  | { readonly kind: "start"; readonly runs: ReadonlyArray<string> }
  | { readonly kind: "arm"; readonly run: string; readonly trap?: Trap }
  | { readonly kind: "hold"; readonly run: string }
  | { readonly kind: "thaw" }
  | { readonly kind: "decide"; readonly run: string }
  | { readonly kind: "abort"; readonly run: string }
  | { readonly kind: "resume"; readonly run: string }
  | { readonly kind: "settle" }
  | { readonly kind: "exit" }

/** What a worker sends. */
export type FromWorker =
  | { readonly kind: "ready" }
  /** A run has come to its trap, and stands there. */
  | { readonly kind: "at"; readonly run: string; readonly point: string }
  /** A record was written. */
  | {
      readonly kind: "record"
      readonly run: string
      readonly status: RotationRecord["status"]
      readonly step: RotationRecord["step"]
      readonly label: string
    }
  | { readonly kind: "settled" }
  | { readonly kind: "failed"; readonly run: string; readonly problem: string }
  | { readonly kind: "log"; readonly text: string }
