/** Looks for secrets in everything a test can get hold of, in every form they might take. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import { Buffer } from "node:buffer"
import { inspect } from "node:util"

/** One secret found: where, and in which form. */
export interface Finding {
  readonly where: string
  readonly form: string
}

const alignments = [0, 1, 2].map((offset) => ({ offset, skip: [0, 2, 3][offset] ?? 0 }))

/** The characters of a text's base64 that do not depend on what stands before and after it. */
const base64Cores = (text: string): ReadonlyArray<string> =>
  alignments.map(({ offset, skip }) => {
    const encoded = Buffer.from("\0".repeat(offset) + text).toString("base64")
    const isComplete = (Buffer.byteLength(text) + offset) % 3 === 0
    return encoded.replace(/=+$/, "").slice(skip, isComplete ? undefined : -1)
  })

/** The beginning and the end of a secret count as the secret. */
const pieces = (canary: string): ReadonlyArray<string> => [canary.slice(0, 20), canary.slice(-20)]

const forms = (canary: string): ReadonlyArray<readonly [form: string, text: string]> =>
  pieces(canary).flatMap((piece) => [
    ["raw", piece] as const,
    ["percent-encoded", encodeURIComponent(piece)] as const,
    ["form-encoded", new URLSearchParams({ x: piece }).toString().slice(2)] as const,
    ["escaped", JSON.stringify(piece).slice(1, -1)] as const,
    ["hexadecimal", Buffer.from(piece).toString("hex")] as const,
    ...base64Cores(piece).flatMap((core) => [
      ["base64", core] as const,
      ["base64url", core.replaceAll("+", "-").replaceAll("/", "_")] as const
    ])
  ])

const attempt = (write: () => string | undefined): string => {
  try {
    return write() ?? ""
  } catch {
    return ""
  }
}

const everything = { depth: Infinity, showHidden: true, getters: true, maxArrayLength: null, maxStringLength: null }

/** Every text a value can be turned into by logging, printing, serialising or throwing it. */
const textsOf = (value: unknown): ReadonlyArray<readonly [how: string, text: string]> => [
  ["String", attempt(() => String(value))],
  ["JSON.stringify", attempt(() => JSON.stringify(value))],
  ["util.inspect", attempt(() => inspect(value, everything))],
  ["own inspect", attempt(() => inspect(value, { depth: Infinity }))],
  ["stack", value instanceof Error ? (value.stack ?? "") : ""],
  ["message", value instanceof Error ? value.message : ""],
  ["cause", value instanceof Error ? attempt(() => inspect(value.cause, everything)) : ""],
  ["Cause.pretty", Cause.isCause(value) ? Cause.pretty(value) : ""],
  ["Cause.pretty", Exit.isExit(value) && Exit.isFailure(value) ? Cause.pretty(value.cause) : ""]
]

/** Finds canaries in named values. */
export const scan = (
  values: Iterable<readonly [where: string, value: unknown]>,
  canaries: ReadonlyArray<string>
): ReadonlyArray<Finding> => {
  const wanted = canaries.flatMap(forms)
  const findings: Array<Finding> = []
  for (const [where, value] of values) {
    for (const [how, text] of textsOf(value)) {
      const found = wanted.find(([, needle]) => text.includes(needle))
      if (found !== undefined) findings.push({ where: `${where} by ${how}`, form: found[0] })
    }
  }
  return findings
}

/** Named values, as they were recorded. */
export type Records = Array<readonly [where: string, value: unknown]>

class RecordedSpan extends Tracer.NativeSpan {
  readonly #records: Records
  constructor(options: ConstructorParameters<typeof Tracer.NativeSpan>[0], records: Records) {
    super(options)
    this.#records = records
  }
  override end(endTime: bigint, exit: Exit.Exit<unknown, unknown>): void {
    super.end(endTime, exit)
    this.#records.push(
      [`span ${this.name}`, { name: this.name, links: this.links, status: this.status }],
      [`attributes of span ${this.name}`, this.attributes],
      [`events of span ${this.name}`, this.events],
      [`exit of span ${this.name}`, exit]
    )
  }
}

/** Keeps what is logged and traced below its layer. */
export const recorder = () => {
  const records: Records = []
  const logger = Logger.make((options) => {
    const { cause, fiber, message } = options
    records.push(
      ["log message", message],
      ["log cause", cause],
      ["log annotations", fiber.getRef(References.CurrentLogAnnotations)],
      ["log line", Logger.formatLogFmt.log(options)],
      ["log JSON", Logger.formatJson.log(options)]
    )
  })
  const tracer = Tracer.make({
    span: (options) => new RecordedSpan(options, records)
  })
  const layer = Layer.mergeAll(
    // The second writes log lines into spans, as it does by default.
    Logger.layer([logger, Logger.tracerLogger]),
    Layer.succeed(Tracer.Tracer, tracer),
    Layer.succeed(References.MinimumLogLevel, "All")
  )
  return { records, layer }
}
