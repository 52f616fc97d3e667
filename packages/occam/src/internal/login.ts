/** Trading the configured credential for a short-lived bearer token. */
import type { DriverError } from "@keyfold/core/Driver"
import { InvalidRequest, Unauthenticated } from "@keyfold/core/KeyStoreError"
import { resolve, type Secret } from "@keyfold/core/Secret"
import type { Verification } from "@keyfold/core/Verification"
import type { Token } from "@keyfold/http/BearerToken"
import type { HttpBackend } from "@keyfold/http/HttpBackend"
import type { Refine } from "@keyfold/http/HttpReason"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import { AccessToken, toToken } from "./wire.ts"

/** What to log in with. */
export type Login =
  | { readonly kind: "apiKey"; readonly apiKey: Secret }
  | { readonly kind: "password"; readonly username: string; readonly password: Secret }

const anonymous = Effect.succeed({})

const readToken = (backend: HttpBackend, call: Parameters<HttpBackend["decode"]>[1]) =>
  Effect.zipWith(backend.decode(AccessToken, { ...call, authorize: anonymous }), Clock.currentTimeMillis, (wire, now) =>
    toToken(wire, now)
  )

/** Stands for an answer of Occam's own; a 401 that is not JSON comes from a proxy and says nothing about the secret. */
const refusal = new Unauthenticated({ problem: "Occam did not accept the configured credential" })

/** A JSON 400 or 401 refuses the credential; a plain-text 400 comes from the host check in front of everything. */
const refuses: Refine = ({ json, status }) => {
  // Whatever a wrong key is answered with, it must not read as a missing key or a missing route.
  const unknownKey = status === 404 && Predicate.hasProperty(json, "detail") && json.detail !== "Not Found"
  return unknownKey || ((status === 400 || status === 401) && json !== undefined) ? refusal : undefined
}

// The route takes the key in its query. The transport never shows a query, so the key reaches no error, span or log.
const fromKey = (backend: HttpBackend, key: Redacted.Redacted<string>): Effect.Effect<Token, DriverError> =>
  readToken(backend, { method: "GET", segments: ["auth", "access-token"], query: [["key", key]], refine: refuses })

const fromPassword = (
  backend: HttpBackend,
  username: string,
  password: Redacted.Redacted<string>
): Effect.Effect<Token, DriverError> =>
  readToken(backend, {
    method: "POST",
    segments: ["auth", "access-token"],
    form: [
      ["grant_type", "password"],
      ["username", username],
      ["password", password]
    ],
    refine: refuses
  })

const fromRefresh = (backend: HttpBackend, refresh: string): Effect.Effect<Token, DriverError> =>
  readToken(backend, { method: "POST", segments: ["auth", "refresh-token"], json: { refresh_token: refresh } })

const logIn = (backend: HttpBackend, login: Login): Effect.Effect<Token, DriverError> =>
  login.kind === "apiKey"
    ? Effect.flatMap(resolve(login.apiKey), (key) => fromKey(backend, key))
    : Effect.flatMap(resolve(login.password), (password) => fromPassword(backend, login.username, password))

/** Obtains a token: with the refresh token where there is one, with the credential where that does not work. */
export const acquire =
  (backend: HttpBackend, login: Login) =>
  (previous: Token | undefined): Effect.Effect<Token, DriverError> =>
    previous?.refresh === undefined
      ? logIn(backend, login)
      : Effect.catch(fromRefresh(backend, Redacted.value(previous.refresh)), () => logIn(backend, login))

/** Asks for a token in exchange for a secret and throws it away. */
export const verify = (
  backend: HttpBackend,
  secret: Redacted.Redacted<string>
): Effect.Effect<Verification, DriverError> =>
  fromKey(backend, secret).pipe(
    Effect.as<Verification>({ valid: true }),
    Effect.catchIf(
      (error) => error.reason === refusal,
      () => Effect.succeed<Verification>({ valid: false, reason: "refused" })
    )
  )

/** The host check of the server, or a proxy before it, speaks plain text. */
export const shared: Refine = ({ detail, json, status }) => {
  const wrongHost = status === 400 && json === undefined
  const wrongPath = (status === 404 && (detail === "Not Found" || json === undefined)) || status === 405
  return wrongHost || wrongPath
    ? new InvalidRequest({
        field: "baseUrl",
        problem: "the server answers but does not serve Occam's API there; check the address and its path prefix"
      })
    : undefined
}
