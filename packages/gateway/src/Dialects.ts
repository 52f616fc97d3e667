/**
 * The dialects of one gateway, as a configuration file names them.
 *
 * @since 0.1.0
 */
import { DialectSettings } from "@keyfold/config/DialectSettings"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as SqlDatabase from "@keyfold/sql/SqlDatabase"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import { Limited, type Dialect, type Host } from "./Dialect.ts"
import * as DialectArthur from "./DialectArthur.ts"
import * as DialectOccam from "./DialectOccam.ts"
import * as DialectTokens from "./DialectTokens.ts"
import * as DialectWhyLabs from "./DialectWhyLabs.ts"
import type { Access, Backends, Caller, Route } from "./Gateway.ts"
import { Entry } from "./internal/entry.ts"
import type { Problem } from "./Problem.ts"

/**
 * Decodes the options as a configuration file states them: a mount of each dialect, or a list of mounts.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Options = DialectSettings

/**
 * Says which dialects are spoken, and where.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Schema.Schema.Type<typeof Options> {}

const isList = <A extends object>(given: A | ReadonlyArray<A>): given is ReadonlyArray<A> => Array.isArray(given)

const listed = <A extends object>(given: A | ReadonlyArray<A> | undefined): ReadonlyArray<A> =>
  given === undefined ? [] : isList(given) ? given : [given]

/**
 * Lists the tenants that the options name, each once.
 *
 * @category combinators
 * @since 0.1.0
 */
export const tenantsOf = (options: Options): ReadonlyArray<string> => [
  ...new Set([
    ...listed(options.whylabs).flatMap(({ organizations }) => Object.values(organizations)),
    ...listed(options.arthur).map(({ tenant }) => tenant),
    ...listed(options.occam).map(({ tenant }) => tenant)
  ])
]

/**
 * Fails with the first tenant that the options name and that no store serves.
 *
 * @category combinators
 * @since 0.1.0
 */
export const checkTenants = (
  options: Options,
  { sources }: Pick<Backends, "sources">
): Effect.Effect<void, ConfigurationError> =>
  Effect.flatMap(sources, (all) => {
    const unknown = tenantsOf(options).find((tenant) => !all.some(({ serves }) => serves(tenant)))
    if (unknown === undefined) return Effect.void
    const problem = `no store serves the tenant ${JSON.stringify(unknown)} of a dialect.`
    return new ConfigurationError({ field: "gateway.dialects", problem, fix: "Name a tenant that is configured." })
  }).pipe(Effect.scoped)

const distinct = (dialects: ReadonlyArray<Dialect>): Effect.Effect<ReadonlyArray<Dialect>, ConfigurationError> => {
  const paths = dialects.map(({ path }) => path)
  const repeated = dialects.find(({ path }, index) => paths.indexOf(path) !== index)
  return repeated === undefined
    ? Effect.succeed(dialects)
    : Effect.fail(
        new ConfigurationError({
          field: `dialects.${repeated.name}.path`,
          problem: `${repeated.path} is taken by another mount.`,
          fix: "Give each mount a path of its own."
        })
      )
}

/**
 * Makes every dialect that the options name. `storage` is opened where Occam is among them, and not otherwise.
 *
 * Fails with the first `ConfigurationError` found.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* <R = never>(
  options: Options,
  host: Host,
  storage: Effect.Effect<DialectTokens.TokenStorage, ConfigurationError, R>
): Effect.fn.Return<ReadonlyArray<Dialect>, ConfigurationError, R> {
  const whylabs = yield* Effect.forEach(listed(options.whylabs), (one) => DialectWhyLabs.make(one, host))
  const arthur = yield* Effect.forEach(listed(options.arthur), (one) => DialectArthur.make(one, host))
  const speaking = listed(options.occam)
  const tokens = speaking.length === 0 ? undefined : yield* storage
  const occam =
    tokens === undefined ? [] : yield* Effect.forEach(speaking, (one) => DialectOccam.make(one, host, tokens))
  return yield* distinct([...whylabs, ...arthur, ...occam])
})

const denied = ({ details, name }: Problem): Error | undefined => {
  if (name === "unauthenticated") return undefined
  const { retryAfter } = details
  const limited = () => new Limited(retryAfter === undefined ? {} : { retryAfter: Duration.seconds(retryAfter) })
  return name === "rate-limited" ? limited() : new Error(name)
}

/** None where nobody is let in; whatever else is wrong is not the caller's fault, or a limit. */
const known = (effect: Effect.Effect<Caller, Problem>): Effect.Effect<Option.Option<Caller>, Error> =>
  Effect.catch(Effect.asSome(effect), (problem) => {
    const error = denied(problem)
    return error === undefined ? Effect.succeedNone : Effect.fail(error)
  })

const hostOf = ({ authenticate, recall, store }: Access): Host => ({
  authenticate: (secret) => known(authenticate(secret)),
  recall: (actor) => known(recall(actor)),
  store: (call) => Effect.mapError(store(call), (problem) => denied(problem) ?? problem)
})

/** The request's log line tells the route of the dialect, where the gateway itself knows no more than the mount. */
const note = (route: string): Effect.Effect<void> =>
  Effect.map(
    Effect.serviceOption(Entry),
    Option.map((facts) => Object.assign(facts, { route }))
  )

const toRoute = ({ handle, path, routeOf }: Dialect): Route => ({
  method: "*",
  path: `/${path.slice(1)}/*`,
  handle: (request, { requestId }) => Effect.andThen(note(routeOf(request)), handle(request, requestId))
})

const tokensIn = (database: SqlDatabase.Options) =>
  Effect.flatMap(SqlDatabase.open(database), (sql) =>
    Effect.mapError(Effect.provideService(DialectTokens.inSql, SqlClient.SqlClient, sql), () => {
      const problem = "the tables of Occam's tokens cannot be made."
      return new ConfigurationError({ field: "gateway.url", problem, fix: "Let the gateway's user create tables." })
    })
  )

/**
 * Makes the routes of a gateway that speaks the dialects, for its option `routes`. Occam's tokens are kept in `database`,
 * which is opened where Occam is among them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const routes =
  (options: Options, database: SqlDatabase.Options) =>
  (access: Access): Effect.Effect<ReadonlyArray<Route>, ConfigurationError, Scope.Scope> =>
    Effect.map(make(options, hostOf(access), tokensIn(database)), (dialects) => dialects.map(toRoute))

const isBelow = (path: string, pathname: string): boolean => pathname === path || pathname.startsWith(`${path}/`)

/**
 * Returns the dialect that is mounted where a request goes: the one with the longest path.
 *
 * @category combinators
 * @since 0.1.0
 */
export const find = (dialects: ReadonlyArray<Dialect>, request: Request): Dialect | undefined => {
  const { pathname } = new URL(request.url)
  const below = dialects.filter(({ path }) => isBelow(path, pathname))
  return below.toSorted((one, other) => other.path.length - one.path.length)[0]
}
