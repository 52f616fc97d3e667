/**
 * Finishing what a create left behind: after a lost answer, a crash, or a process that never came back.
 *
 * @since 0.1.0
 */
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { ApiKey, KeyRef } from "./ApiKey.ts"
import type { OperationId } from "./OperationId.ts"
import type { Sink } from "./Sink.ts"

/**
 * Says where the secret may have been put: the sink is asked which key it holds before a key is given up.
 *
 * @category options
 * @since 0.1.0
 */
export interface RecoverOptions {
  readonly sink?: Sink
}

/**
 * Tells what became of one operation.
 *
 * - `delivered`: somebody holds `key`. Nothing was changed.
 * - `underWay`: another sender is at work on it, until then at the latest. Nothing was changed.
 * - `cleared`: certainly no live key is left; `revoked` are those that were found and revoked. The operation id may be
 *   used again.
 * - `candidates`: without a journal nobody knows which keys reached a holder. These bear the operation's mark; look at
 *   them, and revoke what nobody holds yourself.
 * - `unknown`: nothing bears its mark, and no journal knows it.
 *
 * @category models
 * @since 0.1.0
 */
export type Recovery =
  | { readonly kind: "delivered"; readonly key: KeyRef | undefined }
  | { readonly kind: "underWay"; readonly until: DateTime.Utc }
  | { readonly kind: "cleared"; readonly revoked: ReadonlyArray<KeyRef> }
  | { readonly kind: "candidates"; readonly keys: ReadonlyArray<ApiKey> }
  | { readonly kind: "unknown" }

/**
 * Says which orphans to look for.
 *
 * - `olderThan`: only operations last heard of that long ago; all whose lease has run out when omitted.
 * - `dryRun`: finds and reports, revokes nothing and writes nothing.
 * - `sink`: asked which key it holds before one is taken for an orphan.
 * - `onOrphan`: told of each orphan once its fate is known, for programs that show how far a long sweep got.
 *
 * @category options
 * @since 0.1.0
 */
export interface SweepOptions extends RecoverOptions {
  readonly olderThan?: Duration.Input
  readonly dryRun?: boolean
  readonly onOrphan?: (orphan: Orphan) => Effect.Effect<void>
}

/**
 * Describes one live key that nobody holds, and what became of it: `found` in a dry run, `revoked`, or `failed` with the
 * reason; a later sweep tries again.
 *
 * @category models
 * @since 0.1.0
 */
export interface Orphan {
  readonly key: KeyRef
  readonly operationId: OperationId
  readonly fate: "found" | "revoked" | "failed"
  readonly problem?: string
}

/**
 * Reports a sweep.
 *
 * - `scanned`: keys the backend listed. `orphans`: those nobody holds.
 * - `delivered`: operations a sink turned out to hold the key of.
 * - `underWay`: operations that were left alone because their sender may still be at work, or because this backend keeps no
 *   mark to find their keys by.
 * - `strangers`: marked keys the journal knows nothing of. They were left alone.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sweep {
  readonly dryRun: boolean
  readonly scanned: number
  readonly orphans: ReadonlyArray<Orphan>
  readonly delivered: ReadonlyArray<OperationId>
  readonly underWay: ReadonlyArray<OperationId>
  readonly strangers: ReadonlyArray<KeyRef>
}
