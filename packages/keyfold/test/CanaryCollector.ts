/** An OpenTelemetry collector that keeps the bytes it is sent, and effect's exporters pointed at it. */
import * as FetchServer from "@keyfold/node/FetchServer"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Otlp from "effect/observability/Otlp"

export type Encoding = "JSON" | "protobuf"

export interface Collector {
  readonly url: string
  /** What was sent so far: the signal it is about, and the bytes of its body. */
  readonly received: Array<readonly [signal: string, body: Uint8Array]>
}

export const collector = Effect.gen(function* () {
  const received: Array<readonly [string, Uint8Array]> = []
  const { url } = yield* FetchServer.serve({
    fetch: async (request) => {
      received.push([new URL(request.url).pathname.slice("/v1/".length), new Uint8Array(await request.arrayBuffer())])
      return new Response(null, { status: 200 })
    }
  })
  return { url, received }
})

/** Traces, logs and metrics of everything below go to the collector, the rest when the layer's scope closes. */
export const exporters = (encoding: Encoding, baseUrl: string) => {
  const options = {
    baseUrl,
    resource: { serviceName: "canary-campaign" },
    loggerExportInterval: "500 millis",
    metricsExportInterval: "500 millis",
    tracerExportInterval: "500 millis"
  } as const
  const layer = encoding === "JSON" ? Otlp.layerJson(options) : Otlp.layerProtobuf(options)
  return Layer.merge(layer, Metric.enableRuntimeMetricsLayer).pipe(Layer.provide(FetchHttpClient.layer))
}
