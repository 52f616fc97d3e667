/** Numbers as tables show them. */
import type { Summary } from "./statistics.ts"

/** A number with its thousands apart. */
export const group = (value: number, digits = 0): string =>
  value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })

/** A number with about three digits that count; a dash where there is none. */
export const short = (value: number): string =>
  Number.isFinite(value) ? group(value, value >= 100 ? 0 : value >= 10 ? 1 : 2) : "-"

/** The least and the greatest of some values. */
export const range = ({ least, most }: Summary): string => `${short(least)} to ${short(most)}`
