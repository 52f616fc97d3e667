/** Bearer authentication of the key routes. */
import { detail } from "../fastapi/answers.ts"
import type { World } from "./world.ts"

/** The user a request acts for. */
export interface Caller {
  readonly email: string
}

/** Authenticates a request, or refuses with one of the 401s. */
export const authenticate = (world: World, headers: Headers): Caller => {
  const [scheme = "", ...rest] = (headers.get("authorization") ?? "").split(" ")
  if (scheme.toLowerCase() !== "bearer") throw detail(401, "Not authenticated", [["www-authenticate", "Bearer"]])
  const text = rest.join(" ").trim()
  if (text.split(".").length !== 3) throw detail(401, "Token invalid: Not enough segments")
  const token = world.sessions.findAccess(text)
  if (token === undefined) throw detail(401, "Token invalid: Signature verification failed")
  const { deletedKeyTokens, expiredText } = world.switches()
  if (world.sessions.now() >= token.expires) {
    throw detail(401, expiredText === "occam" ? "Token expired" : "Token invalid: Signature has expired")
  }
  if (!world.users.has(token.email)) throw detail(401, "User removed")
  const key = token.keyId === undefined ? undefined : world.table.find(token.keyId)
  if (deletedKeyTokens === "refused" && key?.deleted === true) throw detail(401, "Token invalid: Key removed")
  return { email: token.email }
}
