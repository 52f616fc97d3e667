/** `keyfold serve`. */
import { BaseFolder } from "@keyfold/core/Adapter"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { LiveConfiguration } from "@keyfold/config/LiveConfiguration"
import type { Gateway } from "@keyfold/gateway/Gateway"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { Shell } from "../../Shell.ts"
import type { CommandError } from "../failure.ts"
import { loadGateway, settingsOf } from "../gateway.ts"
import { fit, print, printJson } from "../print.ts"
import { root, type Settings } from "../root.ts"
import { untilEnded } from "../serving.ts"
import { optionsFor, wholeFile } from "../stores.ts"
import { paint } from "../style.ts"

const flags = {
  host: Flag.String("host").pipe(
    Flag.withMetavar("ADDRESS"),
    Flag.withDescription("The address to listen on; that of the configuration when omitted, else 127.0.0.1"),
    Flag.optional
  ),
  port: Flag.Int("port").pipe(
    Flag.withMetavar("NUMBER"),
    Flag.withDescription("The port, 0 for any free one; that of the configuration when omitted, else 8080"),
    Flag.optional
  ),
  metricsPort: Flag.Int("metrics-port").pipe(
    Flag.withMetavar("NUMBER"),
    Flag.withDescription("Serve metrics for Prometheus at /metrics of this port, 0 for any free one"),
    Flag.optional
  )
}

interface Given {
  readonly host: Option.Option<string>
  readonly port: Option.Option<number>
  readonly metricsPort: Option.Option<number>
}

/** The configuration, which each SIGHUP has read again, over pooled connections; `also` is done then, too. */
const openLive = Effect.fnUntraced(function* (
  settings: Settings,
  also: Effect.Effect<void>
): Effect.fn.Return<LiveConfiguration, ConfigurationError, Shell | Scope.Scope> {
  const live = yield* Effect.promise(() => import("@keyfold/config/LiveConfiguration"))
  const { layer } = yield* Effect.promise(() => import("@keyfold/undici/UndiciTransport"))
  const { secrets: _now, ...options } = yield* optionsFor(settings)
  const configuration = yield* Effect.provide(live.make(options), layer)
  yield* Effect.forkScoped(live.reloadOn({ ...configuration, reload: Effect.ensuring(configuration.reload, also) }))
  return configuration
})

/** Where the gateway serves what. */
interface Served extends Omit<Gateway["Service"], "audit" | "renew"> {
  readonly console?: string
}

const start = Effect.fnUntraced(function* (
  settings: Settings,
  { host, metricsPort, port }: Given
): Effect.fn.Return<Served, CommandError | ConfigurationError, Shell | Scope.Scope> {
  const gateway = yield* loadGateway
  let renewal = Effect.void
  const live = yield* openLive(
    settings,
    Effect.suspend(() => renewal)
  )
  const { folder, gateway: definition } = yield* live.current
  const written = yield* settingsOf(definition)
  const options = {
    ...gateway.fromSettings(written, gateway.fromConfiguration(live)),
    rotations: yield* gateway.rotationsOf(live),
    ...(Option.isSome(host) ? { host: host.value } : {}),
    ...(Option.isSome(port) ? { port: port.value } : {}),
    ...(Option.isSome(metricsPort) ? { metrics: { ...written.metrics, port: metricsPort.value } } : {})
  }
  const { audit: _audit, renew, ...served } = yield* Effect.provideService(gateway.serve(options), BaseFolder, folder)
  renewal = renew
  return { ...served, ...(written.console === false ? {} : { console: `${served.url}/` }) }
})

const render = ({ console, metrics, url }: Served, { command, stdout: output }: Shell["Service"]): string =>
  [
    `The gateway serves on ${paint(output, "bold", url)} until you press Ctrl-C.`,
    ...(metrics === undefined ? [] : [`Metrics for Prometheus are at ${metrics}.`]),
    ...(console === undefined
      ? []
      : [`The console is at ${console}, for a browser. Sign in with a key of the gateway.`]),
    fit(`Its API is described at ${url}/docs. A caller needs a key: ${command} gateway init makes the first.`, output),
    ""
  ].join("\n")

/** Serves the tenants of the configuration over HTTP until it is stopped. */
export const serve = Command.make(
  "serve",
  flags,
  Effect.fnUntraced(function* (given) {
    const settings = yield* root
    yield* wholeFile(settings, "serve")
    const served = yield* start(settings, given)
    yield* settings.json ? printJson(served) : print(render(served, yield* Shell))
    return yield* untilEnded
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Serve the tenants of the configuration over HTTP: one REST API over every backend, until Ctrl-C or SIGTERM, which " +
      "let calls in flight finish; a second one does not wait for them. SIGTERM is exit code 0. SIGHUP has the " +
      "configuration and the certificate read again; the rest of the member gateway counts from the next start. Rotations " +
      "that schedules of the configuration say are begun, and those under way go on. Needs the package @keyfold/gateway. " +
      "Requests are logged with --log-level info."
  ),
  Command.withShortDescription("Serve the tenants of the configuration over HTTP"),
  Command.withExamples([
    { command: "keyfold serve --port 8080" },
    { command: "keyfold serve --log-level info --log-format json", description: "A line of JSON for each request" }
  ])
)
