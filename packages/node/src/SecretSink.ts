/**
 * Places that take the secret of a new key: a file, a variable in an environment file, a program's standard input.
 *
 * A sink goes into `deliverTo` of `@keyfold/core/Sink`. It is opened before a key is made, so that a place that cannot
 * take a secret costs no key, and the program never holds the secret itself.
 *
 * @since 0.1.0
 */
import { KeyId } from "@keyfold/core/ApiKey"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Sink from "@keyfold/core/Sink"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { lstat, rm, unlink } from "node:fs/promises"
import { resolve } from "node:path"
import * as environmentFiles from "./internal/environmentFile.ts"
import * as environmentTexts from "./internal/environmentText.ts"
import * as feed from "./internal/feed.ts"
import * as files from "./internal/file.ts"
import * as programs from "./internal/program.ts"
import * as replacement from "./internal/replacement.ts"
import { attempt, besides } from "./internal/temporaryFile.ts"
import * as SecretFile from "./SecretFile.ts"

/**
 * Makes a sink of a function: `callback` of `@keyfold/core/Sink`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const callback: typeof Sink.callback = Sink.callback

const told =
  (sink: string) =>
  ({ fix, problem }: ConfigurationError): Sink.SinkError =>
    new Sink.SinkError({ sink, problem, ...(fix === undefined ? {} : { fix }) })

/**
 * Says where relative paths start: the working folder of the process when omitted.
 *
 * - `keyId`: the key's id is written to `<path>.id` as well, for backends whose secrets do not carry it.
 * - `replace`: the file may be there already; it is replaced, as by a rotation. It is refused when omitted.
 *
 * @category options
 * @since 0.1.0
 */
export interface FileOptions extends SecretFile.Options {
  readonly keyId?: boolean
  readonly replace?: boolean
}

const exists = (path: string) =>
  Effect.promise(() =>
    lstat(path).then(
      () => true,
      () => false
    )
  )

const toId = (text: string): Option.Option<KeyId> => (text === "" ? Option.none() : Option.some(KeyId.make(text)))

type Writer = Effect.Success<Sink.Sink["open"]>

const openFile = Effect.fnUntraced(function* (
  path: string,
  options: FileOptions
): Effect.fn.Return<Writer, ConfigurationError, Scope.Scope> {
  const secretFile = yield* SecretFile.reserve(path, options)
  const idFile = options.keyId === true ? yield* SecretFile.reserve(`${path}.id`, options) : undefined
  return ({ key, secret }) =>
    Effect.gen(function* () {
      // The id comes first: a secret is never there without it, and an id without a secret says nothing.
      yield* idFile?.write(Redacted.make(key.id)) ?? Effect.void
      yield* Effect.tapError(secretFile.write(secret), () =>
        idFile === undefined ? Effect.void : Effect.promise(() => unlink(idFile.path).catch(() => undefined))
      )
      return { holds: Option.some(key.id) }
    }).pipe(Effect.uninterruptible, Effect.mapError(told(`file ${path}`)))
})

/** Puts a text in the place of a file, or where none is. */
const put = (address: replacement.Address, text: string) => {
  const bytes = environmentTexts.fromUtf8(text)
  return replacement.replace(
    address,
    () => Effect.succeed(bytes),
    (content) => content === bytes
  )
}

const checkReplaceable = Effect.fnUntraced(function* (address: replacement.Address) {
  yield* replacement.read(address)
  yield* Effect.scoped(besides(address.path, address.target))
})

