/** One visit of a page: who is signed in, whether a form is the console's own, and a page for whatever goes wrong. */
import { KeyId, type KeyRef } from "@keyfold/core/ApiKey"
import type { Capabilities } from "@keyfold/core/Capabilities"
import * as Effect from "effect/Effect"
import type { HttpServerError } from "effect/http/HttpServerError"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import type { Access, Caller } from "../../Gateway.ts"
import * as Grant from "../../Grant.ts"
import { make as problem, type Problem } from "../../Problem.ts"
import { admit } from "../admission.ts"
import { Admission, type Need } from "../admitting.ts"
import { withStore } from "../answering.ts"
import type { Means as CreatingMeans } from "../creating.ts"
import { Entry, type Facts } from "../entry.ts"
import type { Limits } from "../limits.ts"
import type { Means as RotatingMeans } from "../rotations/handlers.ts"
import { problemPage, type Link, type Page } from "./page.ts"
import { isSealed, type Session, type Sessions } from "./sessions.ts"

export type Response = HttpServerResponse.HttpServerResponse

/** What the console works with: the operations that the neutral API has, and sessions. */
export interface Means extends CreatingMeans, RotatingMeans {
  readonly access: Access
  readonly limits: Limits
  readonly sessions: Sessions
  /** Whether the gateway itself serves HTTPS. */
  readonly secure: boolean
}

/** A request, and what is known of it before anybody is signed in. */
export interface Visit {
  readonly request: HttpServerRequest.HttpServerRequest
  readonly facts: Facts
  readonly query: URLSearchParams
  readonly url: URL
  /** Whether the browser came by HTTPS, here or at a trusted proxy. */
  readonly secure: boolean
  readonly means: Means
}

/** A visit of somebody who is signed in. */
export interface Visitor extends Visit {
  readonly session: Session
  readonly caller: Caller
}

const nowhere = new URL("http://gateway.invalid/")

/** The visit of a request. */
export const visit = (means: Means): Effect.Effect<Visit, never, HttpServerRequest.HttpServerRequest> =>
  Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const facts = yield* Entry
    const url = Option.getOrElse(HttpServerRequest.toURL(request), () => nowhere)
    const secure = means.secure || url.protocol === "https:"
    return { request, facts, url, query: url.searchParams, secure, means }
  })

/** The name of the session's cookie. Under HTTPS no other host, and nobody without encryption, can set it. */
export const cookieOf = (secure: boolean): string => (secure ? "__Host-keyfold-console" : "keyfold-console")

const closed = problem("unavailable", "Sessions cannot be looked up at the moment.")

/** Finds out who is signed in; nobody where the session is over, or its key is. */
export const whoIs = Effect.fnUntraced(function* (visited: Visit): Effect.fn.Return<Visitor | undefined, Problem> {
  const { means, request, secure } = visited
  const token = request.cookies[cookieOf(secure)]
  if (token === undefined || token === "") return undefined
  const session = yield* Effect.mapError(means.sessions.find(token), () => closed)
  if (session === undefined) return undefined
  const caller = yield* Effect.catch(means.access.recall(session.actor), (failure) =>
    failure.name === "unauthenticated" ? Effect.undefined : Effect.fail(failure)
  )
  return caller === undefined ? undefined : { ...visited, session, caller }
})

/** Whether a form was sent by a page of this host. Browsers say so themselves; who is no browser has no session to lose. */
const isOwn = ({ request }: Visit): boolean => {
  const site = request.headers["sec-fetch-site"]
  if (site !== undefined) return site === "same-origin"
  const origin = request.headers["origin"]
  // A request that came by no socket has its host in its address alone.
  const asked = request.headers["host"] ?? (URL.canParse(request.originalUrl) ? new URL(request.originalUrl).host : "")
  return origin !== undefined && URL.canParse(origin) && new URL(origin).host === asked.toLowerCase()
}

const foreignForm = problem("forbidden", "This form was not sent by a page of this console. Nothing was changed.")

const noForm = problem("invalid-request", "The form could not be read.")

const tooLong = problem("payload-too-large", "The form is too long.")

const unread = ({ reason }: HttpServerError): Problem =>
  "reason" in reason && reason.reason === "BodyTooLarge" ? tooLong : noForm

