/** Callers with a token of an issuer the operator trusts. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  decodeJwt,
  errors,
  jwtVerify,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JSONWebKeySet
} from "jose"
import type { Caller, Issuer } from "../Gateway.ts"
import * as Grant from "../Grant.ts"
import { make as problem, type Problem } from "../Problem.ts"

/** Signatures only. A shared secret would let whoever can check a token make one. */
const algorithms: ReadonlySet<string> = new Set([
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519"
])

const usual = ["RS256", "PS256", "ES256", "EdDSA"]

/** A caller, and until when its token is good, in epoch milliseconds. */
export interface Bearer {
  readonly caller: Caller
  readonly until: number
}

/** One issuer, ready to check tokens. */
interface Trusted {
  readonly issuer: Issuer
  readonly keys: JWTVerifyGetKey
}

const failure = (field: string, what: string, fix: string) =>
  new ConfigurationError({ field: `gateway.jwt.${field}`, problem: what, fix })

const isLoopback = (host: string): boolean => host === "localhost" || host === "[::1]" || host.startsWith("127.")

const keysOf = (jwks: string | JSONWebKeySet): JWTVerifyGetKey | ConfigurationError => {
  if (typeof jwks !== "string") return createLocalJWKSet(jwks)
  if (!URL.canParse(jwks))
    return failure("jwks", "the address of the keys is not a URL.", "Write the issuer's JWKS URL.")
  const url = new URL(jwks)
  if (url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname))) {
    return createRemoteJWKSet(url, { timeoutDuration: 5000 })
  }
  return failure("jwks", "the keys would be fetched without TLS.", "Write an https: URL.")
}

const trust = (issuer: Issuer): Effect.Effect<Trusted, ConfigurationError> => {
  const unsafe = (issuer.algorithms ?? []).find((name) => !algorithms.has(name))
  if (unsafe !== undefined) {
    const fix = `Use only ${[...algorithms].join(", ")}.`
    return Effect.fail(failure("algorithms", `${JSON.stringify(unsafe)} is not accepted.`, fix))
  }
  const audiences = [issuer.audience].flat()
  if (issuer.issuer === "" || audiences.length === 0 || audiences.includes("")) {
    return Effect.fail(failure("audience", "the issuer or the audience is empty.", "Name both."))
  }
  const keys = keysOf(issuer.jwks)
  return keys instanceof ConfigurationError ? Effect.fail(keys) : Effect.succeed({ issuer, keys })
}

const refused = problem("unauthenticated", "The token is not valid.", {}, { "www-authenticate": "Bearer" })

const unreachable = problem("unavailable", "Tokens cannot be checked at the moment.")

/** What fails where the token is at fault; anything else is the issuer's or ours. */
const isRefusal = (error: unknown): boolean =>
  error instanceof errors.JOSEError &&
  !(error instanceof errors.JWKSTimeout) &&
  !(error instanceof errors.JWKSInvalid) &&
  error.code !== "ERR_JOSE_GENERIC"

const grantsOf = (payload: JWTPayload, claim: string): ReadonlyArray<Grant.Grant> => {
  const value = payload[claim]
  if (typeof value === "string") return Grant.parseAll(value.split(" "))
  return Array.isArray(value) ? Grant.parseAll(value.filter((item) => typeof item === "string")) : []
}

/** A subject goes into the log and the audit, where control characters have no place. */
const isNameable = (subject: string): boolean => /^[^\p{Cc}\p{Cs}]{1,255}$/u.test(subject)

const check = Effect.fnUntraced(function* (
  { issuer, keys }: Trusted,
  token: string
): Effect.fn.Return<Bearer, Problem> {
  const now = yield* Clock.currentTimeMillis
  const tolerance = Duration.toSeconds(Duration.fromInputUnsafe(issuer.clockTolerance ?? "30 seconds"))
  const { payload } = yield* Effect.tryPromise({
    try: () =>
      jwtVerify(token, keys, {
        issuer: issuer.issuer,
        audience: [issuer.audience].flat(),
        algorithms: [...(issuer.algorithms ?? usual)],
        clockTolerance: tolerance,
        currentDate: new Date(now),
        requiredClaims: ["exp", "sub"]
      }),
    catch: (error) => (isRefusal(error) ? refused : unreachable)
  })
  const { sub = "" } = payload
  if (!isNameable(sub)) return yield* refused
  const actor = `jwt:${issuer.issuer}#${sub}`
  const grants = grantsOf(payload, issuer.scopesClaim ?? "scope")
  return { caller: { actor, grants }, until: (Number(payload.exp) + tolerance) * 1000 }
})

/** Names the issuer that a token claims, unchecked. */
const claimedIssuer = (token: string): string | undefined => {
  try {
    return decodeJwt(token).iss
  } catch {
    return undefined
  }
}

/** Checks tokens of the trusted issuers. */
export type Tokens = (token: Redacted.Redacted<string>) => Effect.Effect<Bearer, Problem>

/** Prepares the issuers; their keys are fetched when a token needs them. */
export const make = Effect.fnUntraced(function* (
  issuers: ReadonlyArray<Issuer>
): Effect.fn.Return<Tokens, ConfigurationError> {
  const trusted = new Map((yield* Effect.forEach(issuers, trust)).map((one) => [one.issuer.issuer, one]))
  return (token) => {
    const text = Redacted.value(token)
    const one = trusted.get(claimedIssuer(text) ?? "")
    return one === undefined ? Effect.fail(refused) : check(one, text)
  }
})