const openReplacing = Effect.fnUntraced(function* (
  path: string,
  { folder = process.cwd(), keyId }: FileOptions
): Effect.fn.Return<Writer, ConfigurationError> {
  const secretFile = { path, target: resolve(folder, path) }
  const idFile = { path: `${path}.id`, target: resolve(folder, `${path}.id`) }
  yield* checkReplaceable(secretFile)
  if (keyId === true) yield* checkReplaceable(idFile)
  return ({ key, secret }) =>
    Effect.gen(function* () {
      // Until the new id is there nobody can tell whose secret it is: the old id would be wrong.
      if (keyId === true) yield* attempt(idFile.path, () => rm(idFile.target, { force: true }))
      yield* put(secretFile, Redacted.value(secret))
      if (keyId === true) yield* put(idFile, key.id)
      return { holds: Option.some(key.id) }
    }).pipe(Effect.uninterruptible, Effect.mapError(told(`file ${path}`)))
})

/**
 * Writes the secret to a file that only its owner can read (mode 0600), exactly as it is.
 *
 * The file appears complete or not at all and, without `replace`, never replaces another; that it can is known before a
 * key is made. One that is replaced keeps its mode, and a symbolic link or a file that others can write is refused. It says
 * which key it holds where the backend's secrets carry their key's id, and with `keyId: true` everywhere.
 *
 * @category constructors
 * @since 0.1.0
 */
export const file = (path: string, options: FileOptions = {}): Sink.Sink => {
  const name = `file ${path}`
  const folder = options.folder ?? process.cwd()
  return {
    name,
    open: Effect.mapError(
      options.replace === true ? openReplacing(path, options) : openFile(path, options),
      told(name)
    ),
    holds: Effect.fnUntraced(
      function* (identify) {
        if (!(yield* exists(resolve(folder, path)))) return Option.none()
        const found = identify(Redacted.make(yield* files.read(path, folder), { label: "secret" }))
        if (Option.isSome(found)) return Option.some(found.value.id)
        const idPath = `${path}.id`
        return options.keyId === true && (yield* exists(resolve(folder, idPath)))
          ? toId(yield* files.read(idPath, folder))
          : Option.none()
      },
      Effect.mapError(told(name))
    )
  }
}

/**
 * Says where a variable goes.
 *
 * - `folder`: where relative paths start, the working folder of the process when omitted.
 * - `replace`: the file may set the variable already; its line is replaced. It is refused when omitted.
 *
 * @category options
 * @since 0.1.0
 */
export interface EnvironmentFileOptions {
  readonly folder?: string
  readonly replace?: boolean
}

const unfit = (sink: string, problem: string, fix: string) => Effect.fail(new Sink.SinkError({ sink, problem, fix }))

const openEnvironmentFile = Effect.fnUntraced(function* (
  name: string,
  address: environmentFiles.Address
): Effect.fn.Return<Writer, Sink.SinkError, Scope.Scope> {
  const { path, target, variable } = address
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable)) {
    return yield* unfit(
      name,
      "expected the name of a variable: letters, digits and underscores.",
      "Choose another name."
    )
  }
  yield* Effect.mapError(
    Effect.gen(function* () {
      const { content } = yield* replacement.read(address)
      yield* environmentFiles.compose(address, content, "any value", "any id")
      yield* Effect.scoped(besides(path, target))
    }),
    told(name)
  )
  return ({ key, secret }) => {
    const value = Redacted.value(secret)
    return /[\0\r\n]/.test(value) || !value.isWellFormed()
      ? unfit(
          name,
          "the secret holds a line break or another character that no variable can hold.",
          "Deliver it to a file of its own."
        )
      : Effect.mapBoth(environmentFiles.write(address, value, key.id), {
          onSuccess: () => ({ holds: Option.some(key.id) }),
          onFailure: told(name)
        })
  }
})

/**
 * Sets one variable in a dotenv file to the secret, so that `sh` and dotenv readers read the same value.
 *
 * A new file is readable by its owner only (mode 0600). Of a file that is there every other line stays byte for byte, and
 * so do its mode and, where this user may give files away, its owner; it is replaced in one step, so that nobody ever reads
 * a half-written one. A symbolic link, a file that others can write, a variable that is set already (without `replace`) or
 * more than once, and a folder that cannot be written are refused before a key is made; a secret with a line break or a
 * NUL is refused after. The line before the variable, `# keyfold key <id>`, says which key it is.
 *
 * Creates of one process take turns. A change by another program in the very moment of the replacement is lost.
 *
 * @category constructors
 * @since 0.1.0
 */
