/** Traces, metrics and logs of the command, for a collector. */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { Shell } from "../Shell.ts"
import { type CommandError, usage } from "./failure.ts"
import type { SharedFlags } from "./root.ts"
import { version } from "./version.ts"

const loadTelemetry = Effect.promise(() => import("@keyfold/node/Telemetry"))

const flagOf = ({ field, fix, problem }: ConfigurationError): CommandError =>
  usage(`${field === "endpoint" ? "--otlp" : field}: ${problem}`, fix)

const refused = ({ field, fix, problem }: ConfigurationError): Effect.Effect<void> =>
  Effect.annotateLogs(
    Effect.logWarning(`telemetry is not exported: ${field}: ${problem} ${fix}`),
    "keyfold.event",
    "telemetry.refused"
  )

/**
 * Exports what the command emits where `--otlp` or OpenTelemetry's own variables say so. A flag that cannot be used is a
 * mistake on the command line; variables are often set for other programs, so those are only warned of.
 */
export const layer = ({ otlp }: SharedFlags): Layer.Layer<never, CommandError, Shell> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { environment } = yield* Shell
      const given = Option.getOrUndefined(otlp)
      if (given === undefined && (environment["OTEL_EXPORTER_OTLP_ENDPOINT"] ?? "") === "") return Layer.empty
      const telemetry = yield* loadTelemetry
      const options = yield* telemetry
        .fromEnvironment(environment, given)
        .pipe(
          Effect.catch((error) =>
            given === undefined ? Effect.as(refused(error), Option.none()) : Effect.fail(flagOf(error))
          )
        )
      if (Option.isNone(options)) return Layer.empty
      return Layer.orDie(telemetry.layer({ ...options.value, serviceVersion: version() }))
    })
  )
