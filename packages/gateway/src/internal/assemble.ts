/** Puts a gateway together: from its options to what answers requests. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Pepper from "@keyfold/sql/Pepper"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpRouter from "effect/http/HttpRouter"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as IpNetwork from "effect/net/IpNetwork"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { Audit } from "../Audit.ts"
import type { Limits, Listen, Options, Route } from "../Gateway.ts"
import * as access from "./access.ts"
import * as admission from "./admission.ts"
import * as auditStorage from "./auditStorage.ts"
import * as bootstrap from "./bootstrap.ts"
import * as callers from "./callers.ts"
import { api } from "./contract.ts"
import type { Means } from "./creating.ts"
import * as console from "./console/routes.ts"
import * as sessions from "./console/sessions.ts"
import * as database from "./database.ts"
import { surround, type Answering } from "./exchange.ts"
import * as jwt from "./jwt.ts"
import * as keyHandlers from "./keyHandlers.ts"
import * as keying from "./keying.ts"
import * as limits from "./limits.ts"
import * as meter from "./meter.ts"
import * as operations from "./operations.ts"
import * as paths from "./paths.ts"
import * as refusing from "./refusals.ts"
import * as rotationHandlers from "./rotations/handlers.ts"
import * as routes from "./routes.ts"
import * as systemHandlers from "./systemHandlers.ts"
import * as tenantHandlers from "./tenantHandlers.ts"

/** A gateway that listens nowhere yet. */
export interface Assembled {
  readonly answering: Answering
  readonly audit: Audit
  /** Says that it ends, and no more: calls go on. */
  readonly stop: Effect.Effect<void>
  /** Gives up the calls that are still in flight. */
  readonly giveUp: Effect.Effect<void>
}

const defaults = { cacheFor: "5 seconds", timeout: "1 minute", bodyBytes: 64 * 1024 } as const

const perMinute = (requests: number) => ({ requests, within: Duration.minutes(1) })

const failure = (field: string, problem: string, fix: string) =>
  new ConfigurationError({ field: `gateway.${field}`, problem, fix })

const limitOf = Effect.fnUntraced(function* (
  name: "caller" | "tenant" | "refusals",
  written: Limits["caller"],
  otherwise: limits.Limit
): Effect.fn.Return<limits.Limit, ConfigurationError> {
  if (written === undefined) return otherwise
  const within = Duration.fromInput(written.within)
  if (within._tag === "None" || !Duration.isGreaterThan(within.value, Duration.zero) || written.requests < 1) {
    return yield* failure(`limits.${name}`, "it would let nobody in.", "Write at least one request in some time.")
  }
  return { requests: Math.floor(written.requests), within: within.value }
})

const networkOf = (text: string): Effect.Effect<IpNetwork.IpNetwork, ConfigurationError> => {
  const whole = text.includes("/") ? text : `${text}/${text.includes(":") ? 128 : 32}`
  const network = IpNetwork.fromString(whole)
  return Result.isSuccess(network)
    ? Effect.succeed(network.success)
    : Effect.fail(
        failure(
          "trustedProxies",
          `${JSON.stringify(text)} is no network.`,
          "Write an address, or one such as 10.0.0.0/8."
        )
      )
}

const durationOf = (field: string, input: Duration.Input): Effect.Effect<Duration.Duration, ConfigurationError> => {
  const duration = Duration.fromInput(input)
  return duration._tag === "Some" && !Duration.isNegative(duration.value)
    ? Effect.succeed(duration.value)
    : Effect.fail(failure(field, "expected a length of time.", 'Write one such as "5 seconds".'))
}