export const environmentFile = (path: string, variable: string, options: EnvironmentFileOptions = {}): Sink.Sink => {
  const name = `variable ${variable} of file ${path}`
  const target = resolve(options.folder ?? process.cwd(), path)
  return {
    name,
    open: openEnvironmentFile(name, { path, target, variable, replace: options.replace === true }),
    holds: (identify) =>
      Effect.mapBoth(replacement.read({ path, target }), {
        onSuccess: ({ content }) => {
          const value = environmentTexts.valuesOf(content)[variable] ?? ""
          if (value === "") return Option.none()
          const found = identify(Redacted.make(value, { label: "secret" }))
          return Option.isSome(found)
            ? Option.some(found.value.id)
            : toId(environmentTexts.placesOf(content, variable).at(-1)?.keyId ?? "")
        },
        onFailure: told(name)
      })
  }
}

/**
 * Says how a program runs.
 *
 * - `folder`: where it starts, the working folder of the process when omitted.
 * - `env`: its environment variables; those of the process when omitted.
 * - `within`: how long it may take, 30 seconds when omitted.
 * - `confirms: "keyId"`: the last line it prints is the id of the key it holds now; any other id is a failure.
 *
 * @category options
 * @since 0.1.0
 */
export interface StandardInputOptions {
  readonly folder?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly within?: Duration.Input
  readonly confirms?: "keyId"
}

const confirmed = (name: string, program: string, output: Uint8Array, id: KeyId) => {
  const [last = ""] = new TextDecoder().decode(output).trimEnd().split(/\r?\n/).slice(-1)
  return last.trim() === id
    ? Effect.succeed({ holds: Option.some(id) })
    : unfit(
        name,
        `the program ${program} did not confirm the new key: the last line it prints is not the key's id.`,
        "Have it print the id of the key it holds."
      )
}

/**
 * Writes the secret, and nothing else, to the standard input of a program, and closes it.
 *
 * `command` is a program and its arguments; no shell reads it, and the secret is in neither its arguments nor its
 * environment. The program has the secret once it has read all of it and exited with code 0. Anything else is a failure that
 * names the program and its exit code, and nothing it was given or printed. A program that takes longer than `within`, or
 * whose create is interrupted, is killed with what it started. That it is there and may be executed is known before a key
 * is made.
 *
 * The program reads its standard input itself: on Linux it is a socket, which cannot be opened as `/dev/stdin`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const standardInput = (
  command: readonly [program: string, ...rest: ReadonlyArray<string>],
  options: StandardInputOptions = {}
): Sink.Sink => {
  const [program] = command
  const name = `standard input of ${program}`
  const within = Duration.fromInputUnsafe(options.within ?? "30 seconds")
  const surroundings = { folder: options.folder ?? process.cwd(), env: options.env ?? process.env }
  const deliver: Writer = ({ key, secret }) =>
    feed.run(command, { ...surroundings, keepOutput: options.confirms === "keyId" }, secret).pipe(
      Effect.mapError(told(name)),
      Effect.timeoutOrElse({
        duration: within,
        orElse: () =>
          unfit(
            name,
            `the program ${program} did not finish within ${Duration.format(within)} and was killed.`,
            'Run it yourself to see why, or give it longer: "within".'
          )
      }),
      Effect.flatMap((output) =>
        options.confirms === "keyId"
          ? confirmed(name, program, output, key.id)
          : Effect.succeed({ holds: Option.none<KeyId>() })
      )
    )
  return {
    name,
    within,
    open: Effect.as(Effect.mapError(programs.find(program, surroundings), told(name)), deliver),
    holds: () => Effect.succeedNone
  }
}
