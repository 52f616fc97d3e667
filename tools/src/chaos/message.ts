/** What a worker process is told, and what it reports, over the channel between parent and child. */
import type { BackendName } from "./backend.ts"
import type { Scale } from "./scale.ts"

/**
 * A point of a create where a process can be ended, stopped or interrupted.
 *
 * `claimed`: the journal gave the operation, nothing is sent. `arrived`, `committed`: the backend has the request, or has
 * acted on it, and has not answered. `answered`: the key is known, the journal does not know it. `minted`: the journal
 * knows, nobody holds the secret. `put`: the sink has it, the journal does not know. `delivered`: all is done but the
 * return. `looking`, `revoking`: a lost attempt is being reconciled, before its list or after a revoke. `recovering`:
 * `recover` has revoked. `returning`: the driver's answer is about to be returned to the create.
 */
export type Point =
  | "claimed"
  | "arrived"
  | "committed"
  | "answered"
  | "minted"
  | "put"
  | "delivered"
  | "looking"
  | "revoking"
  | "recovering"
  | "returning"

/**
 * What happens at the point: the process is killed, ends itself without finalizers, is stopped for longer than its lease
 * and continued, or the create is interrupted.
 */
export type Fate = "kill" | "exit" | "stop" | "interrupt"

/** A point and what happens there, once. */
export interface Trap {
  readonly point: Point
  readonly fate: Fate
}

/**
 * Who is to hold the secret: the caller, which is the parent process; a file as `SecretSink.file` writes it; or a record,
 * a sink of the campaign's own.
 */
export type Holder = { readonly kind: "caller" } | { readonly kind: "file" | "record"; readonly path: string }

/** One create or recovery that a worker is asked for. */
export interface Task {
  readonly kind: "create" | "recover"
  readonly operationId: string
  readonly holder: Holder
  readonly trap?: Trap
  /** Interrupts the create after that much scaled time. */
  readonly interruptAfter?: number
}

/** A database and what is needed to open it. */
export interface Database {
  readonly url: string
  readonly secret: string
}

/** What a worker is set up with. */
export interface Setup {
  readonly backend: BackendName
  /** Where the emulator listens, and a credential it accepts; the database's URL and pepper for `sql`. */
  readonly url: string
  readonly credential: string
  /** Absent: the store has no journal. */
  readonly journal?: Database
  readonly labelSecret: string
  readonly scale: Scale
  /** How far off the process's clock is, in scaled milliseconds. */
  readonly clockOffset: number
  readonly seed: number
  /** How often the driver of a database loses an answer, and operations whose first answer it certainly loses. */
  readonly losses: number
  readonly lost: ReadonlyArray<string>
}

/** What the parent sends. */
export type ToWorker =
  | { readonly kind: "setup"; readonly setup: Setup }
  | { readonly kind: "task"; readonly task: Task }
  | { readonly kind: "go"; readonly operationId: string }
  | { readonly kind: "sweep" }
  | { readonly kind: "audit" }
  | { readonly kind: "close" }
  | { readonly kind: "exit" }

/** How a create or a recovery ended. */
export type Result =
  | { readonly kind: "held"; readonly keyId: string; readonly secret?: string }
  | { readonly kind: "failed"; readonly reason: string; readonly isHeldElsewhere: boolean; readonly problem: string }
  | { readonly kind: "recovered"; readonly outcome: "delivered" | "underWay" | "cleared" | "candidates" | "unknown" }

/** What the journal says when all is over. */
export interface Audit {
  readonly intact: boolean
  readonly entries: number
  readonly states: Readonly<Record<string, number>>
}

/** What a worker sends. Times are the machine's, in epoch milliseconds. */
export type FromWorker =
  | { readonly kind: "ready" }
  | { readonly kind: "at"; readonly operationId: string; readonly point: Point }
  | { readonly kind: "done"; readonly operationId: string; readonly result: Result }
  | { readonly kind: "gaveUp"; readonly operationId: string; readonly nonce: string; readonly at: number }
  | { readonly kind: "lost"; readonly how: string }
  /** A sink has returned; `took` is the machine's milliseconds. */
  | { readonly kind: "delivery"; readonly operationId: string; readonly took: number }
  | { readonly kind: "swept"; readonly underWay: number; readonly failed: number; readonly revoked: number }
  | { readonly kind: "sweepFailed"; readonly reason: string }
  | { readonly kind: "audited"; readonly audit: Audit }
  | { readonly kind: "closing" }
  | { readonly kind: "log"; readonly text: string }
