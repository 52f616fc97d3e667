/**
 * Reading the times that servers write.
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"

const shape = /^[+-]?\d{4,6}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?$/i
const zone = /(Z|[+-]\d{2}:?\d{2})$/i

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
  if (text === null || text === undefined || !shape.test(text)) return undefined
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
