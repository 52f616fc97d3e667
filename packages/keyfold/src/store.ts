/**
 * A store of API keys, as promises.
 *
 * @since 0.1.0
 */
import type { Sink } from "@keyfold/core/Sink"
import type {
  ApiKey,
  DeliveredKey,
  Filter,
  IssuedKey,
  KeyRef,
  KeyReference,
  KeySpec,
  KeyUsage,
  Page,
  PageRequest,
  Recovery,
  Revocation,
  StoreDescription,
  Sweep,
  TimeSpan,
  Verification
} from "./models.ts"
import type { Secret } from "./secret.ts"

/**
 * Lets a call be given up. The call then rejects with the signal's reason, once what it was doing has ended.
 *
 * @category options
 * @since 0.1.0
 */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

/**
 * Names one create.
 *
 * `operationId` is generated when omitted; reuse it to repeat the same intent. `within` (30 seconds when omitted) bounds
 * the whole call: what cannot be settled by then rejects with `OutcomeUnknown`.
 *
 * @category options
 * @since 0.1.0
 */
export interface CreateOptions extends CallOptions {
  readonly operationId?: string | undefined
  readonly within?: TimeSpan | undefined
}

/**
 * Takes the secret of a new key to where it belongs. Its promise must resolve only once the secret is safely there.
 *
 * It has 30 seconds; `signal` is aborted when they are over, or when the create is given up.
 *
 * @category models
 * @since 0.1.0
 */
export type Deliver = (issued: IssuedKey, context: { readonly signal: AbortSignal }) => unknown

/**
 * Says where the secret of a new key goes: to a function, or into a `Sink`, such as those of `@keyfold/node/SecretSink`.
 *
 * Where it cannot be taken there, the key is revoked again and the create rejects with `NotDelivered`. What `deliver`
 * throws is not passed on, because its text may hold the secret.
 *
 * @category options
 * @since 0.1.0
 */
export type DeliveryOptions = CreateOptions &
  ({ readonly deliver: Deliver; readonly sink?: undefined } | { readonly sink: Sink; readonly deliver?: undefined })

/**
 * Says where the secret may have been put: the sink is asked which key it holds before a key is given up.
 *
 * @category options
 * @since 0.1.0
 */
export interface RecoverOptions extends CallOptions {
  readonly sink?: Sink | undefined
}

/**
 * Says which orphans to look for: only operations last heard of `olderThan` ago. A `dryRun` revokes nothing.
 *
 * @category options
 * @since 0.1.0
 */
export interface SweepOptions extends RecoverOptions {
  readonly olderThan?: TimeSpan | undefined
  readonly dryRun?: boolean | undefined
}

/**
 * Manages the API keys of one tenant, or of one store of the configuration.
 *
 * Each call opens the store, or joins those who have it open, and lets go of it at its end, so that a reload takes effect
 * at the next call. Calls reject with `KeyStoreError`, or with `ConfigurationError` where the store cannot be had.
 *
 * - `create` gives the key with its secret, once; with `deliver` or `sink` the secret goes there and nowhere else.
 * - `list` gives every key the filter asks for; nothing is read before the first `next`, and `break` stops the reading.
 *   `listPage` serves callers that keep no state.
 * - `revoke` withdraws a key for good. Revoking twice succeeds where the backend still knows the key.
 * - `verify` asks the backend whether a secret is valid; `identify` reads the key's id from the secret's own format, without
 *   any request, where the format carries it.
 * - `recover` tells what became of one create, and `sweepOrphans` finds keys that nobody holds.
 *
 * @category services
 * @since 0.1.0
 */
export interface Store {
  create(spec: KeySpec, options: DeliveryOptions): Promise<DeliveredKey>
  create(spec?: KeySpec, options?: CreateOptions): Promise<IssuedKey>
  get(key: KeyReference, options?: CallOptions): Promise<ApiKey>
  list(filter?: Filter, options?: CallOptions): AsyncIterable<ApiKey>
  listPage(request?: PageRequest, options?: CallOptions): Promise<Page>
  revoke(key: KeyReference, options?: CallOptions): Promise<Revocation>
  usage(key: KeyReference, options?: CallOptions): Promise<KeyUsage>
  verify(secret: string | Secret, options?: CallOptions): Promise<Verification>
  recover(operationId: string, options?: RecoverOptions): Promise<Recovery>
  sweepOrphans(options?: SweepOptions): Promise<Sweep>
  identify(secret: string | Secret, options?: CallOptions): Promise<KeyRef | undefined>
  describe(options?: CallOptions): Promise<StoreDescription>
}