/** Reads a form that a page of this console sent. */
export const formOf = Effect.fnUntraced(function* (visited: Visit): Effect.fn.Return<URLSearchParams, Problem> {
  const { request } = visited
  if (!isOwn(visited)) return yield* foreignForm
  const [type = ""] = (request.headers["content-type"] ?? "").split(";")
  if (type.trim().toLowerCase() !== "application/x-www-form-urlencoded") return yield* noForm
  return new URLSearchParams(yield* Effect.mapError(request.text, unread))
})

/** Reads a form of this session. */
export const sealedForm = Effect.fnUntraced(function* (visitor: Visitor): Effect.fn.Return<URLSearchParams, Problem> {
  const form = yield* formOf(visitor)
  return isSealed(visitor.session, "form", form.get("seal") ?? "") ? form : yield* foreignForm
})

/** The tenant that a page is about. */
export const tenantOf = ({ query }: Pick<Visit, "query">): string => query.get("tenant") ?? ""

/** The key that a page is about. */
export const keyOf = (fields: URLSearchParams): Effect.Effect<KeyRef, Problem> => {
  const [id, owner] = [fields.get("id") ?? "", fields.get("owner") ?? ""]
  return id === ""
    ? Effect.fail(problem("unknown-key", "No key with this id is visible to this tenant."))
    : Effect.succeed({ id: KeyId.make(id), ...(owner === "" ? {} : { owner }) })
}

/** Carries out an operation of the neutral API for whoever is signed in, by the same grants and limits. */
export const asCaller = <A, R>(
  { caller, facts, means }: Visitor,
  tenant: string,
  need: Need,
  operation: Effect.Effect<A, Problem, R>
): Effect.Effect<A, Problem, Exclude<R, Admission>> =>
  Effect.flatMap(admit(means, caller, tenant, need), (admitted) => {
    facts.tenant = tenant
    facts.operation = [need].flat()[0]
    return Effect.provideService(operation, Admission, admitted)
  })

/** A tenant's backend, for who is about to change something there. */
export const backendFor = (
  visitor: Visitor,
  tenant: string,
  need: Need
): Effect.Effect<{ readonly backend: string; readonly capabilities: Capabilities }, Problem> =>
  asCaller(
    visitor,
    tenant,
    need,
    withStore(visitor.means.backends, ({ backend, capabilities }) => Effect.succeed({ backend, capabilities }))
  )

/** Whether whoever is signed in may do something that the backend can do. */
export const may = (
  { caller }: Visitor,
  tenant: string,
  operation: Grant.Operation,
  capabilities?: Capabilities
): boolean =>
  Grant.allows(caller.grants, tenant, operation) &&
  (capabilities === undefined ||
    !Object.hasOwn(capabilities.operations, operation) ||
    Reflect.get(capabilities.operations, operation) !== "unsupported")

const linksFor = (visitor: Visitor, tenant: string): ReadonlyArray<Link> => {
  const is = (...operations: ReadonlyArray<Grant.Operation>) => operations.some((one) => may(visitor, tenant, one))
  return [
    ...(is("list") ? [{ name: "Keys", place: "keys" } as const] : []),
    ...(is("create") ? [{ name: "New key", place: "new" } as const] : []),
    ...(visitor.means.rotations !== undefined && is("rotate", "list")
      ? [{ name: "Rotations", place: "rotations" } as const]
      : [])
  ]
}

/** What the frame of a tenant's page shows. */
export const framed = (visitor: Visitor, tenant: string, here?: string): Pick<Page, "session" | "tenant"> => ({
  session: visitor.session,
  tenant: {
    name: tenant,
    links: linksFor(visitor, tenant),
    ...(here === undefined ? {} : { here })
  }
})

/** Answers with a page about what went wrong. */
export const orProblemPage =
  (visited: Visit, about: Pick<Page, "session" | "tenant"> = {}) =>
  <R>(page: Effect.Effect<Response, Problem, R>): Effect.Effect<Response, never, R> =>
    Effect.catch(page, (failure) => Effect.succeed(problemPage(failure, visited.facts.requestId, about)))
