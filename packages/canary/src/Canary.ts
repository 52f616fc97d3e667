/**
 * Finds secrets in everything a test can get hold of, in every form they might take.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import { Buffer } from "node:buffer"
import { inspect } from "node:util"
import { searchFor, type Search } from "./internal/search.ts"

/**
 * Says where a secret was found, and in which form. It does not hold the secret.
 *
 * @category models
 * @since 0.1.0
 */
export interface Finding {
  /** The name of the value, the way down its causes, and what showed the secret: `error: cause by message`. */
  readonly where: string
  /** `raw`, `percent-encoded`, `form-encoded`, `escaped`, `hexadecimal`, `decimal`, `base64` or `base64url`. */
  readonly form: string
}

/**
 * Holds named values, as they were recorded. A test adds what it got hold of itself: exits, errors, stores.
 *
 * @category models
 * @since 0.1.0
 */
export type Records = Array<readonly [where: string, value: unknown]>

const attempt = (write: () => string | undefined): string => {
  try {
    return write() ?? ""
  } catch {
    return ""
  }
}

const everything = { depth: Infinity, showHidden: true, getters: true, maxArrayLength: null, maxStringLength: null }

/** A file or a message as it is; what prints them shows a part of them at most. */
const bytesOf = (value: unknown): Uint8Array | undefined => {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  return value instanceof ArrayBuffer ? new Uint8Array(value) : undefined
}

/** Every text a value can be turned into by logging, printing, serialising or throwing it. */
const textsOf = (value: unknown): ReadonlyArray<readonly [how: string, text: string]> => [
  ["String", attempt(() => String(value))],
  ...((typeof value === "object" && value !== null) || typeof value === "function"
    ? [
        ["JSON.stringify", attempt(() => JSON.stringify(value))] as const,
        ["util.inspect", attempt(() => inspect(value, everything))] as const,
        ["own inspect", attempt(() => inspect(value, { depth: Infinity }))] as const,
        [
          "inspect without its own say",
          attempt(() => inspect(value, { ...everything, customInspect: false }))
        ] as const,
        ["stack", attempt(() => String(Reflect.get(value, "stack")))] as const,
        ["message", attempt(() => String(Reflect.get(value, "message")))] as const
      ]
    : []),
  ...(Cause.isCause(value) ? [["Cause.pretty", attempt(() => Cause.pretty(value))] as const] : [])
]

type Related = ReadonlyArray<readonly [relation: string, value: unknown]>

const reasonsOf = (cause: Cause.Cause<unknown>): Related => [
  ...cause.reasons.filter(Cause.isFailReason).map(({ error }) => ["error", error] as const),
  ...cause.reasons.filter(Cause.isDieReason).map(({ defect }) => ["defect", defect] as const),
  ...Cause.prettyErrors(cause).map((error) => ["pretty error", error] as const)
]

/** What a value holds or was caused by, which prints in other ways on its own than inside the value. */
const below = (value: object): Related => {
  if (Exit.isExit(value)) return Exit.isFailure(value) ? [["cause", value.cause]] : [["value", value.value]]
  if (Cause.isCause(value)) return reasonsOf(value)
  const causes: Related = "cause" in value ? [["cause", value.cause]] : []
  const errors: ReadonlyArray<unknown> = "errors" in value && Array.isArray(value.errors) ? value.errors : []
  return [...causes, ...errors.map((error) => ["one of its errors", error] as const)]
}

/** A value with what caused it, to the end of the chain. */
const chainOf = (where: string, value: unknown, visited = new Set<unknown>()): Records => {
  if (visited.has(value)) return []
  visited.add(value)
  return typeof value === "object" && value !== null
    ? [[where, value], ...below(value).flatMap(([relation, next]) => chainOf(`${where}: ${relation}`, next, visited))]
    : [[where, value]]
}

type Shown = ReadonlyArray<readonly [how: string, form: string]>

/** Remembers what was looked at, because the same error stands in a log line, a span and an exit. */
const makeExaminer = (search: Search): ((value: unknown) => Shown) => {
  const byText = new Map<string, string | undefined>()
  const byValue = new Map<unknown, Shown>()
  const formIn = (text: string) => {
    if (!byText.has(text)) byText.set(text, search(Buffer.from(text)))
    return byText.get(text)
  }
  const examine = (value: unknown): Shown => {
    const bytes = bytesOf(value)
    const seen =
      bytes === undefined
        ? textsOf(value).map(([how, text]) => [how, formIn(text)] as const)
        : [["its bytes", search(bytes)] as const]
    return seen.flatMap(([how, form]) => (form === undefined ? [] : [[how, form] as const]))
  }
  return (value) => {
    const shown = byValue.get(value) ?? examine(value)
    byValue.set(value, shown)
    return shown
  }
}

