/** What surrounds the answer to every request: its id, its limits, its headers, its log line, and a problem for every failure. */
import * as ByteSize from "effect/ByteSize"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { HttpApiSchemaError } from "effect/http-api/HttpApiError"
import { MaxBodySize } from "effect/http/HttpIncomingMessage"
import * as HttpMiddleware from "effect/http/HttpMiddleware"
import { isHttpServerError, type HttpServerError } from "effect/http/HttpServerError"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as HttpTraceContext from "effect/http/HttpTraceContext"
import type { IpNetwork } from "effect/net/IpNetwork"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import { make as problem, type FieldError, type Problem } from "../Problem.ts"
import { Entry, type Facts } from "./entry.ts"
import { errorsOf } from "./issues.ts"
import * as meter from "./meter.ts"
import type { Methods } from "./paths.ts"
import { toResponse } from "./problems.ts"

type Response = HttpServerResponse.HttpServerResponse

/** What surrounds need to know. */
export interface Settings {
  readonly bodyBytes: number
  readonly timeout: Duration.Duration
  readonly trustedProxies: ReadonlyArray<IpNetwork>
  readonly secure: boolean
  readonly methods: Methods
  readonly isStopping: () => boolean
  /** Ends when calls in flight may take no longer. */
  readonly isOver: Effect.Effect<void>
}

const places: Readonly<Record<string, FieldError["in"]>> = {
  Params: "path",
  Query: "query",
  Headers: "header",
  Payload: "body"
}

const fromSchema = ({ cause, kind }: HttpApiSchemaError): Problem | undefined => {
  const place = places[kind]
  if (place === undefined) return undefined
  const errors = errorsOf(place, cause.issue)
  const [first] = errors
  const where = first === undefined || first.pointer === "" ? place : first.pointer
  const field = first === undefined || first.pointer === "" ? {} : { field: first.pointer }
  return problem("invalid-request", `${where}: ${first?.detail ?? "it is not accepted"}`, { ...field, errors })
}

const pathOf = (url: string): string => url.split(/[?#]/, 1)[0] ?? url

const unrouted = (request: HttpServerRequest, methods: Methods): Problem => {
  const allowed = methods(pathOf(request.url))
  // A path whose escapes are no UTF-8 fits a pattern, and no route.
  return allowed.length === 0 || allowed.includes(request.method)
    ? problem("not-found", "Nothing is served under this path.")
    : problem("method-not-allowed", `Use ${allowed.join(" or ")}.`, {}, { allow: allowed.join(", ") })
}

const fromServer = (
  { reason }: HttpServerError,
  request: HttpServerRequest,
  settings: Settings
): Problem | undefined => {
  if (reason._tag === "RouteNotFound") return unrouted(request, settings.methods)
  if (reason._tag !== "RequestParseError") return undefined
  return "reason" in reason && reason.reason === "BodyTooLarge"
    ? problem("payload-too-large", `A body has at most ${settings.bodyBytes} bytes.`)
    : problem("invalid-request", "The body could not be read.")
}

const known = (cause: Cause.Cause<unknown>, request: HttpServerRequest, settings: Settings): Problem | undefined => {
  for (const reason of cause.reasons) {
    const error = reason._tag === "Fail" ? reason.error : reason._tag === "Die" ? reason.defect : undefined
    const found =
      error instanceof HttpApiSchemaError
        ? fromSchema(error)
        : isHttpServerError(error)
          ? fromServer(error, request, settings)
          : undefined
    if (found !== undefined) return found
  }
  return undefined
}

/** Tells where a defect came from, and nothing of what it says: that may be anything. */
const originOf = (cause: Cause.Cause<unknown>): string => {
  const defect = cause.reasons.map((reason) => (reason._tag === "Die" ? reason.defect : undefined)).find(Boolean)
  if (!(defect instanceof Error)) return "no error"
  const frames = (defect.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line))
  return [defect.name, ...frames.slice(0, 8).map((line) => line.trim())].join(" ")
}

const internal = problem("internal", "This is a bug in the gateway. Its operator finds more under the request id.")

/** A client that goes away leaves a line, too. */
const gone = (request: HttpServerRequest, facts: Facts, seconds: number) =>
  Effect.andThen(
    meter.left(request.method, facts, seconds),
    Effect.annotateLogs(Effect.logInfo(`${request.method} ${facts.route ?? "-"} was left by its client`), {
      "keyfold.event": "gateway.request.left",
      "keyfold.request": facts.requestId
    })
  )

/** Answers what failed. A client that went away is not answered. */
const recover = <E>(
  cause: Cause.Cause<E>,
  request: HttpServerRequest,
  facts: Facts,
  settings: Settings
): Effect.Effect<Response, E> => {
  const found = known(cause, request, settings)
  if (found !== undefined) return Effect.succeed(toResponse(found, facts.requestId))
  if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
  return Effect.logError(`a request ended in a defect: ${originOf(cause)}`).pipe(
    Effect.annotateLogs({ "keyfold.event": "gateway.request.failed", "keyfold.request": facts.requestId }),
    Effect.as(toResponse(internal, facts.requestId))
  )
}

const unsupported = problem("unsupported-media-type", "Send application/json.")

/** The router's own answer to a body of another type is no problem document. */
const documented = (response: Response, facts: Facts): Response =>
  response.status === 415 && facts.operation !== undefined ? toResponse(unsupported, facts.requestId) : response

const always = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store"
}

