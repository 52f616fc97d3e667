/**
 * Speaks the API-key protocol of Arthur's GenAI Engine over any store.
 *
 * Clients send `Authorization: Bearer <a key of the gateway>` to `<path>/auth/api_keys/`. Wire facts come from the
 * open-sourced engine (arthur-ai/arthur-engine at 68fc0cacd, partly executed).
 *
 * @since 0.1.0
 */
import * as DialectSettings from "@keyfold/config/DialectSettings"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { Dialect, Host } from "./Dialect.ts"
import { makeServer } from "./internal/dialects/arthur/server.ts"
import { assignableRoles } from "./internal/dialects/arthur/wire.ts"
import { mistake } from "./internal/dialects/mount.ts"
import * as scopeNames from "./internal/dialects/scopeNames.ts"

/**
 * Decodes the options as a configuration file states them.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Options = DialectSettings.Arthur

/**
 * Says whose keys the dialect manages, and how.
 *
 * - `path`: where it is mounted, `/arthur` when omitted. Clients use the gateway's address with this path as their host.
 * - `tenant`: whose keys these are. Mount the dialect once for each tenant, under a path of its own.
 * - `owner`: the owner of keys made here, for stores whose keys have one; the store's default when omitted.
 * - `roles`: Arthur's role → the store's portable scope. With a map only its roles are accepted; without one Arthur's names
 *   are the portable ones. A create without roles asks for `VALIDATION-USER`, as at Arthur.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Schema.Schema.Type<typeof Options> {}

const defaultPath = "/arthur"

/**
 * Makes the dialect.
 *
 * Fails with a `ConfigurationError` that names the option where one cannot work.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options, host: Host): Effect.Effect<Dialect, ConfigurationError> => {
  const wrong = scopeNames.mistakeIn(options.roles, assignableRoles)
  if (wrong !== undefined) return Effect.fail(mistake("arthur", `roles.${wrong.name}`, wrong.problem, wrong.fix))
  const { owner, path = defaultPath, roles, tenant } = options
  return Effect.succeed(makeServer({ host, path, tenant, owner, names: scopeNames.make(roles, assignableRoles) }))
}
