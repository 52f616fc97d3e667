/**
 * A secret an adapter needs: the value itself, kept from view, or an effect that obtains it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { DriverError } from "./Driver.ts"
import { Unauthenticated } from "./KeyStoreError.ts"

/**
 * Holds a secret as a `Redacted` value, or as an effect that produces one each time it is needed, for credentials that
 * live shorter than the program.
 *
 * What such an effect fails with is dropped, because its text may hold the secret.
 *
 * @category models
 * @since 0.1.0
 */
export type Secret = Redacted.Redacted<string> | Effect.Effect<Redacted.Redacted<string>, unknown>

/**
 * Tells whether a value is a secret in one of its two forms.
 *
 * @category guards
 * @since 0.1.0
 */
export const isSecret = (value: unknown): value is Secret => Redacted.isRedacted(value) || Effect.isEffect(value)

const expected = "a reference to a secret: { env: NAME }, { file: path } or { command: [program, argument] }"

/**
 * Accepts a secret among an adapter's options and refuses a literal.
 *
 * In a configuration file a secret is a reference, `{ env: NAME }`, `{ file: path }` or `{ command: [program, ...] }`,
 * resolved before the options are decoded.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Secret = Schema.declare<Secret>(isSecret, {
  identifier: "@keyfold/core/Secret",
  expected,
  // The identifier would stand in for `expected` in a decode error.
  message: `Expected ${expected}`
})

/**
 * Obtains the value of a secret for one request; fails `Unauthenticated`, unsent, where that is impossible.
 *
 * @category combinators
 * @since 0.1.0
 */
export const resolve = (secret: Secret): Effect.Effect<Redacted.Redacted<string>, DriverError> =>
  Redacted.isRedacted(secret)
    ? Effect.succeed(secret)
    : Effect.mapError(
        secret,
        () =>
          new DriverError({
            reason: new Unauthenticated({ problem: "the store's credential could not be obtained" }),
            sent: "no"
          })
      )
