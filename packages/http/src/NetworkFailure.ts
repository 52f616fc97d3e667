/**
 * What a failed connection proves about the request it was to carry.
 *
 * @since 0.1.0
 */
import { DriverError } from "@keyfold/core/Driver"
import { InvalidResponse, Network } from "@keyfold/core/KeyStoreError"

/** Failures that happen before the first byte of a request leaves (Node's and undici's codes, TLS verification). */
const beforeSending: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EAI_FAIL",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EADDRNOTAVAIL",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_PRX_CONN",
  "UND_ERR_PRX_TLS",
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "ERR_TLS_CERT_ALTNAME_INVALID"
])

interface Failure {
  readonly code: string
  readonly connected: boolean
}

const failureOf = (cause: unknown, depth = 0): Failure | undefined => {
  if (typeof cause !== "object" || cause === null || depth > 5) return undefined
  // Only codes shaped like the system's are kept: any other text could hold a URL.
  if ("code" in cause && typeof cause.code === "string" && /^[A-Z][A-Z0-9_]{2,63}$/.test(cause.code)) {
    // A lost route ends an open connection with the code of one that never opened.
    return {
      code: cause.code,
      connected: "syscall" in cause && (cause.syscall === "read" || cause.syscall === "write")
    }
  }
  const nested = "errors" in cause && Array.isArray(cause.errors) ? failureOf(cause.errors[0], depth + 1) : undefined
  return nested ?? ("cause" in cause ? failureOf(cause.cause, depth + 1) : undefined)
}

/**
 * Turns whatever a client threw into a `Network` failure that keeps the system's short code and nothing else.
 *
 * `sent` is `no` for refused connections, failed name lookups and failed TLS verification, `maybe` for all the rest.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromCause = (cause: unknown): DriverError => {
  const failure = failureOf(cause)
  return new DriverError({
    reason: new Network(failure === undefined ? {} : { code: failure.code }),
    sent: failure !== undefined && !failure.connected && beforeSending.has(failure.code) ? "no" : "maybe"
  })
}

/**
 * Reports a body that is longer than its bound.
 *
 * @category constructors
 * @since 0.1.0
 */
export const tooLong = (limit: number): DriverError =>
  new DriverError({
    reason: new InvalidResponse({ problem: `the answer is longer than ${limit} bytes` }),
    sent: "maybe"
  })
