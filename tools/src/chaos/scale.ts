/** Time that runs faster than the machine's, by one factor for everything: bounds, leases, timeouts, lags and delays. */
import type { Clock } from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/** A scaled time equals the machine's at `origin` and runs `factor` times as fast from there; epoch milliseconds. */
export interface Scale {
  readonly origin: number
  readonly factor: number
}

/** The machine's time in epoch milliseconds with a fraction: a whole millisecond may be a second of scaled time. */
export const realNow = (): number => performance.timeOrigin + performance.now()

/** The scaled time at an instant of the machine's. */
export const toScaled = ({ factor, origin }: Scale, real: number = realNow()): number =>
  origin + (real - origin) * factor

/** The machine's time at an instant of scaled time. */
export const toReal = ({ factor, origin }: Scale, scaled: number): number => origin + (scaled - origin) / factor

/** Waits on the machine's clock. */
export const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => void setTimeout(resolve, milliseconds))

/** Waits that many milliseconds of scaled time. */
export const pauseScaled = ({ factor }: Scale, milliseconds: number): Promise<void> => pause(milliseconds / factor)

/** A process's clock for Effect: scaled time, off by that many milliseconds as machines' clocks are. */
export const clockOf = (scale: Scale, offset: number): Clock => {
  const millis = () => Math.trunc(toScaled(scale) + offset)
  const nanos = () => BigInt(millis()) * 1_000_000n
  const monotonic = () => BigInt(Math.trunc(performance.now() * scale.factor * 1_000_000))
  return {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: monotonic,
    monotonicTimeNanos: Effect.sync(monotonic),
    sleep: (duration) => {
      const milliseconds = Duration.toMillis(duration) / scale.factor
      if (milliseconds <= 0) return Effect.yieldNow
      if (!Number.isFinite(milliseconds)) return Effect.never
      return Effect.callback((resume) => {
        const timer = setTimeout(() => resume(Effect.void), milliseconds)
        return Effect.sync(() => clearTimeout(timer))
      })
    }
  }
}
