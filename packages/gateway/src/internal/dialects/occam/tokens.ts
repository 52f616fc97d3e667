/** Access tokens, which are signed, and refresh tokens, which are remembered. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { errors, jwtVerify, SignJWT, type JWTHeaderParameters } from "jose"
import { Buffer } from "node:buffer"
import { createHash, createHmac, randomBytes } from "node:crypto"
import type { RefreshToken, SigningKey, TokenStorage, TokenStorageError } from "../../../DialectTokens.ts"

/** What tokens are made from and how long they last. Times are milliseconds. */
export interface Settings {
  readonly storage: TokenStorage
  readonly secret: Redacted.Redacted<string>
  /** Whom tokens are for: one mount of the dialect, so that one tenant's token is worth nothing at another's. */
  readonly audience: string
  readonly accessLife: number
  readonly refreshLife: number
}

/** A token and its end. */
export interface Token {
  readonly text: string
  readonly expiresAt: number
}

/** Who a token stands for, or why it does not. */
export type Reading =
  | { readonly kind: "valid"; readonly actor: string }
  | { readonly kind: "expired" | "malformed" | "forged" }

/** What became of a refresh token that was presented. */
export type Refreshing = RefreshToken | "unknown" | "expired" | "used"

/** The tokens of one mount. */
export interface Tokens {
  readonly issueAccess: (actor: string) => Effect.Effect<Token, Error>
  readonly readAccess: (text: string) => Effect.Effect<Reading, Error>
  readonly issueRefresh: (actor: string) => Effect.Effect<Token, TokenStorageError>
  readonly present: (text: string) => Effect.Effect<Refreshing, TokenStorageError>
  /** Trades a token that was found usable for the next one; none where another request was faster. */
  readonly trade: (token: RefreshToken) => Effect.Effect<Token | undefined, TokenStorageError>
}

const issuer = "keyfold"
const algorithm = "HS256"
const tokenType = "at+jwt"

/** A new signing key is made after 30 days; the old one verifies until its last token has ended. */
const signingLife = 30 * 86_400_000

/** Signing keys are read again this often at most, whatever ids forged tokens name. */
const rereadAfter = 5_000

const randomText = (bytes: number) => randomBytes(bytes).toString("base64url")

const digestOf = (text: string) => createHash("sha256").update(text, "utf8").digest("hex")

/** The key itself: without the secret the stored half is nothing. */
const materialOf = ({ secret }: Settings, { seed }: SigningKey): Uint8Array =>
  createHmac("sha256", Redacted.value(secret)).update(`keyfold gateway token signing key\n${seed}`).digest()

interface Keyring {
  readonly newest: Effect.Effect<SigningKey, TokenStorageError>
  readonly find: (id: string) => Effect.Effect<SigningKey | undefined, TokenStorageError>
}

const makeKeyring = ({ accessLife, storage }: Settings): Keyring => {
  let kept: ReadonlyArray<SigningKey> = []
  let readAt = -Infinity
  const read = Effect.gen(function* () {
    kept = yield* storage.signingKeys
    readAt = yield* Clock.currentTimeMillis
    return kept
  })
  const current = (now: number) => kept.find(({ createdAt }) => now - createdAt < signingLife)
  const newest = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const known = current(now)
    if (known !== undefined) return known
    yield* read
    const stored = current(now)
    if (stored !== undefined) return stored
    const key: SigningKey = { id: randomText(9), seed: randomText(32), createdAt: now }
    yield* storage.addSigningKey(key, now - signingLife - accessLife)
    yield* read
    return key
  })
  const find = Effect.fnUntraced(function* (id: string): Effect.fn.Return<SigningKey | undefined, TokenStorageError> {
    const isNamed = (key: SigningKey) => key.id === id
    const known = kept.find(isNamed)
    if (known !== undefined || (yield* Clock.currentTimeMillis) - readAt < rereadAfter) return known
    return (yield* read).find(isNamed)
  })
  return { newest, find }
}

const seconds = (milliseconds: number) => Math.floor(milliseconds / 1_000)

