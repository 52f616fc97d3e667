/** Log lines of the libraries, as remarks on standard error. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type { LogLevel } from "effect/LogLevel"
import * as Option from "effect/Option"
import * as References from "effect/References"
import { Shell } from "../Shell.ts"
import { stringify } from "./json.ts"
import { readLine, sentence, type LogLine } from "./logLine.ts"
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

const render = (line: LogLine, json: boolean): string => {
  if (!json) return `${escape(sentence(line))}\n`
  const { annotations, level, message, time } = line
  return `${stringify({ log: { time: time.toISOString(), level: level.toLowerCase(), message, ...annotations } })}\n`
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
          Logger.make((options) => {
            const line = readLine(options)
            if (line === undefined) return
            const text = render(line, Option.getOrElse(logFormat, () => (json ? "json" : "text")) === "json")
            Effect.runFork(Effect.ignore(stderr.write(text)))
          })
        ]),
        Layer.succeed(References.MinimumLogLevel, levels[logLevel])
      )
    )
  )
