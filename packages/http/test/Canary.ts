/** Looks for texts that must stay secret in everything an effect lets out: its exit, its logs and its spans. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import { inspect } from "node:util"

export interface Sight {
  readonly place: string
  readonly text: string
}

const attempt = (render: () => unknown): string => {
  try {
    return String(render())
  } catch {
    return ""
  }
}

const everything = { depth: Infinity, showHidden: true, getters: true, maxArrayLength: null, maxStringLength: null }

const below = (value: object): ReadonlyArray<unknown> => [
  ...("cause" in value ? [value.cause] : []),
  ...("errors" in value && Array.isArray(value.errors) ? value.errors : [])
]

/** Renders a value in every way a program could come to print it, and what caused it, to the end of the chain. */
export const sightsOf = (place: string, value: unknown, visited = new Set<unknown>()): ReadonlyArray<Sight> => {
  if (visited.has(value)) return []
  visited.add(value)
  const sights = [
    { place: `${place}: String`, text: attempt(() => value) },
    { place: `${place}: inspect`, text: inspect(value, everything) },
    { place: `${place}: inspect without its own say`, text: inspect(value, { ...everything, customInspect: false }) },
    { place: `${place}: JSON`, text: attempt(() => JSON.stringify(value)) }
  ]
  if (typeof value !== "object" || value === null) return sights
  return [
    ...sights,
    { place: `${place}: message`, text: attempt(() => Reflect.get(value, "message")) },
    { place: `${place}: stack`, text: attempt(() => Reflect.get(value, "stack")) },
    ...below(value).flatMap((next) => sightsOf(`${place}: cause`, next, visited))
  ]
}

const collectingLogger = (sights: Array<Sight>) =>
  Logger.make<unknown, void>(({ cause, fiber, message }) => {
    sights.push(
      ...sightsOf("log", message),
      { place: "log: cause", text: Cause.pretty(cause) },
      ...sightsOf("log", cause)
    )
    sights.push(...sightsOf("log: annotations", fiber.getRef(References.CurrentLogAnnotations)))
    sights.push(...sightsOf("log: spans", fiber.getRef(References.CurrentLogSpans)))
  })

const sightsOfSpan = (span: Tracer.NativeSpan): ReadonlyArray<Sight> => [
  { place: "span: name", text: span.name },
  ...sightsOf("span: attributes", Object.fromEntries(span.attributes)),
  ...sightsOf("span: events", span.events),
  ...sightsOf("span: status", span.status)
]

/** Runs an effect inside a span, logs how it fails, and returns its exit with everything that could be seen. */
export const observe = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<{ readonly exit: Exit.Exit<A, E>; readonly sights: ReadonlyArray<Sight> }, never, R> =>
  Effect.gen(function* () {
    const sights: Array<Sight> = []
    const spans: Array<Tracer.NativeSpan> = []
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
    const exit = yield* effect.pipe(
      Effect.tapCause((cause) => Effect.logError("failed", cause)),
      Effect.withSpan("observed"),
      Effect.withTracer(tracer),
      Effect.provide(Logger.layer([collectingLogger(sights)])),
      Effect.exit
    )
    const cause = Exit.isFailure(exit) ? exit.cause : undefined
    return {
      exit,
      sights: [
        ...sights,
        ...spans.flatMap(sightsOfSpan),
        ...sightsOf("exit", exit),
        ...(cause === undefined
          ? []
          : [
              { place: "cause: pretty", text: Cause.pretty(cause) },
              ...sightsOf("error", Cause.squash(cause)),
              ...Cause.prettyErrors(cause).flatMap((error) => sightsOf("pretty error", error))
            ])
      ]
    }
  })

/** Names the places where one of the canaries can be seen. */
export const leaks = (sights: ReadonlyArray<Sight>, canaries: ReadonlyArray<string>): ReadonlyArray<string> =>
  sights.filter(({ text }) => canaries.some((canary) => text.includes(canary))).map(({ place }) => place)
