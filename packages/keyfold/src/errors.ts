/**
 * What the Promise API rejects with: the errors of `@keyfold/core`, which are classes, so `instanceof` works.
 *
 * Every call of a store rejects with a `KeyStoreError`; `switch (error.reason._tag)` tells what happened. It rejects with
 * a `ConfigurationError` where the store itself cannot be had, such as for a tenant nobody configured.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"

export { ConfigurationError } from "@keyfold/core/ConfigurationError"
export {
  Conflict,
  InvalidRequest,
  InvalidResponse,
  isKeyStoreError,
  KeyStoreError,
  Network,
  NotDelivered,
  NotFound,
  type Operation,
  OutcomeUnknown,
  PermissionDenied,
  QuotaExceeded,
  RateLimited,
  type Reason,
  Timeout,
  Unauthenticated,
  Unavailable,
  Unsupported
} from "@keyfold/core/KeyStoreError"

/**
 * Rejects every call that comes after `close`.
 *
 * @category errors
 * @since 0.1.0
 */
export class KeysClosedError extends Error {
  override readonly name = "KeysClosedError"
  constructor() {
    super("the keys were closed; call open again, or close them later.")
  }
}

/**
 * Rejects a call that met a defect: a bug, in keyfold or in an adapter.
 *
 * It holds where that happened and nothing else, because a defect's text may hold anything, a secret included.
 *
 * @category errors
 * @since 0.1.0
 */
export class UnexpectedError extends Error {
  override readonly name = "UnexpectedError"
  constructor() {
    super("something happened that must not happen. This is a bug in keyfold or in the adapter; please report it.")
  }
}

/**
 * Tells how many milliseconds the backend asked to wait, where it said so.
 *
 * @category combinators
 * @since 0.1.0
 */
export const retryAfterMilliseconds = ({ retryAfter }: KeyStoreError): number | undefined =>
  retryAfter === undefined ? undefined : Duration.toMillis(retryAfter)