const closed = "default-src 'none'; frame-ancestors 'none'"

const dressed = (response: Response, { requestId }: Facts, { isStopping, secure }: Settings): Response => {
  const policy = response.headers["content-security-policy"] ?? closed
  return HttpServerResponse.setHeaders(response, {
    ...always,
    "referrer-policy": response.headers["referrer-policy"] ?? "no-referrer",
    "content-security-policy": policy,
    "x-request-id": requestId,
    // A connection that is kept open would hold up the end.
    ...(isStopping() ? { connection: "close" } : {}),
    ...(secure ? { "strict-transport-security": "max-age=31536000" } : {})
  })
}

const written = (request: HttpServerRequest, { status }: Response, facts: Facts, seconds: number) => {
  const { actor, requestId, route, tenant } = facts
  const line = `${request.method} ${route ?? "-"} ${status} ${Math.round(seconds * 1000)} ms`
  const annotations = {
    "keyfold.event": "gateway.request",
    "keyfold.request": requestId,
    "keyfold.status": String(status),
    ...(actor === undefined ? {} : { "keyfold.actor": actor }),
    ...(tenant === undefined ? {} : { "keyfold.tenant": tenant })
  }
  return Effect.all(
    [
      meter.answered(request.method, facts, status, seconds),
      Effect.annotateCurrentSpan({ "http.route": route ?? "-", "http.response.status_code": status }),
      Effect.annotateLogs(status >= 500 ? Effect.logWarning(line) : Effect.logInfo(line), annotations)
    ],
    { discard: true }
  )
}

const nanosecondsPerSecond = 1e9

/** Begins to time a request; the answer are the seconds since. */
const timed = Effect.map(Clock.monotonicTimeNanos, (began) =>
  Effect.map(Clock.monotonicTimeNanos, (now) => Number(now - began) / nanosecondsPerSecond)
)

const factsOf = ({ remoteAddress }: HttpServerRequest): Facts => ({
  requestId: `req_${randomBytes(16).toString("base64url")}`,
  address: Option.getOrUndefined(remoteAddress),
  route: undefined,
  actor: undefined,
  tenant: undefined,
  operation: undefined
})

type App<R> = Effect.Effect<Response, unknown, R>

const late = problem("timeout", "The request was given up. What it began may still be carried out.")

const cut = problem("unavailable", "The gateway ends, and gave the request up. What it began may still be carried out.")

/**
 * Waits for an answer as long as it may take. Who is gone needs none; a change goes on even then, so that whoever asks
 * for it again learns what became of it.
 */
const inTime = <R>(app: App<R>, { method }: HttpServerRequest, { requestId }: Facts, settings: Settings): App<R> => {
  const answered = Effect.raceAllFirst([
    app,
    Effect.as(Effect.sleep(settings.timeout), toResponse(late, requestId)),
    Effect.as(settings.isOver, toResponse(cut, requestId))
  ])
  return method === "GET" || method === "HEAD" ? Effect.interruptible(answered) : answered
}

const answered = <R>(app: App<R>, settings: Settings) =>
  Effect.gen(function* () {
    const request = yield* HttpServerRequest
    const facts = factsOf(request)
    const elapsed = yield* timed
    const response = yield* inTime(app, request, facts, settings).pipe(
      Effect.catchCause((cause) => recover(cause, request, facts, settings)),
      Effect.onInterrupt(() => Effect.flatMap(elapsed, (seconds) => gone(request, facts, seconds))),
      Effect.provideService(Entry, facts),
      Effect.provideService(MaxBodySize, ByteSize.bytes(settings.bodyBytes))
    )
    const finished = dressed(documented(response, facts), facts, settings)
    yield* written(request, finished, facts, yield* elapsed)
    return finished
  }).pipe(meter.inFlight)

const spanned = <E, R>(effect: Effect.Effect<Response, E, R>) =>
  Effect.flatMap(HttpServerRequest, ({ headers, method }) => {
    const parent = Option.getOrUndefined(HttpTraceContext.fromHeaders(headers))
    return Effect.withSpan(effect, "Gateway.request", {
      kind: "server",
      attributes: { "http.request.method": method },
      captureStackTrace: false,
      ...(parent === undefined ? {} : { parent })
    })
  })

/** Surrounds what answers requests. */
export const surround = <R>(app: App<R>, settings: Settings): Effect.Effect<Response, unknown, R | HttpServerRequest> =>
  HttpMiddleware.xForwardedHeaders({ trustedProxies: settings.trustedProxies })(spanned(answered(app, settings)))

/** What requests are answered with: nothing but themselves and their scope is left to be given. */
export type Answering = Effect.Effect<Response, unknown, HttpServerRequest | Scope.Scope>
