/** Times as the protocols write them. */
import * as DateTime from "effect/DateTime"

/**
 * Stands for a time the store does not know, where the protocol needs one. No key is that old, so that nobody takes it for
 * a real time.
 */
export const unknown = DateTime.makeUnsafe(0)

/** Writes UTC without a zone, 0 to 3 digits of a second without trailing zeros: as WhyLabs does. */
export const trimmed = (time: DateTime.Utc): string =>
  new Date(time.epochMilliseconds)
    .toISOString()
    .replace(/^\+0*/, "+")
    .replace(/\.?0*Z$/, "")

/** Writes UTC without a zone, 6 digits of a second or none where they are zero: as Python does. */
export const python = (time: DateTime.Utc): string => {
  const [seconds = "", fraction = "000Z"] = new Date(time.epochMilliseconds).toISOString().split(".")
  return fraction === "000Z" ? seconds : `${seconds}.${fraction.slice(0, 3)}000`
}
