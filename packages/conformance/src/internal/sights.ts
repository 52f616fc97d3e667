/** Looks for texts that must stay secret in everything a call lets out: its exit, its logs and its spans. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"

interface Sight {
  readonly place: string
  readonly text: string
}

/** Nodes of one object graph that are looked at; nothing a call lets out is that large. */
const limit = 20_000

const attempt = <A>(evaluate: () => A): A | undefined => {
  try {
    return evaluate()
  } catch {
    return undefined
  }
}

const customInspect = Symbol.for("nodejs.util.inspect.custom")

const call = (value: object, name: PropertyKey): unknown =>
  attempt(() => {
    const method: unknown = Reflect.get(value, name)
    return typeof method === "function" ? Reflect.apply(method, value, []) : undefined
  })

const insidesOf = (value: object): ReadonlyArray<readonly [name: string, inside: unknown]> => [
  ["String", call(value, "toString")],
  ["JSON", attempt(() => JSON.stringify(value))],
  ["inspect", call(value, customInspect)],
  ["toJSON", call(value, "toJSON")],
  ...(["message", "stack", "cause"] as const).map((name) => [name, attempt(() => Reflect.get(value, name))] as const),
  // Hidden properties, symbols and getters included: what a debugger can see, a logger can print.
  ...Reflect.ownKeys(value).map((name) => [String(name), attempt(() => Reflect.get(value, name))] as const),
  ...(value instanceof Map || value instanceof Set ? [...value].map((entry) => ["entry", entry] as const) : [])
]

/** Every text that can be reached from a value, with the way there. */
const textsIn = (place: string, value: unknown): ReadonlyArray<Sight> => {
  const texts: Array<Sight> = []
  const visited = new Set<unknown>()
  const queue: Array<readonly [string, unknown]> = [[place, value]]
  // The queue grows while it is read: breadth first, so that the way to a text is the shortest.
  for (const [at, found] of queue) {
    if (visited.size >= limit) break
    if (typeof found === "string") texts.push({ place: at, text: found })
    if (typeof found !== "object" || found === null || visited.has(found)) continue
    visited.add(found)
    for (const [name, inside] of insidesOf(found)) queue.push([`${at}.${name}`, inside])
  }
  return texts
}

const collectingLogger = (sights: Array<Sight>) =>
  Logger.make<unknown, void>(({ cause, fiber, message }) => {
    sights.push(
      ...textsIn("log", message),
      ...textsIn("log cause", cause),
      { place: "log cause, printed", text: Cause.pretty(cause) },
      ...textsIn("log annotations", fiber.getRef(References.CurrentLogAnnotations)),
      ...textsIn("log spans", fiber.getRef(References.CurrentLogSpans))
    )
  })

const textsOfSpan = (span: Tracer.NativeSpan): ReadonlyArray<Sight> => [
  { place: "span name", text: span.name },
  ...textsIn(`span ${span.name} attributes`, Object.fromEntries(span.attributes)),
  ...textsIn(`span ${span.name} events`, span.events),
  ...textsIn(`span ${span.name} status`, span.status)
]

const textsOfExit = <A, E>(exit: Exit.Exit<A, E>): ReadonlyArray<Sight> =>
  Exit.isSuccess(exit)
    ? textsIn("result", exit.value)
    : [
        ...textsIn("cause", exit.cause),
        { place: "cause, printed", text: Cause.pretty(exit.cause) },
        ...textsIn("error", Cause.squash(exit.cause)),
        ...Cause.prettyErrors(exit.cause).flatMap((error) => textsIn("printed error", error))
      ]

/** What an effect ended with, and a function that names the places where one of the given texts came to light. */
export interface Observed<A, E> {
  readonly exit: Exit.Exit<A, E>
  readonly leaks: (secrets: ReadonlyArray<string>) => ReadonlyArray<string>
}

/** Runs an effect inside a span of its own, logs how it fails, and keeps everything that could be seen. */
export const observe = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Observed<A, E>, never, R> =>
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
    sights.push(...spans.flatMap(textsOfSpan), ...textsOfExit(exit))
    return {
      exit,
      leaks: (secrets) => [
        ...new Set(
          sights.filter(({ text }) => secrets.some((secret) => text.includes(secret))).map(({ place }) => place)
        )
      ]
    }
  })
