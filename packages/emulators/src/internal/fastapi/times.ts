/** Times as Python's ISO format writes them. */
import { remembered } from "../remembered.ts"

const withoutZone = remembered((epochMilliseconds) => {
  const [seconds = "", fraction = ""] = new Date(epochMilliseconds).toISOString().replace("Z", "").split(".")
  return fraction === "000" ? seconds : `${seconds}.${fraction}000`
})

/** Writes wall-clock time at an offset, without zone: 6 fraction digits, none when the fraction is zero. */
export const wallClock = (epochMilliseconds: number, offsetMinutes = 0): string =>
  withoutZone(epochMilliseconds + offsetMinutes * 60_000)
