/** Log lines of the libraries, as remarks on standard error. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type { LogLevel } from "effect/LogLevel"
import * as Option from "effect/Option"
import * as References from "effect/References"
import { Shell } from "../Shell.ts"
import { stringify } from "./json.ts"
import type { SharedFlags } from "./root.ts"
import { escape } from "./text.ts"

const levels: { readonly [Name in SharedFlags["logLevel"]]: LogLevel } = {
  all: "All",
  trace: "Trace",
  debug: "Debug",
  info: "Info",
  warn: "Warn",
  error: "Error",
  fatal: "Fatal",
  none: "None"
}

const words: Readonly<Record<string, string>> = { Warn: "warning" }

const textOf = (message: unknown): string =>
  (Array.isArray(message) ? message : [message]).filter((part) => typeof part === "string").join(" ")

/** Annotations of Keyfold's own: any other may hold anything. */
const own = (annotations: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(annotations).flatMap(([name, value]) =>
      name.startsWith("keyfold.") && typeof value === "string" ? [[name.slice("keyfold.".length), value] as const] : []
    )
  )

const render = (line: Logger.Options<unknown>, json: boolean): string => {
  const text = textOf(line.message)
  if (text === "") return ""
  if (!json) return `keyfold: ${words[line.logLevel] ?? line.logLevel.toLowerCase()}: ${escape(text)}\n`
  const { date, fiber, logLevel } = line
  const annotations = own(fiber.getRef(References.CurrentLogAnnotations))
  const log = { time: date.toISOString(), level: logLevel.toLowerCase(), message: text, ...annotations }
  return `${stringify({ log })}\n`
}

/**
 * Shows log lines from the level that was asked for, without causes and spans, which are for operators of services; as
 * JSON each is one object on a line of its own.
 */
export const layer = ({ json, logFormat, logLevel }: SharedFlags): Layer.Layer<never, never, Shell> =>
  Layer.unwrap(
    Effect.map(Shell, ({ stderr }) =>
      Layer.merge(
        Logger.layer([
          Logger.make((line) => {
            const text = render(line, Option.getOrElse(logFormat, () => (json ? "json" : "text")) === "json")
            if (text !== "") Effect.runFork(Effect.ignore(stderr.write(text)))
          })
        ]),
        Layer.succeed(References.MinimumLogLevel, levels[logLevel])
      )
    )
  )
