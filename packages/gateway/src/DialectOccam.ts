/**
 * Speaks Occam's API-key protocol over any store, its trade of keys for tokens included.
 *
 * Clients trade a key of the gateway for a token at `<path>/auth/access-token` and send the token to `<path>/keys/`. The
 * server is closed: wire facts come from its published clients (Occam-AI/occam-sdk at 72e3238 and 47ac141).
 *
 * @since 0.1.0
 */
import * as DialectSettings from "@keyfold/config/DialectSettings"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Secret } from "@keyfold/core/Secret"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Schema from "effect/Schema"
import type { Dialect, Host } from "./Dialect.ts"
import type { TokenStorage } from "./DialectTokens.ts"
import { mistake } from "./internal/dialects/mount.ts"
import { makeServer } from "./internal/dialects/occam/server.ts"
import * as tokens from "./internal/dialects/occam/tokens.ts"

/**
 * Decodes the options as a configuration file states them.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Options = DialectSettings.Occam

/**
 * Says whose keys the dialect manages, and how.
 *
 * - `path`: where it is mounted, `/occam` when omitted. Clients use the gateway's address with this path as their host.
 * - `tenant`: whose keys these are. Mount the dialect once for each tenant, under a path of its own.
 * - `owner`: the owner of keys made here, for stores whose keys have one; the store's default when omitted.
 * - `scopes`: the portable scopes of keys made here, for Occam knows none; the store's default when omitted.
 * - `secret`: at least 32 bytes of random text that tokens are signed with, the same in every process.
 * - `users`: a user name → the caller that stands behind it, for logging in with a name and, as the password, one of the
 *   caller's keys. A name that is not there stands for the caller of that name.
 * - `accessTokenLife` (24 hours when omitted) and `refreshTokenLife` (28 days).
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Schema.Schema.Type<typeof Options> {}

const defaultPath = "/occam"

const shortestSecret = 32

const readSecret = Effect.fnUntraced(function* (
  secret: Secret
): Effect.fn.Return<Redacted.Redacted<string>, ConfigurationError> {
  const fix = "Supply at least 32 bytes of random text, by reference to a file or an environment variable."
  const value = Redacted.isRedacted(secret)
    ? secret
    : yield* Effect.mapError(secret, () => mistake("occam", "secret", "the secret could not be obtained.", fix))
  const { length } = new TextEncoder().encode(Redacted.value(value))
  if (length < shortestSecret) {
    const problem = `the secret is too short: ${length} of at least ${shortestSecret} bytes.`
    return yield* mistake("occam", "secret", problem, fix)
  }
  return value
})

/**
 * Makes the dialect. Processes that share `storage` take each other's tokens.
 *
 * Fails with a `ConfigurationError` that names the option where one cannot work.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options,
  host: Host,
  storage: TokenStorage
): Effect.fn.Return<Dialect, ConfigurationError> {
  const secret = yield* readSecret(options.secret)
  const { owner, path = defaultPath, scopes, tenant } = options
  const accessLife = Duration.toMillis(options.accessTokenLife ?? Duration.hours(24))
  const refreshLife = Duration.toMillis(options.refreshTokenLife ?? Duration.days(28))
  for (const [field, life] of Object.entries({ accessTokenLife: accessLife, refreshTokenLife: refreshLife })) {
    const fix = "State it like this: 1 hour."
    if (!(life >= 1_000 && life <= 366 * 86_400_000)) {
      return yield* mistake("occam", field, "expected a time from 1 second to 366 days.", fix)
    }
  }
  const audience = `occam ${tenant} ${path}`
  return makeServer({
    host,
    tokens: tokens.make({ storage, secret, audience, accessLife, refreshLife }),
    users: new Map(Object.entries(options.users ?? {})),
    path,
    tenant,
    owner,
    scopes
  })
})
