/**
 * Names one intended create across retries, restarts and machines.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as crypto from "./internal/crypto.ts"

/**
 * Names one intended create: 1 to 255 printable ASCII characters, chosen by the caller or generated.
 *
 * Reuse the same id to repeat the same intent. A new intent needs a new id.
 *
 * @category schemas
 * @since 0.1.0
 */
export const OperationId = Schema.String.check(
  Schema.isPattern(/^[\x21-\x7e]{1,255}$/, { expected: "1 to 255 printable ASCII characters without spaces" })
).pipe(Schema.brand("@keyfold/core/OperationId"))

/**
 * The type of an operation id.
 *
 * @category models
 * @since 0.1.0
 */
export type OperationId = typeof OperationId.Type

/**
 * Generates an operation id of 128 random bits from Web Crypto, written as 22 base64url characters after `op_`.
 *
 * Effect's `Random` is not used: a seeded test run must never repeat the ids of another run.
 *
 * @category constructors
 * @since 0.1.0
 */
export const generate: Effect.Effect<OperationId> = Effect.sync(() => OperationId.make(`op_${crypto.randomText(16)}`))
