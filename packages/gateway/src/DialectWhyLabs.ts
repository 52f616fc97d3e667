/**
 * Speaks WhyLabs' API-key protocol, v0 and v1, over any store.
 *
 * Clients send `X-API-Key: <a key of the gateway>` to `<path>/v0/organizations/{org_id}/api-key` or `<path>/v1/api-key`. Wire
 * facts come from the open-sourced server (whylabs/whylabs-oss at 151d1589).
 *
 * @since 0.1.0
 */
import * as DialectSettings from "@keyfold/config/DialectSettings"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { Dialect, Host } from "./Dialect.ts"
import { mistake } from "./internal/dialects/mount.ts"
import * as scopeNames from "./internal/dialects/scopeNames.ts"
import { allScopes } from "./internal/dialects/whylabs/wire.ts"
import { makeServer } from "./internal/dialects/whylabs/server.ts"

/**
 * Decodes the options as a configuration file states them.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Options = DialectSettings.WhyLabs

/**
 * Says which organizations the dialect serves, and how.
 *
 * - `path`: where it is mounted, `/whylabs` when omitted. Clients use the gateway's address with this path as their host.
 * - `organizations`: an organization's id, as clients send it, and the tenant that stands for it.
 * - `owner`: the user to whom keys belong that have no owner in the store: every key of a store without owners.
 * - `scopes`: WhyLabs' scope → the store's portable scope. With a map only its names are accepted; without one WhyLabs'
 *   names are the portable ones.
 * - `defaultScopes`: what a create without scopes asks for, in WhyLabs' names. None when omitted, as at WhyLabs: such a key
 *   may do nothing.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Schema.Schema.Type<typeof Options> {}

const defaultPath = "/whylabs"

const refuse = (field: string, problem: string, fix: string) => Effect.fail(mistake("whylabs", field, problem, fix))

const check = (options: Options): Effect.Effect<void, ConfigurationError> => {
  const organizations = Object.keys(options.organizations)
  if (organizations.length === 0) {
    return refuse("organizations", "no organization is served.", "Name one and its tenant.")
  }
  const unusable = organizations.find((id) => !/^[^/?#&;+]+$/.test(id))
  if (unusable !== undefined) {
    const problem = `${JSON.stringify(unusable)} cannot be part of a path.`
    return refuse("organizations", problem, "Use the id that clients send, such as org-7Kd3mQ.")
  }
  const wrong = scopeNames.mistakeIn(options.scopes, allScopes)
  if (wrong !== undefined) return refuse(`scopes.${wrong.name}`, wrong.problem, wrong.fix)
  const names = scopeNames.make(options.scopes, allScopes)
  const foreign = options.defaultScopes?.find((name) => !names.accepts(name))
  return foreign === undefined
    ? Effect.void
    : refuse("defaultScopes", `${JSON.stringify(foreign)} is not accepted.`, "Use names that clients may send.")
}

/**
 * Makes the dialect.
 *
 * Fails with a `ConfigurationError` that names the option where one cannot work.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options, host: Host): Effect.Effect<Dialect, ConfigurationError> =>
  Effect.map(check(options), () =>
    makeServer({
      host,
      path: options.path ?? defaultPath,
      tenants: new Map(Object.entries(options.organizations)),
      owner: options.owner,
      names: scopeNames.make(options.scopes, allScopes),
      defaultScopes: options.defaultScopes ?? []
    })
  )