const issueAccess = (settings: Settings, keyring: Keyring) =>
  Effect.fnUntraced(function* (actor: string): Effect.fn.Return<Token, Error> {
    const key = yield* keyring.newest
    const now = yield* Clock.currentTimeMillis
    const expiresAt = seconds(now + settings.accessLife) * 1_000
    const text = yield* Effect.tryPromise({
      try: () =>
        new SignJWT()
          .setProtectedHeader({ alg: algorithm, typ: tokenType, kid: key.id })
          .setIssuer(issuer)
          .setAudience(settings.audience)
          .setSubject(actor)
          .setJti(randomText(12))
          .setIssuedAt(seconds(now))
          .setExpirationTime(seconds(expiresAt))
          .sign(materialOf(settings, key)),
      catch: () => new Error("the token could not be signed")
    })
    return { text, expiresAt }
  })

/** The id of the key a token names. Nothing of it is trusted before the signature is verified with that very key. */
const keyIdOf = (text: string): string | undefined => {
  const [head, ...rest] = text.split(".")
  if (rest.length !== 2) return undefined
  try {
    const header: JWTHeaderParameters = JSON.parse(Buffer.from(head ?? "", "base64url").toString("utf8"))
    return typeof header.kid === "string" ? header.kid : undefined
  } catch {
    return undefined
  }
}

const readAccess = (settings: Settings, keyring: Keyring) =>
  Effect.fnUntraced(function* (text: string): Effect.fn.Return<Reading, Error> {
    const id = keyIdOf(text)
    if (id === undefined) return { kind: "malformed" }
    const key = yield* keyring.find(id)
    if (key === undefined) return { kind: "forged" }
    const currentDate = new Date(yield* Clock.currentTimeMillis)
    const { audience } = settings
    const required = ["sub", "exp"]
    const options = { algorithms: [algorithm], typ: tokenType, issuer, audience, currentDate, requiredClaims: required }
    return yield* Effect.promise(() =>
      jwtVerify(text, materialOf(settings, key), options).then(
        ({ payload }): Reading => ({ kind: "valid", actor: payload.sub ?? "" }),
        (error: unknown): Reading => ({ kind: error instanceof errors.JWTExpired ? "expired" : "forged" })
      )
    )
  })

interface Drawn {
  readonly text: string
  readonly token: RefreshToken
}

const draw = ({ audience, refreshLife }: Settings, actor: string, family: string, now: number): Drawn => {
  const text = `kfr_${randomText(32)}`
  const expiresAt = seconds(now + refreshLife) * 1_000
  return { text, token: { digest: digestOf(text), family, audience, actor, expiresAt, usedAt: undefined } }
}

/** One that was used before ends its whole family: either its client or a thief holds a copy, and nobody knows which. */
const present = ({ audience, storage }: Settings) =>
  Effect.fnUntraced(function* (text: string): Effect.fn.Return<Refreshing, TokenStorageError> {
    const token = yield* storage.findRefresh(digestOf(text))
    if (token === undefined || token.audience !== audience) return "unknown"
    const now = yield* Clock.currentTimeMillis
    if (token.expiresAt <= now) return "expired"
    if (token.usedAt === undefined) return token
    yield* storage.endFamily(token.family, now)
    return "used"
  })

/** Makes the tokens of one mount. */
export const make = (settings: Settings): Tokens => {
  const keyring = makeKeyring(settings)
  const { storage } = settings
  return {
    issueAccess: issueAccess(settings, keyring),
    readAccess: readAccess(settings, keyring),
    issueRefresh: Effect.fnUntraced(function* (actor) {
      const now = yield* Clock.currentTimeMillis
      const { text, token } = draw(settings, actor, randomText(12), now)
      yield* storage.addRefresh(token, now)
      return { text, expiresAt: token.expiresAt }
    }),
    present: present(settings),
    trade: Effect.fnUntraced(function* ({ actor, digest, family }) {
      const now = yield* Clock.currentTimeMillis
      const { text, token } = draw(settings, actor, family, now)
      const isTraded = yield* storage.useRefresh(digest, token, now)
      if (isTraded) return { text, expiresAt: token.expiresAt }
      yield* storage.endFamily(family, now)
      return undefined
    })
  }
}
