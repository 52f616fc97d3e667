/** What answers of a server say about the way to it: facts of each exchange, without its address, headers and body. */
import type { TransportFactory, TransportRequest, TransportResponse } from "@keyfold/http/Transport"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { failure, ok, skipped, type Finding, warning } from "./finding.ts"

/** Where a redirect leads: to the same route with or without its last slash, from http to https, or elsewhere. */
type Redirect = "slash" | "scheme" | "elsewhere"

/** The facts of one exchange. Times are epoch milliseconds by this machine's clock; `date` is the server's. */
export interface Exchange {
  readonly began: number
  readonly ended: number
  readonly status: number
  readonly date: number | undefined
  readonly isPage: boolean
  readonly redirect: Redirect | undefined
}

const bare = ({ pathname }: URL): string => pathname.replace(/\/+$/, "")

const redirectOf = ({ url }: TransportRequest, { header, status }: TransportResponse): Redirect | undefined => {
  if (status < 300 || status > 399 || status === 304) return undefined
  const target = URL.parse(header("location") ?? "", url)
  if (target === null || bare(target) !== bare(url) || target.hostname !== url.hostname) return "elsewhere"
  return target.protocol === url.protocol ? (target.pathname === url.pathname ? "elsewhere" : "slash") : "scheme"
}

/** A cached answer has the time at which it was made. */
const dateOf = ({ header }: TransportResponse): number | undefined => {
  const date = Date.parse(header("date") ?? "")
  return Number.isNaN(date) || Number(header("age") ?? 0) > 0 ? undefined : date
}

/** Notes the facts of every exchange of the transports it makes. */
export const observing =
  (factory: TransportFactory, exchanges: Array<Exchange>): TransportFactory =>
  (options) =>
    Effect.map(factory(options), ({ execute }) => ({
      execute: Effect.fnUntraced(function* (request) {
        const began = yield* Clock.currentTimeMillis
        const response = yield* execute(request)
        exchanges.push({
          began,
          ended: yield* Clock.currentTimeMillis,
          status: response.status,
          date: dateOf(response),
          isPage: /^\s*(?:text\/html|application\/xhtml\+xml)\b/i.test(response.header("content-type") ?? ""),
          redirect: redirectOf(request, response)
        })
        return response
      })
    }))

const redirects: { readonly [Kind in Redirect]: readonly [message: string, fix: string] } = {
  slash: [
    "the server answers with a redirect to the same route with, or without, a slash at its end; keyfold follows none, because a redirected create may be carried out twice",
    "Something in front of the API rewrites its routes: let baseUrl name the API itself, or leave the routes alone there."
  ],
  scheme: [
    "the server answers with a redirect from http to https; keyfold follows none, because the credential has been sent in clear by then",
    "Write https in baseUrl."
  ],
  elsewhere: [
    "the server answers with a redirect to another address; keyfold follows none, because the credential is for this one only",
    "Let baseUrl name the address that the API has now. A redirect to a login page means that a proxy is in between."
  ]
}

/** Whether the address in the configuration is the API's own. */
export const address = (exchanges: ReadonlyArray<Exchange>): Finding => {
  const kinds = new Set(exchanges.map(({ redirect }) => redirect))
  const found = (["elsewhere", "scheme", "slash"] as const).find((kind) => kinds.has(kind))
  if (exchanges.length === 0) return skipped("address", "nothing answered")
  return found === undefined ? ok("address", "no redirects") : failure("address", ...redirects[found])
}

/** Whether a page for people, or a proxy, answered in place of the API. */
export const isIntercepted = (exchanges: ReadonlyArray<Exchange>): boolean =>
  exchanges.some(({ isPage, redirect, status }) => isPage || status === 407 || redirect !== undefined)

/** Whether it is the API that answers. */
export const answers = (exchanges: ReadonlyArray<Exchange>): Finding => {
  if (exchanges.length === 0) return skipped("answers", "nothing answered")
  if (exchanges.some(({ status }) => status === 407)) {
    const fix = "Set the store's proxy option to the proxy's URL with its user and password."
    return failure("answers", "a proxy asks for a user and a password (status 407)", fix)
  }
  const page = exchanges.find(({ isPage }) => isPage)
  return page === undefined
    ? ok("answers", "the API answers")
    : failure(
        "answers",
        `an HTML page came back in place of JSON (status ${page.status})`,
        "Let baseUrl name the API and not a web page, a login page or a proxy in front of it."
      )
}

const second = 1000
const noticeable = 5 * second
const harmful = 5 * 60 * second

/** What is certain about the clocks: the server's is at least so many milliseconds ahead, negative where it is behind. */
const skewOf = ({ began, date, ended }: Exchange): number | undefined => {
  if (date === undefined) return undefined
  // The header has whole seconds and was written at some time between question and answer.
  const [least, most] = [date - ended, date + second - began]
  return least > 0 ? least : most < 0 ? most : 0
}

const inWords = (milliseconds: number): string => {
  const seconds = Math.round(Math.abs(milliseconds) / second)
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`
}

/** Whether the server's clock and this machine's agree, as far as a round trip allows to tell. */
export const clock = (exchanges: ReadonlyArray<Exchange>): Finding => {
  const [best] = exchanges
    .filter(({ date }) => date !== undefined)
    .toSorted((left, right) => left.ended - left.began - (right.ended - right.began))
  const skew = best === undefined ? undefined : skewOf(best)
  if (best === undefined || skew === undefined) {
    return skipped("clock", exchanges.length === 0 ? "nothing answered" : "the server does not say what time it is")
  }
  const bound = inWords(second + best.ended - best.began)
  if (Math.abs(skew) < noticeable) return ok("clock", `the server's clock and this machine's agree within ${bound}`)
  const message = `the server's clock is at least ${inWords(skew)} ${skew > 0 ? "ahead of" : "behind"} this machine's`
  const fix = "Let both keep time with a time server. Until then keys expire, and are told expired, at the wrong time."
  return Math.abs(skew) < harmful ? warning("clock", message, fix) : failure("clock", message, fix)
}
