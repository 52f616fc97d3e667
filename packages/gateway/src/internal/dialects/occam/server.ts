/** The order of evaluation: route, syntax of the body, token, body, grants, then the operation. */
import type { KeySpec } from "@keyfold/core/KeySpec"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import { supports } from "@keyfold/core/Capabilities"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { Dialect } from "../../../Dialect.ts"
import { open, permit, type Store, type Visit } from "../access.ts"
import { detail, isMalformed, matcher, missing, notAString, readBody, type Body, type Match } from "../fastapi.ts"
import { get, hasOwners, list, orNone } from "../lookup.ts"
import { mount, type Incoming } from "../mount.ts"
import { json, success, type Refusal, type Reply } from "../reply.ts"
import { resolve } from "../resolve.ts"
import * as uuidIds from "../uuidIds.ts"
import { exchange, logIn, refresh, type Entrance } from "./login.ts"
import { forbidden, noUsage, unknownKey, unprocessable, voice } from "./replies.ts"
import { ApiKeyUsage, HiddenApiKeys, toHidden, toUsage, VisibleApiKey } from "./wire.ts"

/** What the server is made from. */
export interface Parts extends Entrance {
  readonly path: string
  readonly tenant: string
  readonly owner: string | undefined
  readonly scopes: ReadonlyArray<string> | undefined
}

type KeyOperation = "create" | "list" | "revoke" | "usage"
type Operation = KeyOperation | "exchange" | "login" | "refresh"

const match = matcher<Operation>([
  { operation: "exchange", method: "GET", template: "/auth/access-token" },
  { operation: "login", method: "POST", template: "/auth/access-token" },
  { operation: "refresh", method: "POST", template: "/auth/refresh-token" },
  { operation: "create", method: "PUT", template: "/keys/" },
  { operation: "list", method: "GET", template: "/keys/" },
  { operation: "revoke", method: "DELETE", template: "/keys/{id}" },
  { operation: "usage", method: "GET", template: "/keys/{id}/usage" }
])

const refusals = {
  expired: detail(401, "Token expired"),
  malformed: detail(401, "Token invalid: Not enough segments"),
  forged: detail(401, "Token invalid: Signature verification failed")
}

/** Finds out who calls. A caller that may no longer call is out at once, whatever its token says. */
const authenticate = Effect.fnUntraced(function* (
  { host, tokens }: Parts,
  { request, requestId }: Incoming
): Effect.fn.Return<Visit, Error> {
  const [scheme = "", ...rest] = (request.headers.get("authorization") ?? "").split(" ")
  if (scheme.toLowerCase() !== "bearer") {
    return yield* detail(401, "Not authenticated", { "www-authenticate": "Bearer" })
  }
  const reading = yield* tokens.readAccess(rest.join(" ").trim())
  if (reading.kind !== "valid") return yield* refusals[reading.kind]
  const caller = yield* host.recall(reading.actor)
  if (Option.isNone(caller)) return yield* detail(401, "User removed")
  return { host, caller: caller.value, requestId }
})

const readName = (body: Body | undefined): Effect.Effect<string, Refusal> => {
  if (body === undefined) return Effect.succeed("")
  if ("problem" in body) return Effect.fail(unprocessable([body.problem]))
  const { name } = body.fields
  if (typeof name === "string") return Effect.succeed(name)
  const at = ["body", "name"]
  return Effect.fail(unprocessable([name === undefined ? missing(at) : notAString(at)]))
}

const create = Effect.fnUntraced(function* (
  { owner, scopes }: Parts,
  store: Store,
  name: string
): Effect.fn.Return<Reply, KeyStoreError> {
  const spec: KeySpec = {
    // No store has an empty name; it is listed as one again.
    ...(name === "" ? {} : { name }),
    ...(owner === undefined || !hasOwners(store) ? {} : { owner }),
    ...(scopes === undefined ? {} : { scopes })
  }
  const { key, secret } = yield* store.create(spec)
  return success(VisibleApiKey, { uuid: uuidIds.encode(key.id), api_key: Redacted.value(secret) })
})

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** What is no UUID is the id of no key. */
const idOf = Effect.fnUntraced(function* (store: Store, text: string) {
  const id = uuid.test(text) ? yield* resolve(store, text.toLowerCase()) : Option.none()
  return Option.isNone(id) ? yield* unknownKey : id.value
})

const revoke = Effect.fnUntraced(function* (store: Store, text: string): Effect.fn.Return<Reply, Error> {
  const revoked = yield* orNone(store.revoke({ id: yield* idOf(store, text) }))
  return Option.isNone(revoked) ? yield* unknownKey : json(200, null)
})

const usage = Effect.fnUntraced(function* (store: Store, text: string): Effect.fn.Return<Reply, Error> {
  if (!supports(store.capabilities, "usage")) return yield* noUsage
  const id = yield* idOf(store, text)
  const report = yield* orNone(store.usage({ id }))
  if (Option.isNone(report)) return yield* unknownKey
  const isComplete = report.value.requestsPerDay !== undefined
  const key = isComplete ? Option.none() : yield* get(store, { id })
  const shown = toUsage(report.value, Option.getOrUndefined(key), yield* DateTime.now)
  return shown === undefined ? yield* noUsage : success(ApiKeyUsage, shown)
})

const run = (
  parts: Parts,
  store: Store,
  { id, operation }: { readonly id: string; readonly operation: KeyOperation },
  name: string
): Effect.Effect<Reply, Error> => {
  switch (operation) {
    case "create":
      return create(parts, store, name)
    case "list":
      return Effect.map(list(store, { status: "active" }), (keys) => success(HiddenApiKeys, keys.map(toHidden)))
    case "revoke":
      return revoke(store, id)
    case "usage":
      return usage(store, id)
  }
}

const serveKeys = Effect.fnUntraced(function* (
  parts: Parts,
  incoming: Incoming,
  at: { readonly id: string; readonly operation: KeyOperation }
): Effect.fn.Return<Reply, Error, Scope.Scope> {
  const body = at.operation === "create" ? yield* readBody(incoming.request) : undefined
  // Broken JSON is refused before the token is looked at, every other fault of the body after it.
  if (body !== undefined && "problem" in body && isMalformed(body)) return yield* unprocessable([body.problem])
  const visit = yield* authenticate(parts, incoming)
  const name = yield* readName(body)
  yield* permit(visit, parts.tenant, at.operation, forbidden)
  return yield* run(parts, yield* open(visit, parts.tenant, at.operation), at, name)
})

const serve = (
  parts: Parts,
  incoming: Incoming,
  matched: Match<Operation>
): Effect.Effect<Reply, Error, Scope.Scope> => {
  if (matched.kind === "none") return Effect.fail(detail(404, "Not Found"))
  if (matched.kind === "wrongMethod") return Effect.fail(detail(405, "Method Not Allowed", { allow: matched.allow }))
  const { id, operation } = matched
  switch (operation) {
    case "exchange":
      return exchange(parts, incoming)
    case "login":
      return logIn(parts, incoming)
    case "refresh":
      return refresh(parts, incoming)
    default:
      return serveKeys(parts, incoming, { id, operation })
  }
}

/** Makes the dialect. A path with the wrong slash is not redirected: a client would send its token along. */
export const makeServer = (parts: Parts): Dialect =>
  mount({
    name: "occam",
    path: parts.path,
    route: ({ path, request }) => match(request.method, path),
    voice: () => voice,
    serve: (incoming, matched) => Effect.scoped(serve(parts, incoming, matched))
  })
