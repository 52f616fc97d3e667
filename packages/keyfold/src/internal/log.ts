/** Log lines of the libraries, as remarks on standard error. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import type { Shell } from "../Shell.ts"
import { stringify } from "./json.ts"
import { escape } from "./text.ts"

const textOf = (message: unknown): string =>
  (Array.isArray(message) ? message : [message]).filter((part) => typeof part === "string").join(" ")

const render = (level: "warning" | "error", text: string, json: boolean): string =>
  json ? `${stringify({ warning: { message: text } })}\n` : `keyfold: ${level}: ${escape(text)}\n`

/** Shows warnings and worse, without causes, spans or annotations: those are for operators of services. */
export const layer = ({ stderr }: Shell["Service"], json: boolean): Layer.Layer<never> =>
  Layer.merge(
    Logger.layer([
      Logger.make(({ logLevel, message }) => {
        const text = textOf(message)
        if (text === "") return
        const line = render(logLevel === "Warn" ? "warning" : "error", text, json)
        Effect.runFork(Effect.ignore(stderr.write(line)))
      })
    ]),
    Layer.succeed(References.MinimumLogLevel, "Warn")
  )
