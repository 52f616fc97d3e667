/** Where in the program a call was made, for errors that come from a fiber and would not say. */
import { UnexpectedError } from "../../errors.ts"

/** The place of a call. Its stack is only written out where the call fails. */
export interface CallSite {
  readonly stack?: string
}

/** Remembers the place of a call. */
export const callSite = (): CallSite => {
  const site = {}
  Error.captureStackTrace(site, callSite)
  return site
}

/** The frames of a stack, without the text before them, which may hold anything. */
const framesOf = (stack: string, message: string): ReadonlyArray<string> => {
  const start = stack.indexOf(message)
  return stack
    .slice(start < 0 ? 0 : start + message.length)
    .split("\n")
    .filter((line) => /^\s+at .*:\d+:\d+\)?$/.test(line))
}

/** Adds the place of a call to an error's stack, once. */
export const withCallSite = <E>(error: E, site: CallSite): E => {
  if (!(error instanceof Error) || error.stack === undefined) return error
  const missing = framesOf(site.stack ?? "", "").filter((frame) => error.stack?.includes(frame) !== true)
  if (missing.length === 0) return error
  Object.defineProperty(error, "stack", {
    value: [error.stack, ...missing].join("\n"),
    configurable: true,
    enumerable: false,
    writable: true
  })
  return error
}

/** Tells of a defect: where it happened, and nothing of its text. */
export const unexpected = (defect: unknown, site: CallSite): UnexpectedError => {
  const error = new UnexpectedError()
  const frames = defect instanceof Error ? framesOf(defect.stack ?? "", defect.message) : []
  error.stack = [`${error.name}: ${error.message}`, ...frames].join("\n")
  return withCallSite(error, site)
}
