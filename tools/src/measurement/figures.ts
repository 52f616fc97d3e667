/** Numbers as people read them. */
import { compare, summarize } from "./statistics.ts"

/** Writes a number with as many digits as mean something: three, or all before the point. */
export const figure = (value: number): string => {
  if (!Number.isFinite(value)) return "-"
  const digits = value === 0 ? 0 : Math.min(3, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))))
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })
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
