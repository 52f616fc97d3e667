/** Who calls: a key of the gateway's own store, or a token of a trusted issuer. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { KeyStore } from "@keyfold/core/KeyStore"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { createHmac, createSecretKey, randomBytes } from "node:crypto"
import type { Caller } from "../Gateway.ts"
import * as Grant from "../Grant.ts"
import { make as problem, type Problem } from "../Problem.ts"
import type { Bearer, Tokens } from "./jwt.ts"

/** Tells who presents a credential. */
export type Callers = (credential: Redacted.Redacted<string>) => Effect.Effect<Caller, Problem>

const challenge = { "www-authenticate": "Bearer" }

const missing = problem(
  "unauthenticated",
  "Send a key of this gateway, or a token, as Authorization: Bearer.",
  {},
  challenge
)

const refused = problem("unauthenticated", "The key is not valid.", {}, challenge)

const unknowable = problem("unavailable", "Keys of callers cannot be checked at the moment.")

const byKey = Effect.fnUntraced(function* (
  store: KeyStore["Service"],
  secret: Redacted.Redacted<string>
): Effect.fn.Return<Bearer, Problem> {
  const verification = yield* Effect.mapError(store.verify(secret), () => unknowable)
  if (!verification.valid || verification.key === undefined) return yield* refused
  const { expiresAt, id, scopes } = verification.key
  const until = expiresAt?.epochMilliseconds ?? Number.POSITIVE_INFINITY
  return { caller: { actor: `key:${id}`, grants: Grant.parseAll(scopes) }, until }
})

/** So many callers are remembered; who comes beyond that is checked anew each time the oldest had to go. */
const capacity = 10_000

/** Remembers who presented a credential, for a short time. Credentials are kept as digests under a key of this process. */
const remembering = (
  callers: (credential: Redacted.Redacted<string>) => Effect.Effect<Bearer, Problem>,
  ttl: number
) => {
  // Node takes 12 us longer to key a hash with bytes.
  const key = createSecretKey(randomBytes(32))
  const known = new Map<string, Bearer>()
  return Effect.fnUntraced(function* (credential: Redacted.Redacted<string>): Effect.fn.Return<Caller, Problem> {
    const now = yield* Clock.currentTimeMillis
    const digest = createHmac("sha256", key).update(Redacted.value(credential)).digest("base64")
    const found = known.get(digest)
    if (found !== undefined && now < found.until) return found.caller
    known.delete(digest)
    const { caller, until } = yield* callers(credential)
    const [oldest] = known.size < capacity ? [] : known.keys()
    if (oldest !== undefined) known.delete(oldest)
    known.set(digest, { caller, until: Math.min(until, now + ttl) })
    return caller
  })
}

/** Three parts in base64url, which a key of the gateway's never is. */
const isToken = (text: string): boolean => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text)

const longest = Duration.minutes(1)

const longestCredential = 8192

/** Makes what tells callers apart. */
export const make = Effect.fnUntraced(function* (
  store: KeyStore["Service"],
  tokens: Tokens,
  cacheFor: Duration.Duration
): Effect.fn.Return<Callers, ConfigurationError> {
  if (Duration.isGreaterThan(cacheFor, longest)) {
    return yield* new ConfigurationError({
      field: "gateway.cache",
      problem: `a revoked key would be accepted for ${Duration.format(cacheFor)}.`,
      fix: `Write at most ${Duration.format(longest)}.`
    })
  }
  const known = remembering(
    (credential) => (isToken(Redacted.value(credential)) ? tokens(credential) : byKey(store, credential)),
    Duration.toMillis(cacheFor)
  )
  return (credential) => {
    const { length } = Redacted.value(credential)
    if (length === 0) return Effect.fail(missing)
    return length > longestCredential ? Effect.fail(refused) : known(credential)
  }
})
