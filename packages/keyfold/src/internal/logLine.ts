/** What a log line of the libraries says: its text and Keyfold's own annotations; anything else may hold anything. */
import type * as Logger from "effect/Logger"
import * as References from "effect/References"

/** One log line, without causes and spans, which are for operators of services. */
export interface LogLine {
  readonly time: Date
  readonly level: Logger.Options<unknown>["logLevel"]
  readonly message: string
  readonly annotations: Readonly<Record<string, string>>
}

const words: Readonly<Record<string, string>> = { Warn: "warning" }

const textOf = (message: unknown): string =>
  (Array.isArray(message) ? message : [message]).filter((part) => typeof part === "string").join(" ")

const own = (annotations: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(annotations).flatMap(([name, value]) =>
      name.startsWith("keyfold.") && typeof value === "string" ? [[name.slice("keyfold.".length), value] as const] : []
    )
  )

/** Reads a line; undefined where it has no text. */
export const readLine = ({ date, fiber, logLevel, message }: Logger.Options<unknown>): LogLine | undefined => {
  const text = textOf(message)
  return text === ""
    ? undefined
    : {
        time: date,
        level: logLevel,
        message: text,
        annotations: own(fiber.getRef(References.CurrentLogAnnotations))
      }
}

/** The line for people. */
export const sentence = ({ level, message }: LogLine): string =>
  `keyfold: ${words[level] ?? level.toLowerCase()}: ${message}`