/** What the gateway keeps: its callers, its audit, and what was asked for. */
const keeping = Effect.fnUntraced(function* (options: Options) {
  const sql = yield* database.open(options.database)
  const peppers = yield* Pepper.make(options.database)
  const store = yield* bootstrap.open(options.database)
  const tokens = yield* jwt.make(options.jwt ?? [])
  const cacheFor = yield* durationOf("cacheFor", options.cacheFor ?? defaults.cacheFor)
  const { counted, ...written } = options.limits ?? {}
  const caller = yield* limitOf("caller", written.caller, perMinute(1200))
  const tenant = yield* limitOf("tenant", written.tenant, perMinute(6000))
  const refusals = meter.refusals(refusing.make(yield* limitOf("refusals", written.refusals, perMinute(60))))
  const checked = meter.callers(yield* callers.make(store, tokens, cacheFor))
  return {
    sql,
    own: store,
    refusals,
    callers: refusing.guarding(checked, refusals),
    audit: meter.audit(auditStorage.make(sql, keying.make(peppers, "audit"))),
    operations: yield* operations.make(sql, keying.make(peppers, "operations")),
    limits: meter.limits(yield* limits.make({ caller, tenant }, counted === "database" ? sql : undefined))
  }
})

const settingsOf = Effect.fnUntraced(function* ({
  limits: { bodyBytes = defaults.bodyBytes, timeout = defaults.timeout } = {},
  tls,
  trustedProxies = []
}: Options & Listen) {
  return {
    bodyBytes,
    timeout: yield* durationOf("limits.timeout", timeout),
    trustedProxies: yield* Effect.forEach(trustedProxies, networkOf),
    secure: tls !== undefined
  }
})

const routerConfig = {
  caseSensitive: true,
  ignoreDuplicateSlashes: false,
  maxParamLength: 4096
}

/** How the end is begun, and how those who answer until then are told of it. */
const ending = Effect.map(Deferred.make<void>(), (over) => {
  let isStopping = false
  return {
    told: { isStopping: () => isStopping, isOver: Deferred.await(over) },
    stop: Effect.sync(() => void (isStopping = true)),
    giveUp: Effect.asVoid(Deferred.succeed(over, undefined))
  }
})

/** Leaves the paths of the console to it. */
const checkPaths = (routes: ReadonlyArray<Route>): Effect.Effect<void, ConfigurationError> => {
  const taken = routes.find(({ path }) => path === "/" || path.startsWith("/console/"))
  if (taken === undefined) return Effect.void
  const fix = "Serve it under another path, or switch the console off with console: false."
  return Effect.fail(failure("routes", `the path ${taken.path} is the console's.`, fix))
}

/** Makes what answers requests. The scope's end closes what it uses. */
export const assemble = Effect.fnUntraced(function* (
  options: Options & Listen
): Effect.fn.Return<Assembled, ConfigurationError, Scope.Scope> {
  const { backends } = options
  const { audit, callers, limits, operations, own, refusals, sql } = yield* keeping(options)
  const entrance = access.make({ audit, backends, callers, limits, own, refusals })
  const extra = yield* options.routes?.(entrance) ?? Effect.succeed([])
  const hasConsole = options.console !== false
  if (hasConsole) yield* checkPaths(extra)
  const { told, ...phases } = yield* ending
  const settings = {
    ...(yield* settingsOf(options)),
    methods: paths.make([...routes.own, ...extra, ...(hasConsole ? console.own : [])]),
    ...told
  }
  const means: Means = { backends, operations, audit }
  const groups = Layer.mergeAll(
    keyHandlers.layer(means),
    rotationHandlers.layer({ backends, audit, rotations: options.rotations }),
    tenantHandlers.layer(backends),
    systemHandlers.layer({ isStopping: settings.isStopping, databaseAnswers: database.answers(sql) })
  ).pipe(Layer.provideMerge(admission.layer(backends, callers, limits)))
  const { secure } = settings
  const pages = console.layer({
    ...means,
    access: entrance,
    limits,
    sessions: sessions.make(sql),
    secure,
    rotations: options.rotations
  })
  const whole = Layer.mergeAll(
    HttpApiBuilder.layer(api).pipe(Layer.provide(groups)),
    routes.layer(extra),
    hasConsole ? pages : Layer.empty
  ).pipe(Layer.provide(NodeHttpServer.layerHttpServices))
  const routed = yield* Effect.provideService(HttpRouter.toHttpEffect(whole), HttpRouter.RouterConfig, routerConfig)
  return { answering: surround(routed, settings), audit, ...phases }
})
