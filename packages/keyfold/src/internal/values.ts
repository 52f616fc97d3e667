/** What people write on the command line for times, durations and secrets. */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { readFile } from "node:fs/promises"
import { resolve } from "node:path"
import { Shell } from "../Shell.ts"
import { type CommandError, usage } from "./failure.ts"

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** Reads `90s`, `30m`, `12h`, `30d` or `2w`; undefined where the text is none of these. */
export const parseDuration = (text: string): Duration.Duration | undefined => {
  const [, amount, unit = ""] = /^(\d{1,9})([smhdw])$/.exec(text) ?? []
  const size = units[unit]
  return amount === undefined || size === undefined ? undefined : Duration.seconds(Number(amount) * size)
}

const isoTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/

/** Reads the duration that a flag takes. */
export const readDuration = (flag: string, text: string): Effect.Effect<Duration.Duration, CommandError> => {
  const duration = parseDuration(text)
  return duration === undefined
    ? Effect.fail(usage(`${flag} takes a duration such as 30s, 2m, 12h or 30d.`))
    : Effect.succeed(duration)
}

/** Reads a duration before or after now, a day (its first moment in UTC), or a time with its zone. */
const readTime = Effect.fnUntraced(function* (
  flag: string,
  text: string,
  sign: 1 | -1
): Effect.fn.Return<DateTime.Utc, CommandError> {
  const problem = `${flag} takes a time with its zone such as 2027-01-31T12:00:00Z, a day such as 2027-01-31, or a `
  const mistake = usage(`${problem}duration such as 12h, 30d or 2w.`)
  const duration = parseDuration(text)
  if (duration !== undefined) {
    const now = yield* DateTime.now
    const at = DateTime.make(now.epochMilliseconds + sign * Duration.toMillis(duration))
    return at._tag === "Some" ? DateTime.toUtc(at.value) : yield* mistake
  }
  if (!isoTime.test(text)) return yield* mistake
  const [year, month, day] = text.slice(0, 10).split("-").map(Number)
  const at = DateTime.make(text)
  // `Date` turns 30 February into 2 March.
  const exists = new Date(Date.UTC(year ?? 0, (month ?? 0) - 1, day)).getUTCDate() === day
  return at._tag === "Some" && exists ? DateTime.toUtc(at.value) : yield* mistake
})

/** Reads `--expires`; a duration begins now. */
export const readExpiry = (text: string): Effect.Effect<DateTime.Utc, CommandError> => readTime("--expires", text, 1)

/** Reads `--since`; a duration ends now. */
export const readSince = (text: string): Effect.Effect<DateTime.Utc, CommandError> => readTime("--since", text, -1)

const redacted = (text: string, source: string): Effect.Effect<Redacted.Redacted<string>, CommandError> => {
  const value = text.replace(/^\ufeff/, "").trim()
  const fix = "Pipe the secret in alone, or name a file that holds it with --secret-from. It is never an argument."
  if (value === "") return Effect.fail(usage(`there is no secret ${source}.`, fix))
  if (value.includes("\n")) return Effect.fail(usage(`there is more than one line ${source}.`, fix))
  return Effect.succeed(Redacted.make(value, { label: "secret" }))
}

const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string"
    ? error.code
    : "unknown error"

const fromFile = Effect.fnUntraced(function* (path: string, folder: string) {
  const text = yield* Effect.tryPromise({
    try: () => readFile(resolve(folder, path), "utf8"),
    catch: (error) => usage(`the file ${path} cannot be read (${codeOf(error)}).`, "Check the path and its rights.")
  })
  return yield* redacted(text, `in the file ${path}`)
})

/**
 * Obtains a secret from a file, or from standard input: piped, or typed unseen on a terminal.
 *
 * White space around it is dropped. It is never taken from an argument, where other users of the machine could see it.
 */
export const readSecret = Effect.fnUntraced(function* (
  file: string | undefined
): Effect.fn.Return<Redacted.Redacted<string>, CommandError, Shell> {
  const { folder, stderr, stdin } = yield* Shell
  if (file !== undefined) return yield* fromFile(file, folder)
  const asUsage = Effect.mapError((error: { readonly message: string }) => usage(`${error.message}.`))
  if (!stdin.isTerminal) return yield* redacted(yield* asUsage(stdin.readAll), "on standard input")
  yield* Effect.ignore(stderr.write("Secret (not shown while you type): "))
  const line = yield* asUsage(stdin.readLine({ hidden: true }))
  yield* Effect.ignore(stderr.write("\n"))
  return yield* redacted(line, "on standard input")
})

/** Asks a question that takes y or n; `no` is the answer to anything but y. */
export const confirm = Effect.fnUntraced(function* (question: string): Effect.fn.Return<boolean, never, Shell> {
  const { stderr, stdin } = yield* Shell
  yield* Effect.ignore(stderr.write(`${question} [y/N] `))
  const line = yield* Effect.orElseSucceed(stdin.readLine({ hidden: false }), () => "")
  return /^y(es)?$/i.test(line.trim())
})
