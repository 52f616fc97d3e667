/** Numbers as people read them. */

/** Writes a number with as many digits as mean something: three, or all before the point. */
export const figure = (value: number): string => {
  if (!Number.isFinite(value)) return "-"
  const digits = value === 0 ? 0 : Math.min(3, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))))
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/** Writes how many times as much as another a value is. */
export const times = (value: number): string => (Number.isFinite(value) ? `${value.toFixed(2)} ×` : "-")
