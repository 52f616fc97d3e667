/**
 * A sink that hands the secret of a new key to the later steps of a CI job, through the file the job system reads.
 *
 * @since 0.1.0
 */
import { KeyId } from "@keyfold/core/ApiKey"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Sink from "@keyfold/core/Sink"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import { resolve } from "node:path"
import * as appending from "./internal/appending.ts"
import * as texts from "./internal/ciText.ts"
import { toUtf8 } from "./internal/environmentText.ts"
import * as replacement from "./internal/replacement.ts"
import { besides } from "./internal/temporaryFile.ts"

/**
 * Says where a variable goes.
 *
 * - `folder`: where relative paths start, the working folder of the process when omitted.
 * - `keyId`: the key's id goes into a second variable, `<variable>_KEY_ID`, for backends whose secrets do not carry it.
 * - `replace`: the file may set the variable already; the later line wins. It is refused when omitted.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  readonly folder?: string | undefined
  readonly keyId?: boolean | undefined
  readonly replace?: boolean | undefined
}

const told =
  (sink: string) =>
  ({ fix, problem }: ConfigurationError): Sink.SinkError =>
    new Sink.SinkError({ sink, problem, ...(fix === undefined ? {} : { fix }) })

const unfit = (sink: string, problem: string, fix: string) => Effect.fail(new Sink.SinkError({ sink, problem, fix }))

const idVariable = (variable: string): string => `${variable}_KEY_ID`

const read = Effect.fnUntraced(function* (
  address: replacement.Address
): Effect.fn.Return<ReadonlyArray<texts.Assignment>, ConfigurationError> {
  const { content } = yield* replacement.read(address)
  const found = texts.parse(toUtf8(content))
  return found === undefined
    ? yield* replacement.refusal(address.path, "has a line that sets no variable", "Mend it, or choose another path.")
    : found
})

const checkVariable = (name: string, variable: string): Effect.Effect<void, Sink.SinkError> => {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable)) {
    return unfit(name, "expected the name of a variable: letters, digits and underscores.", "Choose another name.")
  }
  return /^(?:GITHUB_|RUNNER_|NODE_OPTIONS$)/i.test(variable)
    ? unfit(name, `the job system keeps ${variable} to itself and would drop the secret.`, "Choose another name.")
    : Effect.void
}

type Writer = Effect.Success<Sink.Sink["open"]>

const open = Effect.fnUntraced(function* (
  name: string,
  address: replacement.Address,
  variable: string,
  { keyId, replace }: Options
): Effect.fn.Return<Writer, Sink.SinkError, Scope.Scope> {
  yield* checkVariable(name, variable)
  const refuseSet = Effect.flatMap(read(address), (found) =>
    found.some((assignment) => assignment.name === variable) && replace !== true
      ? Effect.fail(
          replacement.refusal(
            address.path,
            `sets ${variable} already`,
            "Remove that line, choose another variable, or let the new one win: replace: true."
          )
        )
      : Effect.void
  )
  yield* Effect.mapError(Effect.andThen(refuseSet, Effect.scoped(besides(address.path, address.target))), told(name))
  return ({ key, secret }) => {
    const value = Redacted.value(secret)
    const id = keyId === true ? [{ name: idVariable(variable), value: key.id }] : []
    const delimiter = `keyfold_${randomBytes(16).toString("hex")}`
    if (
      [value, ...id.map((assignment) => assignment.value)].some((text) => /[\0\r]/.test(text) || !text.isWellFormed())
    ) {
      return unfit(name, "the secret holds a character that no variable can hold.", "Deliver it to a file of its own.")
    }
    const text = [...id, { name: variable, value }].map((assignment) => texts.write(assignment, delimiter)).join("")
    return appending
      .append(address, text)
      .pipe(Effect.mapBoth({ onSuccess: () => ({ holds: Option.some(key.id) }), onFailure: told(name) }))
  }
})

/**
 * Appends one variable to a CI environment file, such as the one that `$GITHUB_ENV` names.
 *
 * The variable goes between two lines of a random delimiter, so that a secret of several lines cannot set another one. The
 * file is only ever appended to, in one write, because other steps append to it too; what a failed write left is taken off
 * again. A new file is readable by its owner only (mode 0600). A variable that is set already (without `replace`), a name
 * the job system keeps to itself, a line that sets nothing, a symbolic link and a file that others can write are refused
 * before a key is made; a secret with a carriage return or a NUL is refused after.
 *
 * The job system does not know that the value is a secret: have the next step mask it before anything prints it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const environmentFile = (path: string, variable: string, options: Options = {}): Sink.Sink => {
  const name = `variable ${variable} of CI file ${path}`
  const address = { path, target: resolve(options.folder ?? process.cwd(), path) }
  return {
    name,
    open: open(name, address, variable, options),
    holds: (identify) =>
      Effect.mapBoth(read(address), {
        onSuccess: (found) => {
          const index = found.findLastIndex((assignment) => assignment.name === variable)
          const value = found[index]?.value ?? ""
          if (value === "") return Option.none()
          const identified = identify(Redacted.make(value, { label: "secret" }))
          if (Option.isSome(identified)) return Option.some(identified.value.id)
          // The id belongs to the secret right after it, and to none that somebody else appended later.
          const before = found[index - 1]
          return before?.name === idVariable(variable) && before.value !== ""
            ? Option.some(KeyId.make(before.value))
            : Option.none()
        },
        onFailure: told(name)
      })
  }
}
