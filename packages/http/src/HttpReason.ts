/**
 * From an HTTP status to a reason, once for all adapters.
 *
 * @since 0.1.0
 */
import {
  Conflict,
  InvalidRequest,
  NotFound,
  PermissionDenied,
  QuotaExceeded,
  RateLimited,
  Unauthenticated,
  Unavailable,
  type Reason
} from "@keyfold/core/KeyStoreError"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import { scrub } from "./Scrubber.ts"

/**
 * Holds a failed answer while its reason is found. Nothing of it enters an error but `detail`, and that only scrubbed.
 *
 * `text` is undefined where the body broke off or is longer than 64 KiB: then nobody can say that it was empty. `json`
 * is undefined where the body is not JSON. `detail` is the server's sentence wherever the body has one: a string `detail`
 * or `message`, the first `msg` of an array `detail`, or a short plain text.
 *
 * @category models
 * @since 0.1.0
 */
export interface HttpFailure {
  readonly status: number
  readonly text: string | undefined
  readonly json: unknown
  readonly detail: string | undefined
  readonly retryAfter: Duration.Duration | undefined
}

/**
 * Refines the shared table for one backend: a reason where the backend means something else by a status, undefined
 * where the table is right.
 *
 * @category models
 * @since 0.1.0
 */
export type Refine = (failure: HttpFailure) => Reason | undefined

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const property = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined

const detailOf = (text: string, json: unknown): string | undefined => {
  const detail = property(json, "detail")
  const candidates = [
    detail,
    Array.isArray(detail) ? property(detail[0], "msg") : undefined,
    property(json, "message"),
    json === undefined && text.length <= 300 && !text.trimStart().startsWith("<") ? text.trim() : undefined
  ]
  return candidates.find((candidate): candidate is string => typeof candidate === "string" && candidate !== "")
}

const longest = Duration.days(365)

const weekday = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
const longWeekday = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
const month = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
const time = "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d"
const year = "[1-9]\\d{3}"

/** The three forms of RFC 9110, each with its day of the month: IMF-fixdate, RFC 850 and asctime. */
const httpDates: ReadonlyArray<RegExp> = [
  `${weekday}, (\\d\\d) ${month} ${year} ${time} GMT`,
  `${longWeekday}, (\\d\\d)-${month}-\\d\\d ${time} GMT`,
  `${weekday} ${month} ([ \\d]\\d) ${time} ${year}`
].map((form) => new RegExp(`^${form}$`))

/** Reads an HTTP date. Left to itself the parser would read "-5" as a date, and 31 June as 1 July. */
const parseHttpDate = (text: string): DateTime.Utc | undefined => {
  const day = httpDates.map((form) => form.exec(text)?.[1]).find((found) => found !== undefined)
  const instant = day === undefined ? Option.none() : DateTime.make(text)
  return Option.isSome(instant) && DateTime.toPartsUtc(instant.value).day === Number(day)
    ? DateTime.toUtc(instant.value)
    : undefined
}

/**
 * Reads a Retry-After header: whole seconds or an HTTP date, measured from `now` (epoch milliseconds).
 *
 * A date in the past is no wait at all, and no wait is longer than a year. Anything else is undefined.
 *
 * @category combinators
 * @since 0.1.0
 */
export const parseRetryAfter = (value: string | undefined, now: number): Duration.Duration | undefined => {
  const text = value?.trim() ?? ""
  if (/^\d+$/.test(text)) return Duration.min(Duration.seconds(Number(text)), longest)
  const instant = parseHttpDate(text)
  return instant === undefined
    ? undefined
    : Duration.min(Duration.millis(Math.max(0, instant.epochMilliseconds - now)), longest)
}

/**
 * Reads a failed answer leniently: JSON or not, array or string `detail`, plain text, HTML, empty.
 *
 * @category constructors
 * @since 0.1.0
 */
export const readFailure = (
  status: number,
  text: string | undefined,
  retryAfter: string | undefined
): Effect.Effect<HttpFailure> =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    const json = text === undefined ? undefined : parseJson(text)
    return { status, text, json, detail: detailOf(text ?? "", json), retryAfter: parseRetryAfter(retryAfter, now) }
  })

const redirected = (host: string): InvalidRequest =>
  new InvalidRequest({
    field: "baseUrl",
    problem:
      `${host} answers with a redirect, which is not followed because the credential would travel along; ` +
      "set baseUrl to the address it redirects to, with the right scheme, path and slashes"
  })

/** The statuses that refuse what was asked for; any other refusal concerns the credential, the route or the server. */
const refusesInput = (status: number): boolean =>
  status === 400 || status === 405 || status === 406 || (status >= 410 && status <= 422)

/**
 * The server's own sentence. Several lines are a dump or a trace; where fewer than two words are left it explains nothing,
 * and one alone may be an echo.
 */
const sentenceOf = ({ detail, status }: HttpFailure, sent: Sent | undefined): string => {
  if (sent === undefined || detail === undefined || /[\r\n]/.test(detail.trim()) || !refusesInput(status)) return ""
  const sentence = scrub(detail, sent)
  const words = sentence.split(" ").filter((word) => /\p{L}/u.test(word.replaceAll("<redacted>", "")))
  return words.length > 1 ? `: ${sentence}` : ""
}

/**
 * Lists what a request held that its answer may echo: the credential and whatever the caller named.
 *
 * @category models
 * @since 0.1.0
 */
export type Sent = Iterable<string | Redacted.Redacted<string>>

/**
 * Finds the reason of a failed answer: the adapter's refinement first, then the table.
 *
 * The table: 3xx and 400, 405, 406, 410 to 422 `InvalidRequest`, 401 `Unauthenticated`, 402 `QuotaExceeded`, 403
 * `PermissionDenied`, 404 `NotFound`, 409 `Conflict`, 429 `RateLimited`, 408, 425 and 5xx `Unavailable`, any other
 * `InvalidRequest`. `host` is all of the URL that is ever shown.
 *
 * With `sent` the `InvalidRequest` of 400, 405, 406 and 410 to 422 repeats what the server says, after `Scrubber.scrub`
 * has taken out everything in `sent`. Nothing else of an answer is repeated.
 *
 * @category combinators
 * @since 0.1.0
 */
export const toReason = (failure: HttpFailure, host: string, refine?: Refine, sent?: Sent): Reason => {
  const { retryAfter, status } = failure
  const waiting = retryAfter === undefined ? {} : { retryAfter }
  // Browsers hide the status of a redirect that is not followed behind 0.
  if (status === 0 || (status >= 300 && status < 400)) return redirected(host)
  const refined = refine?.(failure)
  if (refined !== undefined) return refined
  if (status === 401) return new Unauthenticated({})
  if (status === 402) return new QuotaExceeded({})
  if (status === 403) return new PermissionDenied({})
  if (status === 404) return new NotFound({})
  if (status === 409) return new Conflict({})
  if (status === 429) return new RateLimited(waiting)
  if (status === 408 || status === 425 || status >= 500) return new Unavailable({ status, ...waiting })
  const problem = `the backend refused the request (status ${status})${sentenceOf(failure, sent)}`
  return new InvalidRequest({ problem })
}
