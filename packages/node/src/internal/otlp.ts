/** Effect's exporters, over a client that never lets a collector's trouble become the program's. */
import * as ConfigProvider from "effect/ConfigProvider"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Otlp from "effect/observability/Otlp"
import * as OtlpExporter from "effect/observability/OtlpExporter"
import * as Option from "effect/Option"
import * as References from "effect/References"
import type { Destination } from "./openTelemetry.ts"
import { codeOf } from "./systemError.ts"

/** Everything that is said about an export. */
export interface Settings extends Destination {
  readonly protocol: "protobuf" | "json"
  readonly serviceName: string
  readonly serviceVersion: string | undefined
  readonly attributes: Readonly<Record<string, string>>
  readonly patience: Duration.Duration
}

/** How far the program is: while it is closing a failed request is not made again, and once closed none is made. */
interface Stage {
  isClosing: boolean
  isClosed: boolean
  hasWarned: boolean
}

/** One request may take this long: an export that hangs must not keep the next ones waiting. */
const longestRequest = Duration.seconds(10)

const told = (problem: string): string =>
  `telemetry could not be delivered (${problem}) and is dropped; everything else goes on. Check the collector's address ` +
  "and headers."

const dropped = (request: HttpClientRequest.HttpClientRequest) =>
  HttpClientResponse.fromWeb(request, new Response(null, { status: 200 }))

/** Sends requests, warns about the first that fails, and lets those that fail at the end be. */
const guarded = (client: HttpClient.HttpClient, stage: Stage, warn: (problem: string) => Effect.Effect<void>) => {
  const failing = (problem: string) =>
    Effect.suspend(() => {
      if (stage.hasWarned) return Effect.void
      stage.hasWarned = true
      return warn(problem)
    })
  return HttpClient.transform(client, (sending, request) =>
    Effect.suspend(() => (stage.isClosed ? Effect.succeed(dropped(request)) : sending)).pipe(
      // What carries a credential in its headers is not sent on to wherever an answer points.
      Effect.provideService(FetchHttpClient.RequestInit, { redirect: "error" }),
      Effect.tap(({ status }) => (status < 300 ? Effect.void : failing(`status ${status}`))),
      Effect.map((response) => (response.status >= 300 && stage.isClosing ? dropped(request) : response)),
      Effect.catch((error) =>
        Effect.flatMap(failing(codeOf(error) ?? "no connection"), () =>
          stage.isClosing ? Effect.succeed(dropped(request)) : Effect.fail(error)
        )
      ),
      Effect.timeoutOption(longestRequest),
      Effect.flatMap((answer) =>
        Option.isSome(answer)
          ? Effect.succeed(answer.value)
          : Effect.as(failing(`no answer within ${Duration.format(longestRequest)}`), dropped(request))
      )
    )
  )
}

/** At the end everything is sent at once, and what is not delivered in time is dropped. */
const flushing = (stage: Stage, patience: Duration.Duration, warn: (problem: string) => Effect.Effect<void>) =>
  Layer.effectDiscard(
    Effect.flatMap(OtlpExporter.Flusher, ({ flush }) =>
      Effect.addFinalizer(() =>
        Effect.gen(function* () {
          stage.isClosing = true
          // In a fiber of its own: an interruption that closes the scope must not keep telemetry from being sent.
          const fiber = yield* Effect.forkDetach(Effect.interruptible(Effect.timeoutOption(flush, patience)))
          const exit = yield* Fiber.await(fiber)
          stage.isClosed = true
          const isDone = Exit.isSuccess(exit) && Option.isSome(exit.value)
          if (!isDone && !stage.hasWarned) yield* warn(`no answer within ${Duration.format(patience)}`)
        })
      )
    )
  )

/** What the exporters say themselves is not for logs, which they export; nor do they read the environment. */
const quiet = Layer.merge(
  Layer.succeed(References.MinimumLogLevel, "None"),
  ConfigProvider.layer(ConfigProvider.fromUnknown({}))
)

/** Exports telemetry, for as long as the scope is open. */
export const layer = (settings: Settings): Layer.Layer<never> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const outside = yield* Effect.context<never>()
      const stage: Stage = { isClosing: false, isClosed: false, hasWarned: false }
      const warn = (problem: string) =>
        Effect.logWarning(told(problem)).pipe(
          Effect.annotateLogs("keyfold.event", "telemetry.failed"),
          Effect.updateContext((_inside: Context.Context<never>) => outside)
        )
      const client = Layer.effect(
        HttpClient.HttpClient,
        Effect.map(HttpClient.HttpClient, (client) => guarded(client, stage, warn))
      ).pipe(Layer.provide(FetchHttpClient.layer))
      const exporting = settings.protocol === "json" ? Otlp.layerJson : Otlp.layerProtobuf
      const { attributes, endpoint, headers, serviceName, serviceVersion } = settings
      return flushing(stage, settings.patience, warn).pipe(
        Layer.provideMerge(
          exporting({
            baseUrl: endpoint,
            headers,
            resource: { serviceName, serviceVersion, attributes },
            shutdownTimeout: Duration.millis(500)
          })
        ),
        Layer.provide(client),
        Layer.provide(quiet)
      )
    })
  )
