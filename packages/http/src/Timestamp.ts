/**
 * Reading the times that servers write.
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import { utc } from "./internal/utc.ts"

const shape = /^[+-]?\d{4,6}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?$/i
const zone = /(Z|[+-]\d{2}:?\d{2})$/i

/** The digit at one place, or NaN where there is anything else. */
const digit = (text: string, at: number): number => {
  const value = text.charCodeAt(at) - 0x30
  return value >= 0 && value <= 9 ? value : Number.NaN
}

const twoDigits = (text: string, at: number): number => digit(text, at) * 10 + digit(text, at + 1)

/** Milliseconds of the fraction from its point on, as a Date reads it: what is shorter than one is dropped. */
const fraction = (text: string, from: number, to: number): number => {
  if (from === to) return 0
  const length = to - from - 1
  if (length < 1 || length > 9 || text.charCodeAt(from) !== 0x2e) return Number.NaN
  let millis = 0
  for (let place = 1; place <= 3; place++) millis = millis * 10 + (place <= length ? digit(text, from + place) : 0)
  for (let place = 4; place <= length; place++) if (Number.isNaN(digit(text, from + place))) return Number.NaN
  return millis
}

/** Days from 1970 to a day of the Gregorian calendar; years begin in March here, so that a leap day is the last. */
const daysTo = (year: number, month: number, day: number): number => {
  const marchYear = month <= 2 ? year - 1 : year
  const dayOfYear = Math.floor((153 * (month <= 2 ? month + 9 : month - 3) + 2) / 5) + day - 1
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400)
  return marchYear * 365 + leapDays + dayOfYear - 719_468
}

/** The days that a month has in every year; none where there is no such month. */
const plainDays = (month: number): number => {
  if (month === 2) return 28
  if (month === 4 || month === 6 || month === 9 || month === 11) return 30
  return month >= 1 && month <= 12 ? 31 : 0
}

/**
 * Reads the form that most servers write, in UTC and on a day that every year has; NaN stands for any other, which is
 * read with more care. Lists are long, and this is the most of what reading one costs.
 */
const plainMillis = (text: string): number => {
  const isSeparated =
    text.charCodeAt(4) === 0x2d &&
    text.charCodeAt(7) === 0x2d &&
    text.charCodeAt(10) === 0x54 &&
    text.charCodeAt(13) === 0x3a &&
    text.charCodeAt(16) === 0x3a
  if (!isSeparated) return Number.NaN
  const end = text.charCodeAt(text.length - 1) === 0x5a ? text.length - 1 : text.length
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2)
  const month = twoDigits(text, 5)
  const day = twoDigits(text, 8)
  const hour = twoDigits(text, 11)
  const minute = twoDigits(text, 14)
  const second = twoDigits(text, 17)
  const isPlain = day >= 1 && day <= plainDays(month) && hour <= 23 && minute <= 59 && second <= 59
  const minutes = (daysTo(year, month, day) * 24 + hour) * 60 + minute
  return isPlain ? (minutes * 60 + second) * 1000 + fraction(text, 19, end) : Number.NaN
}

/**
 * Reads an ISO date and time; without a zone it is UTC, never the local zone of this process.
 *
 * A bare `new Date` would read zone-less text as local time. Text that is no time, `null` and an absent value are
 * undefined, so that one odd record does not lose a whole list.
 *
 * @category combinators
 * @since 0.1.0
 */
export const parseUtc = (text: string | null | undefined): DateTime.Utc | undefined => {
  if (text === null || text === undefined) return undefined
  const millis = plainMillis(text)
  if (!Number.isNaN(millis)) return utc(millis)
  if (!shape.test(text)) return undefined
  const separated = text.replace(" ", "T")
  // ECMAScript wants six digits in a signed year; Java writes five.
  const padded = /^\d/.test(separated)
    ? separated
    : separated.replace(/^.(\d+)/, (year) => `${year[0]}${year.slice(1).padStart(6, "0")}`)
  return Option.getOrUndefined(DateTime.make(zone.test(padded) ? padded : `${padded}Z`))
}

/**
 * Reads an ISO date and time that states its zone; zone-less text is undefined, because nobody says whose clock it is.
 *
 * @category combinators
 * @since 0.1.0
 */
export const parseZoned = (text: string | null | undefined): DateTime.Utc | undefined =>
  text !== null && text !== undefined && zone.test(text.slice(11)) ? parseUtc(text) : undefined
