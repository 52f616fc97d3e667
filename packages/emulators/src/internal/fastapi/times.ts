/** Times as Python's ISO format writes them. */

/** Writes wall-clock time at an offset, without zone: 6 fraction digits, none when the fraction is zero. */
export const wallClock = (epochMilliseconds: number, offsetMinutes = 0): string => {
  const [seconds = "", fraction = ""] = new Date(epochMilliseconds + offsetMinutes * 60_000)
    .toISOString()
    .replace("Z", "")
    .split(".")
  return fraction === "000" ? seconds : `${seconds}.${fraction}000`
}
