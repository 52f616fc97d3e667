/** Authentication: cookie before header, the master key, identity tokens, and on the data plane created keys. */
import type { Credential } from "../../Arthur.ts"
import { detail } from "../fastapi/answers.ts"
import type { World } from "./world.ts"

/** An authenticated caller. */
export interface Caller {
  readonly id: string
  /** Upper case. */
  readonly roles: ReadonlyArray<string>
}

/** Which tokens a router takes besides the master key and identity tokens. */
export type TokenKinds = "masterOnly" | "createdKeysToo"

const unquote = (value: string) => value.replace(/^"(.*)"$/, "$1")

const cookieOf = (headers: Headers): string | undefined => {
  for (const pair of (headers.get("cookie") ?? "").split(";")) {
    const [name = "", ...value] = pair.split("=")
    if (name.trim() === "ACCESS_TOKEN") return unquote(value.join("=").trim())
  }
  return undefined
}

/** What a request presents, scheme included; a cookie hides the header. */
export const presented = (headers: Headers): string => cookieOf(headers) ?? headers.get("authorization") ?? ""

const tokenOf = (headers: Headers): string => {
  const value = presented(headers).trim()
  if (value === "") throw detail(401, "Requires authentication")
  const [scheme, token, ...rest] = value.split(/\s+/)
  if (scheme?.toLowerCase() !== "bearer" || token === undefined || rest.length > 0) throw detail(401, "Bad credentials")
  return token
}

/** Whether a token looks like a JWT: three segments, the first a JSON object. */
export const isJwtShaped = (token: string): boolean => {
  const segments = token.split(".")
  if (segments.length !== 3) return false
  try {
    const header = atob((segments[0] ?? "").replaceAll("-", "+").replaceAll("_", "/"))
    return typeof JSON.parse(header) === "object"
  } catch {
    return false
  }
}

type IdentityToken = Extract<Credential, { readonly kind: "jwt" }>

const isLive =
  (world: World, token: string) =>
  (credential: Credential): credential is IdentityToken =>
    credential.kind === "jwt" &&
    credential.value === token &&
    (credential.expiresAt === undefined || world.clock.wall() < credential.expiresAt)

const identityOf = (world: World, token: string): Caller | undefined => {
  if (token === "undefined") throw detail(401, "Unauthorized")
  if (!isJwtShaped(token)) throw detail(401, "Bad credentials")
  const { jwks } = world.switches()
  if (jwks === "unreachable") throw detail(500, "Unable to verify credentials")
  if (jwks === "unusable") throw detail(500, "Something went wrong.")
  const identity = world.credentials.find(isLive(world, token))
  if (identity === undefined) throw detail(401, "Bad credentials")
  return { id: identity.userId ?? "jwt-user", roles: identity.roles.map((role) => role.toUpperCase()) }
}

/**
 * Authenticates a request. Without ingress an unknown token gives nobody, which is refused only after validation; with
 * ingress it is refused here.
 */
export const authenticate = (world: World, headers: Headers, kinds: TokenKinds): Caller | undefined => {
  const token = tokenOf(headers)
  const isMaster = world.credentials.some(({ kind, value }) => kind === "master" && value === token)
  if (isMaster) return { id: "master", roles: ["ADMIN-KEY"] }
  if (kinds === "createdKeysToo") {
    const row = world.workers.use(token)
    if (row !== undefined) return { id: row.id, roles: row.roles }
  }
  return world.switches().ingressConfigured ? identityOf(world, token) : undefined
}
