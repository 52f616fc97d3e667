/** Metrics for Prometheus, on a port of their own. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Metric from "effect/Metric"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import type * as Scope from "effect/Scope"
import { createServer } from "node:http"
import type { Listen } from "../Gateway.ts"
import { addressOf, unheard } from "./listening.ts"
import { untraced } from "./webHandler.ts"

/** Units that OpenTelemetry's rules for Prometheus write into names. */
const units: Readonly<Record<string, string>> = { s: "_seconds", By: "_bytes" }

/** Names metrics as OpenTelemetry's rules for Prometheus do, so that both ways of collecting them give the same names. */
const namesOf = (context: Context.Context<never>): ((id: string) => string) => {
  const names = new Map(
    Metric.snapshotUnsafe(context).map(({ attributes, id, type }) => {
      const unit = Object.entries({ ...attributes }).find(([name]) => name === "unit")?.[1] ?? ""
      return [id, `${id}${units[unit] ?? ""}${type === "Counter" ? "_total" : ""}`]
    })
  )
  return (id) => names.get(id) ?? id
}

/** Writes all metrics of this process in Prometheus's text format. */
export const text: Effect.Effect<string> = Effect.contextWith((context: Context.Context<never>) =>
  PrometheusMetrics.format({ metricNameMapper: namesOf(context) })
)

const headers = { "cache-control": "no-store", "x-content-type-options": "nosniff" }

const contentType = "text/plain; version=0.0.4; charset=utf-8"

const answering = Effect.gen(function* () {
  const { method, url } = yield* HttpServerRequest
  const path = url.split(/[?#]/, 1)[0]
  if (path !== "/metrics") return HttpServerResponse.text("Metrics are at /metrics.\n", { status: 404, headers })
  if (method !== "GET" && method !== "HEAD") {
    return HttpServerResponse.text("Use GET.\n", { status: 405, headers: { ...headers, allow: "GET, HEAD" } })
  }
  return HttpServerResponse.text(yield* text, { contentType, headers })
})

const second = 1000

/** Serves metrics until the scope closes, and tells where; undefined where none are asked for. */
export const serve = Effect.fnUntraced(function* ({
  metrics,
  port: own = 8080
}: Listen): Effect.fn.Return<string | undefined, ConfigurationError, Scope.Scope> {
  if (metrics === undefined) return undefined
  const { host = "127.0.0.1", port = 9464 } = metrics
  if (port !== 0 && port === own) {
    const problem = `${port} is the port that callers use.`
    return yield* new ConfigurationError({ field: "gateway.metrics.port", problem, fix: "Choose another port." })
  }
  const server = createServer({ headersTimeout: 10 * second, requestTimeout: 10 * second })
  const listening = yield* NodeHttpServer.make(() => server, { host, port, gracefulShutdownTimeout: "1 second" }).pipe(
    Effect.mapError(({ cause }) => unheard("metrics.port", host, port, cause))
  )
  yield* Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections()))
  yield* untraced(listening.serve(answering))
  const address = addressOf(server)
  if (address === undefined) return yield* unheard("metrics.port", host, port, undefined)
  return `http://${address}/metrics`
})
