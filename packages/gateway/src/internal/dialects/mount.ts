/** What every dialect is mounted with: its path, its spans, and its answer to whatever goes wrong. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { isKeyStoreError, type KeyStoreError } from "@keyfold/core/KeyStoreError"
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Limited, type Dialect, type Name } from "../../Dialect.ts"
import { Refusal, toResponse, type Reply } from "./reply.ts"

/** How a protocol says what every one of them has to say. */
export interface Voice {
  readonly failed: (error: KeyStoreError) => Reply
  readonly limited: (retryAfter: Duration.Duration | undefined) => Reply
  readonly broken: Reply
}

/** A request, taken apart. `path` is what comes after the dialect's own path. */
export interface Incoming {
  readonly request: Request
  readonly url: URL
  readonly path: string
  readonly requestId: string
}

/** One operation that a request leads to. `template` is what logs and spans may know of the path. */
export interface Routed {
  readonly operation: string
  readonly template: string
}

/** A protocol to mount. */
export interface Protocol<R extends Routed> {
  readonly name: Name
  readonly path: string
  readonly route: (incoming: Incoming) => R
  readonly voice: (incoming: Incoming) => Voice
  readonly serve: (incoming: Incoming, routed: R) => Effect.Effect<Reply, Error>
  readonly headers?: (incoming: Incoming) => Reply["headers"]
}

const retryAfterOf = (error: Error): Duration.Duration | undefined =>
  error instanceof Limited ? error.retryAfter : undefined

const replyTo = (voice: Voice, error: Error): Reply => {
  if (error instanceof Refusal) return error.reply
  if (error instanceof Limited) return voice.limited(retryAfterOf(error))
  if (!isKeyStoreError(error)) return voice.broken
  return error.reason._tag === "RateLimited" ? voice.limited(error.retryAfter) : voice.failed(error)
}

/** The frames of a stack, without the message before them, which may quote what it failed over. */
const framesOf = ({ message, name, stack = "" }: Error): string | undefined => {
  const head = message === "" ? name : `${name}: ${message}`
  return stack.startsWith(`${head}\n`) ? stack.slice(head.length + 1) : undefined
}

const report = (error: unknown): Effect.Effect<void> => {
  if (error instanceof Refusal || error instanceof Limited) return Effect.void
  if (isKeyStoreError(error)) {
    return Effect.logWarning("A store could not do what a client asked").pipe(
      Effect.annotateLogs({
        "keyfold.event": "dialect.failed",
        "keyfold.store": error.store,
        "keyfold.operation": error.operation,
        "keyfold.reason": error.reason._tag
      })
    )
  }
  const facts =
    error instanceof Error
      ? { "keyfold.error": error.name, "keyfold.stack": framesOf(error) }
      : { "keyfold.error": typeof error }
  return Effect.annotateLogs(Effect.logError("A dialect could not answer"), {
    "keyfold.event": "dialect.defect",
    ...facts
  })
}

const requestIdOf = (request: Request): string => {
  const given = request.headers.get("x-request-id") ?? ""
  return /^[\x21-\x7e]{1,128}$/.test(given) ? given : crypto.randomUUID()
}

const toIncoming = (path: string, request: Request, requestId = requestIdOf(request)): Incoming => {
  const url = new URL(request.url)
  return { request, url, path: url.pathname.slice(path.length), requestId }
}

/** Answers a request; an interruption alone goes through, for its client is gone. */
const answer = <R extends Routed>(protocol: Protocol<R>, incoming: Incoming, routed: R): Effect.Effect<Reply> => {
  const voice = protocol.voice(incoming)
  return Effect.suspend(() => protocol.serve(incoming, routed)).pipe(
    Effect.catchCause((cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
      const error = Cause.squash(cause)
      return Effect.as(report(error), error instanceof Error ? replyTo(voice, error) : voice.broken)
    }),
    Effect.annotateLogs({ dialect: protocol.name, route: routed.template })
  )
}

/** Mounts a protocol. */
export const mount = <R extends Routed>(protocol: Protocol<R>): Dialect => ({
  name: protocol.name,
  path: protocol.path,
  routeOf: (request) => `${protocol.path}${protocol.route(toIncoming(protocol.path, request)).template}`,
  handle: (request, requestId) =>
    Effect.suspend(() => {
      const incoming = toIncoming(protocol.path, request, requestId)
      const routed = protocol.route(incoming)
      return answer(protocol, incoming, routed).pipe(
        Effect.tap(({ status }) => Effect.annotateCurrentSpan({ status })),
        Effect.map((reply) => toResponse(reply, protocol.headers?.(incoming) ?? {})),
        Effect.withSpan(`Dialect.${protocol.name}.${routed.operation}`, { attributes: { route: routed.template } })
      )
    })
})

/** Refuses a configuration of a dialect. */
export const mistake = (name: Name, field: string, problem: string, fix: string): ConfigurationError =>
  new ConfigurationError({ field: `dialects.${name}.${field}`, problem, fix })
