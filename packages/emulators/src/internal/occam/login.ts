/** The three ways to an access token: a key in the query, a password in a form, a refresh token in JSON. */
import { detail, json } from "../fastapi/answers.ts"
import { missing, type Problem } from "../fastapi/body.ts"
import type { Outgoing } from "../respond.ts"
import type { AccessToken, RefreshToken } from "./sessions.ts"
import { stringMember, unprocessable } from "./validation.ts"
import type { World } from "./world.ts"

const wrongPassword = "Incorrect email or password"

const expiry = (world: World, expires: number, lifetime: number): number => {
  switch (world.switches().expiresAt) {
    case "seconds":
      return expires
    case "milliseconds":
      return expires * 1_000
    case "lifetime":
      return lifetime
  }
}

const accessTokenResponse = (world: World, token: AccessToken) => ({
  ...(world.switches().tokenType === "present" ? { token_type: "Bearer" } : {}),
  access_token: token.text,
  expires_at: expiry(world, token.expires, world.sessions.lifetimes.access)
})

const bothTokens = (world: World, access: AccessToken, refresh: RefreshToken): Outgoing =>
  json(200, {
    ...accessTokenResponse(world, access),
    refresh_token: refresh.text,
    refresh_token_expires_at: expiry(world, refresh.expires, world.sessions.lifetimes.refresh)
  })

/** An answer, and the user it was given to. */
export interface Entry {
  readonly answer: Outgoing
  readonly email: string
}

const admit = (world: World, email: string): Entry => ({
  answer: bothTokens(world, world.sessions.issueAccess(email, undefined), world.sessions.issueRefresh(email)),
  email
})

/** Exchanges an API key; there is no refresh token for it. */
export const exchange = (world: World, query: URLSearchParams): Entry => {
  const switches = world.switches()
  const key = query.getAll("key").at(-1)
  if (key === undefined) throw unprocessable(switches, [missing(["query", "key"], null)])
  const row = world.table.authenticate(key)
  if (row === undefined || !world.users.has(row.email)) {
    throw detail(switches.badKeyStatus, switches.badKeyStatus === 400 ? wrongPassword : "Invalid API key")
  }
  if (switches.exchangeCountsAsUse) row.lastUsed = world.clock.wall()
  return {
    answer: json(200, accessTokenResponse(world, world.sessions.issueAccess(row.email, row.id))),
    email: row.email
  }
}

const readForm = (headers: Headers, body: string | undefined): URLSearchParams => {
  const contentType = headers.get("content-type") ?? ""
  const isForm = contentType.split(";")[0]?.trim().toLowerCase() === "application/x-www-form-urlencoded"
  return new URLSearchParams(isForm ? body : "")
}

const grantProblem = (grantType: string): Problem => ({
  type: "string_pattern_mismatch",
  loc: ["body", "grant_type"],
  msg: "String should match pattern '^password$'",
  input: grantType,
  ctx: { pattern: "^password$" }
})

/** Logs a user in by e-mail address and password. */
export const login = (world: World, headers: Headers, body: string | undefined): Entry => {
  const form = readForm(headers, body)
  const [grantType, username, password] = ["grant_type", "username", "password"].map((name) => form.getAll(name).at(-1))
  const problems = [
    ...(grantType === undefined || grantType === "" || grantType === "password" ? [] : [grantProblem(grantType)]),
    // An empty field counts as missing.
    ...(username ? [] : [missing(["body", "username"], null)]),
    ...(password ? [] : [missing(["body", "password"], null)])
  ]
  if (problems.length > 0) throw unprocessable(world.switches(), problems)
  const user = world.users.get(username ?? "")
  if (user?.password === undefined || user.password !== password) throw detail(400, wrongPassword)
  return admit(world, user.email)
}

/** Trades a refresh token, once, for a new pair. */
export const refresh = (world: World, body: unknown): Entry => {
  const token = world.sessions.findRefresh(stringMember(world.switches(), body, "refresh_token"))
  if (token === undefined || !world.users.has(token.email)) throw detail(404, "Refresh token not found")
  if (world.sessions.now() >= token.expires) throw detail(400, "Refresh token expired")
  if (token.used) throw detail(400, "Refresh token already used")
  token.used = true
  return admit(world, token.email)
}
