/** Log lines of the libraries, for programs that use promises. */
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type { LogLevel } from "effect/LogLevel"
import * as References from "effect/References"
import type { LogLine, OpenOptions } from "../../open.ts"
import { readLine, sentence } from "../logLine.ts"
import { escape } from "../text.ts"

const levels: { readonly [Level in LogLevel]?: LogLine["level"] } = {
  Trace: "trace",
  Debug: "debug",
  Info: "info",
  Warn: "warn",
  Error: "error",
  Fatal: "fatal"
}

/** Gives log lines to the program, or those that matter to standard error, where no program's own output goes. */
export const logging = ({ log }: Pick<OpenOptions, "log">): Layer.Layer<never> =>
  Layer.merge(
    Logger.layer([
      Logger.make((options) => {
        const line = readLine(options)
        const level = levels[options.logLevel]
        if (line === undefined || level === undefined) return
        if (log === undefined) console.error(escape(sentence(line)))
        else log({ ...line, level })
      })
    ]),
    Layer.succeed(References.MinimumLogLevel, log === undefined ? "Warn" : "Info")
  )
