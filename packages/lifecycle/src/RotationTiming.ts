/**
 * How long the steps of a rotation may take.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"

/**
 * Bounds the steps of every rotation.
 *
 * - `within`: one create at the backend, `CreateOptions.within`.
 * - `effectiveWithin`: how long a new key may take to work, beyond the bound the backend states for its visibility.
 * - `lease`: how long nobody else may go on after the process that works on a step went away. `mint` computes its own.
 * - `margin`: what a lease covers beyond what is planned. A process that stood still for longer hands nothing over.
 * - `firstRetry`, `longestRetry`: the pauses between attempts at a step; each is twice the one before.
 *
 * @category models
 * @since 0.1.0
 */
export interface Timing {
  readonly within: Duration.Duration
  readonly effectiveWithin: Duration.Duration
  readonly lease: Duration.Duration
  readonly margin: Duration.Duration
  readonly firstRetry: Duration.Duration
  readonly longestRetry: Duration.Duration
}

/**
 * The timing of rotations that say nothing else: 30 seconds for a create and for a key to work, leases of a minute with
 * 10 seconds to spare, pauses from 5 seconds to an hour.
 *
 * @category options
 * @since 0.1.0
 */
export const defaultTiming: Timing = {
  within: Duration.seconds(30),
  effectiveWithin: Duration.seconds(30),
  lease: Duration.minutes(1),
  margin: Duration.seconds(10),
  firstRetry: Duration.seconds(5),
  longestRetry: Duration.hours(1)
}

/**
 * Overrides the timing of the rotations below it.
 *
 * @category services
 * @since 0.1.0
 */
export const RotationTiming: Context.Reference<Timing> = Context.Reference<Timing>(
  "@keyfold/lifecycle/RotationTiming",
  { defaultValue: () => defaultTiming }
)
