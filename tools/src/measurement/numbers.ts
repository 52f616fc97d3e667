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

/** Writes a number with as many digits as mean something: three, or all before the point. */
export const figure = (value: number): string => {
  if (!Number.isFinite(value)) return "-"
  const digits = value === 0 ? 0 : Math.min(3, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))))
  return group(value, digits)
}

/** Writes how many times as much as another a value is. */
export const times = (value: number): string => (Number.isFinite(value) ? `${value.toFixed(2)} ×` : "-")
