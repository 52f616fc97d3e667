/** Tokens in memory. */
import * as Effect from "effect/Effect"
import type { RefreshToken, SigningKey, TokenStorage } from "../../../DialectTokens.ts"

/** Makes a storage of its own. */
export const make = (): TokenStorage => {
  let signingKeys: ReadonlyArray<SigningKey> = []
  const tokens = new Map<string, RefreshToken>()
  const drop = (now: number) => {
    for (const { digest, expiresAt } of tokens.values()) if (expiresAt + keptFor < now) tokens.delete(digest)
  }
  return {
    signingKeys: Effect.sync(() => signingKeys),
    addSigningKey: (key, keepAfter) =>
      Effect.sync(() => {
        signingKeys = [key, ...signingKeys.filter(({ createdAt }) => createdAt >= keepAfter)]
      }),
    addRefresh: (token, now) =>
      Effect.sync(() => {
        drop(now)
        tokens.set(token.digest, token)
      }),
    findRefresh: (digest) => Effect.sync(() => tokens.get(digest)),
    useRefresh: (digest, successor, now) =>
      Effect.sync(() => {
        const token = tokens.get(digest)
        if (token === undefined || token.usedAt !== undefined) return false
        tokens.set(digest, { ...token, usedAt: now })
        tokens.set(successor.digest, successor)
        return true
      }),
    endFamily: (family, now) =>
      Effect.sync(() => {
        for (const token of tokens.values()) {
          if (token.family === family && token.usedAt === undefined) tokens.set(token.digest, { ...token, usedAt: now })
        }
      })
  }
}

/** How long an expired token is still known as expired: 7 days, in milliseconds. */
export const keptFor = 7 * 86_400_000