/**
 * Finds canaries, texts that must stay secret, in named values and in what caused them. The first or the last twenty
 * characters of a canary count as the canary. Bytes (a `Uint8Array` or another view, an `ArrayBuffer`) are searched as
 * they are: files, request bodies, what a process wrote.
 *
 * Every canary needs eight characters or more, so that none of its forms turns up by chance; a shorter one is a
 * `RangeError`.
 *
 * @category combinators
 * @since 0.1.0
 */
export const scan = (
  values: Iterable<readonly [where: string, value: unknown]>,
  canaries: ReadonlyArray<string>
): ReadonlyArray<Finding> => {
  const examine = makeExaminer(searchFor(canaries))
  return [...values]
    .flatMap(([where, value]) => chainOf(where, value))
    .flatMap(([where, value]) => examine(value).map(([how, form]) => ({ where: `${where} by ${how}`, form })))
}

/** What a span holds while it runs; these fill later on, and stay on record where it never ends. */
const heldBy = (span: Tracer.Span): Records => [
  [`span ${span.name}`, { name: span.name, links: span.links }],
  [`attributes of span ${span.name}`, span.attributes],
  // The interface has no events, but the native span keeps them, and so do exporters'.
  [`events of span ${span.name}`, "events" in span ? span.events : []]
]

/** Makes spans as the tracer around it does, and keeps what they hold and how they end. */
const recordingTracer = (outer: Tracer.Tracer, records: Records): Tracer.Tracer =>
  Tracer.make({
    ...outer,
    span: (options) => {
      const span = outer.span(options)
      const end = span.end.bind(span)
      records.push(...heldBy(span))
      span.end = (endTime, exit) => {
        end(endTime, exit)
        records.push([`status of span ${span.name}`, span.status], [`exit of span ${span.name}`, exit])
      }
      return span
    }
  })

const recordingLogger = (records: Records) =>
  Logger.make((options) => {
    const { cause, fiber, message } = options
    records.push(
      ["log message", message],
      ["log cause", cause],
      ["log annotations", fiber.getRef(References.CurrentLogAnnotations)],
      ["log spans", fiber.getRef(References.CurrentLogSpans)],
      ["log line", Logger.formatLogFmt.log(options)],
      ["log JSON", Logger.formatJson.log(options)]
    )
  })

/**
 * Keeps what is logged and traced below its layer, from the log level given up: every one when omitted. Nothing reaches
 * the console.
 *
 * Exporters around the layer go on: their tracer makes the spans and their loggers see the lines.
 *
 * @category constructors
 * @since 0.1.0
 */
export const recorder = (
  level: LogLevel.LogLevel = "All"
): { readonly records: Records; readonly layer: Layer.Layer<never> } => {
  const records: Records = []
  const loggers = Layer.effect(
    Logger.CurrentLoggers,
    Effect.map(Logger.CurrentLoggers, (around) => {
      const exporters = [...around].filter((logger) => logger !== Logger.defaultLogger)
      // The second writes log lines into spans, as it does by default.
      return new Set([...exporters, recordingLogger(records), Logger.tracerLogger])
    })
  )
  const tracer = Layer.effect(
    Tracer.Tracer,
    Effect.map(Effect.tracer, (outer) => recordingTracer(outer, records))
  )
  return { records, layer: Layer.mergeAll(loggers, tracer, Layer.succeed(References.MinimumLogLevel, level)) }
}

/**
 * Runs an effect with everything it logs and traces kept, logs what became of it, and keeps that too. With a `level` it
 * runs as in a program of that log level.
 *
 * It never fails: the exit is among its results.
 *
 * @category combinators
 * @since 0.1.0
 */
export const watch = Effect.fnUntraced(function* <A, E, R>(
  name: string,
  effect: Effect.Effect<A, E, R>,
  level: LogLevel.LogLevel = "All"
): Effect.fn.Return<{ readonly exit: Exit.Exit<A, E>; readonly records: Records }, never, R> {
  const { layer, records } = recorder(level)
  const exit = yield* effect.pipe(
    Effect.tap((value) => Effect.log("done", value)),
    Effect.tapCause((cause) => Effect.logError("failed", cause)),
    Effect.annotateLogs("operation", name),
    Effect.exit,
    Effect.provide(layer)
  )
  records.push([`exit of ${name}`, exit])
  if (Exit.isSuccess(exit)) records.push([`value of ${name}`, exit.value])
  if (Exit.isFailure(exit)) records.push([`error of ${name}`, Cause.squash(exit.cause)])
  return { exit, records }
})
