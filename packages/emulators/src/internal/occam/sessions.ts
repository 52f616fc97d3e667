/** The access and refresh tokens handed out. */
import type { Clock } from "../../Emulator.ts"
import { jwtText, urlSafeToken } from "../tokens.ts"

/** An access token; times in Unix seconds. */
export interface AccessToken {
  readonly text: string
  readonly email: string
  /** The key it was exchanged for; absent after a login. */
  readonly keyId: string | undefined
  readonly expires: number
}

/** A refresh token; times in Unix seconds. */
export interface RefreshToken {
  readonly text: string
  readonly email: string
  readonly expires: number
  used: boolean
}

/** How long tokens live, in seconds. */
export interface Lifetimes {
  readonly access: number
  readonly refresh: number
}

/** Issues and finds tokens. */
export interface Sessions {
  readonly lifetimes: Lifetimes
  /** Emulator time in whole Unix seconds. */
  readonly now: () => number
  readonly issueAccess: (email: string, keyId: string | undefined) => AccessToken
  readonly issueRefresh: (email: string) => RefreshToken
  /** Finds an access token whose signature still verifies, expired or not. */
  readonly findAccess: (text: string) => AccessToken | undefined
  readonly findRefresh: (text: string) => RefreshToken | undefined
  /** Makes every access token issued so far one with a bad signature. */
  readonly rotateSigningKey: () => void
}

/** Makes an empty set of tokens. */
export const makeSessions = (clock: Clock, lifetimes: Lifetimes): Sessions => {
  const access = new Map<string, AccessToken>()
  const refresh = new Map<string, RefreshToken>()
  const now = () => Math.floor(clock.wall() / 1_000)
  return {
    lifetimes,
    now,
    issueAccess: (email, keyId) => {
      const issued = now()
      const expires = issued + lifetimes.access
      const claims = { iss: "occam", sub: email, exp: expires, iat: issued, jti: crypto.randomUUID() }
      const token = { text: jwtText("HS256", claims), email, keyId, expires }
      access.set(token.text, token)
      return token
    },
    issueRefresh: (email) => {
      const token = { text: urlSafeToken(), email, expires: now() + lifetimes.refresh, used: false }
      refresh.set(token.text, token)
      return token
    },
    findAccess: (text) => access.get(text),
    findRefresh: (text) => refresh.get(text),
    rotateSigningKey: () => access.clear()
  }
}
