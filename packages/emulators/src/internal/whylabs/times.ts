/** Times on the wire: epoch milliseconds in, zone-less UTC text out. */
import { remembered } from "../remembered.ts"

/** The latest time this emulator can write; the backend's own limit is higher, and unknown. */
export const latestTime = 8_640_000_000_000_000

/** Writes a time as the backend does: no zone, 0 to 3 fraction digits without trailing zeros, `+` from year 10000. */
export const formatTime: (epochMilliseconds: number) => string = remembered((epochMilliseconds) =>
  new Date(epochMilliseconds)
    .toISOString()
    .replace(/^\+0*/, "+")
    .replace(/\.?0*Z$/, "")
)
