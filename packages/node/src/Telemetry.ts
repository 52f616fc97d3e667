/**
 * Traces, metrics and logs for an OpenTelemetry collector.
 *
 * What Keyfold emits is effect's own telemetry, so any of effect's layers exports it. This one adds what a credential
 * tool needs of it: the headers are a secret, a collector that cannot be reached never fails or holds up the program, and
 * one warning says so.
 *
 * @since 0.1.0
 */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as otlp from "./internal/otlp.ts"
import * as openTelemetry from "./internal/openTelemetry.ts"

/**
 * Says where telemetry goes.
 *
 * - `endpoint`: the collector's base URL, such as `http://localhost:4318`; `v1/traces`, `v1/metrics` and `v1/logs` are
 *   below it.
 * - `headers`: sent with every request, as `name=value` pairs with commas between them; values may be percent-encoded.
 * - `protocol`: how bodies are written, `protobuf` when omitted.
 * - `serviceName`: `keyfold` when omitted. `attributes` describe the service further.
 * - `patience`: how long the end of the scope waits for the last telemetry to be delivered, one second when omitted.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  readonly endpoint: string
  readonly headers?: Redacted.Redacted<string>
  readonly protocol?: "protobuf" | "json"
  readonly serviceName?: string
  readonly serviceVersion?: string
  readonly attributes?: Readonly<Record<string, string>>
  readonly patience?: Duration.Input
}

/**
 * Reads the options from OpenTelemetry's environment variables; none where no endpoint is named or the SDK is disabled.
 *
 * It reads `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_EXPORTER_OTLP_PROTOCOL`,
 * `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SDK_DISABLED`. An `endpoint` that is given goes before the
 * variable and before `OTEL_SDK_DISABLED`.
 *
 * @category options
 * @since 0.1.0
 */
export const fromEnvironment = (
  environment: Readonly<Record<string, string | undefined>>,
  endpoint?: string
): Effect.Effect<Option.Option<Options>, ConfigurationError> =>
  Effect.fromResult(openTelemetry.read(environment, endpoint))

/**
 * Exports the traces, metrics and logs of whatever it is provided to, in the background and at the end of the scope.
 *
 * Fails with a `ConfigurationError` where an option cannot be used. A collector that does not answer, or does not take
 * what it is sent, is told of once, as a warning; telemetry is dropped then, and the scope ends at the latest some
 * moments after `patience`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<never, ConfigurationError> =>
  Layer.unwrap(
    Effect.map(Effect.fromResult(openTelemetry.check(options)), (checked) =>
      otlp.layer({
        ...checked,
        protocol: options.protocol ?? "protobuf",
        serviceName: options.serviceName ?? "keyfold",
        serviceVersion: options.serviceVersion,
        attributes: options.attributes ?? {},
        patience: Duration.fromInputUnsafe(options.patience ?? Duration.seconds(1))
      })
    )
  )
