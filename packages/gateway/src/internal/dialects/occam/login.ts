/** The three ways to an access token: a key in the query, a password in a form, a refresh token in JSON. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { Host } from "../../../Dialect.ts"
import { detail, missing, notAString, readBody, text, type Problem } from "../fastapi.ts"
import type { Incoming } from "../mount.ts"
import { success, type Reply } from "../reply.ts"
import { unprocessable, wrongCredential } from "./replies.ts"
import type { Token, Tokens } from "./tokens.ts"
import { AccessAndRefreshToken, AccessToken } from "./wire.ts"

/** What logging in needs. */
export interface Entrance {
  readonly host: Host
  readonly tokens: Tokens
  /** The actor that stands behind a user name. */
  readonly users: ReadonlyMap<string, string>
}

/** Finds out who presents a key. Who could not be found again by its name gets no token: it would stand for nobody. */
const enter = Effect.fnUntraced(function* ({ host }: Entrance, key: string): Effect.fn.Return<string, Error> {
  const caller = key === "" ? Option.none() : yield* host.authenticate(Redacted.make(key))
  if (Option.isNone(caller)) return yield* wrongCredential
  const { actor } = caller.value
  return Option.isNone(yield* host.recall(actor)) ? yield* wrongCredential : actor
})

const toAccess = ({ expiresAt, text: token }: Token) => ({
  token_type: "Bearer",
  access_token: token,
  expires_at: expiresAt / 1_000
})

const toBoth = (access: Token, refresh: Token): Reply =>
  success(AccessAndRefreshToken, {
    ...toAccess(access),
    refresh_token: refresh.text,
    refresh_token_expires_at: refresh.expiresAt / 1_000
  })

/** Trades a key for an access token; there is no refresh token for it. The query is never kept or shown. */
export const exchange = Effect.fnUntraced(function* (
  entrance: Entrance,
  { url }: Incoming
): Effect.fn.Return<Reply, Error> {
  const key = url.searchParams.getAll("key").at(-1)
  if (key === undefined) return yield* unprocessable([missing(["query", "key"])])
  const actor = yield* enter(entrance, key)
  return success(AccessToken, toAccess(yield* entrance.tokens.issueAccess(actor)))
})

const readForm = Effect.fnUntraced(function* (request: Request): Effect.fn.Return<URLSearchParams, Error> {
  const content = yield* text(request)
  const [mediaType = ""] = (request.headers.get("content-type") ?? "").split(";")
  return new URLSearchParams(mediaType.trim().toLowerCase() === "application/x-www-form-urlencoded" ? content : "")
})

const wrongGrant: Problem = {
  type: "string_pattern_mismatch",
  loc: ["body", "grant_type"],
  msg: "String should match pattern '^password$'"
}

/** Logs in with a user name and, as its password, a key of the user that stands behind the name. */
export const logIn = Effect.fnUntraced(function* (
  entrance: Entrance,
  { request }: Incoming
): Effect.fn.Return<Reply, Error> {
  const form = yield* readForm(request)
  const field = (name: string) => form.getAll(name).at(-1) ?? ""
  const [grant, username, password] = [field("grant_type"), field("username"), field("password")]
  const problems = [
    ...(grant === "" || grant === "password" ? [] : [wrongGrant]),
    ...(username === "" ? [missing(["body", "username"])] : []),
    ...(password === "" ? [missing(["body", "password"])] : [])
  ]
  if (problems.length > 0) return yield* unprocessable(problems)
  const { tokens, users } = entrance
  const actor = yield* enter(entrance, password)
  if ((users.get(username) ?? username) !== actor) return yield* wrongCredential
  return toBoth(yield* tokens.issueAccess(actor), yield* tokens.issueRefresh(actor))
})

const used = detail(400, "Refresh token already used")
const unknown = detail(404, "Refresh token not found")
const expired = detail(400, "Refresh token expired")

/** Trades a refresh token, once, for a new pair. Who may no longer call has none. */
export const refresh = Effect.fnUntraced(function* (
  { host, tokens }: Entrance,
  { request }: Incoming
): Effect.fn.Return<Reply, Error> {
  const body = yield* readBody(request)
  if ("problem" in body) return yield* unprocessable([body.problem])
  const { refresh_token: given } = body.fields
  const at = ["body", "refresh_token"]
  if (typeof given !== "string") return yield* unprocessable([given === undefined ? missing(at) : notAString(at)])
  const found = yield* tokens.present(given)
  if (found === "unknown") return yield* unknown
  if (found === "expired") return yield* expired
  if (found === "used") return yield* used
  if (Option.isNone(yield* host.recall(found.actor))) return yield* unknown
  const access = yield* tokens.issueAccess(found.actor)
  const next = yield* tokens.trade(found)
  return next === undefined ? yield* used : toBoth(access, next)
})
