/** Results on standard output, remarks on standard error. */
import * as Effect from "effect/Effect"
import { type Output, type OutputClosed, Shell } from "../Shell.ts"
import { stringify } from "./json.ts"
import { escape, wrap } from "./text.ts"

/** Writes a result. */
export const print = (text: string): Effect.Effect<void, OutputClosed, Shell> =>
  Effect.flatMap(Shell, ({ stdout }) => stdout.write(text))

/** Writes a result as one line of JSON. */
export const printJson = (value: unknown): Effect.Effect<void, OutputClosed, Shell> => print(`${stringify(value)}\n`)

/** Breaks text that is only for people into lines that fit the terminal, 100 cells at the most. */
export const fit = (text: string, output: Pick<Output, "isTerminal" | "columns">): string =>
  output.isTerminal ? wrap(text, Math.min(output.columns, 100)).join("\n") : text

/** Writes a remark for people; nobody may be listening. */
export const note = (text: string): Effect.Effect<void, never, Shell> =>
  Effect.flatMap(Shell, ({ stderr }) => Effect.ignore(stderr.write(`${fit(escape(text), stderr)}\n`)))

/** Writes a warning: a remark or, with `--json`, one object. */
export const warn = (
  json: boolean,
  text: string,
  where: Readonly<Record<string, string | number>> = {}
): Effect.Effect<void, never, Shell> =>
  json
    ? Effect.flatMap(Shell, ({ stderr }) =>
        Effect.ignore(stderr.write(`${stringify({ warning: { ...where, message: text } })}\n`))
      )
    : note(`keyfold: warning: ${text}`)
