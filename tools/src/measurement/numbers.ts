/** Numbers as tables show them. */
import { compare, summarize, type Summary } from "./statistics.ts"

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

/** The heads of what `rateCells` writes, where the client that all are compared with is called `reference`. */
export const rateHeads = (reference: string): ReadonlyArray<string> => [
  "per second",
  "least to most",
  `to ${reference}`,
  "least to most"
]

/** Writes rates, round by round, and how they compare with those of the same rounds that all are compared with. */
export const rateCells = (rates: ReadonlyArray<number>, reference: ReadonlyArray<number>): ReadonlyArray<string> => {
  const [rate, compared] = [summarize(rates), compare(rates, reference)]
  return [
    figure(rate.median),
    `${figure(rate.least)} to ${figure(rate.most)}`,
    times(compared.median),
    `${compared.least.toFixed(2)} to ${compared.most.toFixed(2)}`
  ]
}

/** Writes the median of what every round has. */
export const middleOf = <Reading>(readings: ReadonlyArray<Reading>, one: (reading: Reading) => number): string =>
  figure(summarize(readings.map(one)).median)
