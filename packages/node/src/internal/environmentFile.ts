/** One variable in a dotenv file, set in one step that leaves the old file or the new one. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type * as Scope from "effect/Scope"
import { constants, type BigIntStats } from "node:fs"
import { lstat, open, rename } from "node:fs/promises"
import { dirname } from "node:path"
import * as texts from "./environmentText.ts"
import { codeOf, fileFailure } from "./systemError.ts"
import { attempt, besides, fill, ignoreFailure, synchronise, type TemporaryFile } from "./temporaryFile.ts"

/** Where a variable goes: the path as it was written, the path as it is, and whether it may be set already. */
export interface Address {
  readonly path: string
  readonly target: string
  readonly variable: string
  readonly replace: boolean
}

/** A file as it was read; `stats` is undefined where there is none. */
interface Seen {
  readonly content: string
  readonly stats: BigIntStats | undefined
}

const longest = 1_048_576n

const readFailure = fileFailure(
  {
    ELOOP: ["is a symbolic link", "Name the file it points to."],
    EACCES: ["may not be read by this user", "Give the user who runs this program the right to read it."],
    ENOTDIR: ["cannot be read: a part of its path is a file", "Choose another path."]
  },
  (code) => [`could not be read (${code})`, "Check the file and its folder."]
)

const refusal = (path: string, problem: string, fix: string) =>
  new ConfigurationError({ problem: `the file ${path} ${problem}.`, fix })

const objectionTo = (path: string, stats: BigIntStats): ConfigurationError | undefined => {
  if (!stats.isFile()) return refusal(path, "is no regular file", "Choose another path.")
  if (process.platform !== "win32" && (stats.mode & 0o022n) !== 0n) {
    return refusal(path, "can be written by other users", "Run: chmod go-w on it.")
  }
  return stats.size > longest ? refusal(path, "is too long for an environment file", "Choose another path.") : undefined
}

/** Reads without following a link and without waiting for a pipe. */
export const read = (path: string, target: string): Effect.Effect<Seen, ConfigurationError> =>
  Effect.tryPromise({
    try: async (): Promise<Seen | ConfigurationError> => {
      // Windows has neither flag.
      const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
      const handle = await open(target, flags)
      try {
        const stats = await handle.stat({ bigint: true })
        return objectionTo(path, stats) ?? { content: await handle.readFile("latin1"), stats }
      } finally {
        await handle.close()
      }
    },
    catch: (error) => error
  }).pipe(
    Effect.catch((error) =>
      codeOf(error) === "ENOENT"
        ? Effect.succeed<Seen>({ content: "", stats: undefined })
        : Effect.fail(readFailure(path)(error))
    ),
    Effect.flatMap((seen) => (seen instanceof ConfigurationError ? Effect.fail(seen) : Effect.succeed(seen)))
  )

const objectionToPlaces = (
  { path, replace, variable }: Address,
  count: number,
  isRead: boolean
): ConfigurationError | undefined => {
  if (count > 1) return refusal(path, `sets ${variable} ${count} times`, "Keep one of these lines.")
  // Where quotes do not match, `sh` and dotenv readers disagree on what is a line.
  if (count === 0 && isRead) return refusal(path, `sets ${variable} inside of quotes`, "Check its quotes.")
  return count === 1 && !replace
    ? refusal(
        path,
        `sets ${variable} already`,
        "Remove that line, choose another variable, or replace it: replace: true."
      )
    : undefined
}

/** Computes the new content, and proves by reading it that nothing else changes. */
export const compose = (
  address: Address,
  content: string,
  value: string,
  keyId: string
): Effect.Effect<string, ConfigurationError> => {
  const { path, variable } = address
  const places = texts.placesOf(content, variable)
  const objection = objectionToPlaces(address, places.length, texts.valuesOf(content)[variable] !== undefined)
  if (objection !== undefined) return Effect.fail(objection)
  const quoted = texts.quote(value)
  if (quoted === undefined) {
    const problem =
      "the secret mixes single quotes with signs that both sh and dotenv readers read alike in no notation."
    return Effect.fail(new ConfigurationError({ problem, fix: "Deliver it to a file of its own." }))
  }
  const composed = texts.set(content, places[0], variable, quoted, keyId)
  return texts.isOnlyChange(content, composed, variable, value)
    ? Effect.succeed(composed)
    : Effect.fail(refusal(path, `cannot take ${variable} without a change to other lines`, "Check its quotes."))
}

const isUnchanged = async (target: string, seen: BigIntStats | undefined): Promise<boolean> => {
  const stats = await lstat(target, { bigint: true }).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return undefined
    throw error
  })
  return (["dev", "ino", "size", "mtimeNs", "ctimeNs"] as const).every((name) => stats?.[name] === seen?.[name])
}

const keepRights = async ({ handle }: TemporaryFile, { gid, mode, uid }: BigIntStats): Promise<void> => {
  // Only the superuser may give a file away; the writer owns it elsewhere.
  await handle.chown(Number(uid), Number(gid)).catch(() => undefined)
  await handle.chmod(Number(mode & 0o777n))
}

/** Puts a copy, complete on the disk, in the place of the old file: false where that has changed in the meantime. */
const exchange = Effect.fnUntraced(function* (
  { path, target }: Address,
  seen: Seen,
  content: string
): Effect.fn.Return<boolean, ConfigurationError, Scope.Scope> {
  const temporary = yield* besides(path, target)
  return yield* attempt(path, async () => {
    await fill(temporary.handle, Buffer.from(content, "latin1"))
    if (seen.stats !== undefined) await keepRights(temporary, seen.stats)
    if (!(await isUnchanged(target, seen.stats))) return false
    await rename(temporary.path, target)
    return true
  })
}, Effect.scoped)

const warnOfReaders = ({ path }: Address, { stats }: Seen) =>
  stats !== undefined && process.platform !== "win32" && (stats.mode & 0o077n) !== 0n
    ? Effect.logWarning(`the file ${path} holds a secret and other users can read it. Run: chmod 600 on it.`)
    : Effect.void

/** Two creates of one process would each write back what the other has just changed. */
const turns = Semaphore.makeUnsafe(1)

const keepsChanging = (path: string) => refusal(path, "keeps being changed by another program", "Try again.")

/** Sets the variable, and reads the file again to see that it is set. */
export const write = Effect.fnUntraced(
  function* (address: Address, value: string, keyId: string): Effect.fn.Return<void, ConfigurationError> {
    const { path, target, variable } = address
    for (let round = 0; round < 3; round++) {
      const seen = yield* read(path, target)
      const content = yield* compose(address, seen.content, value, keyId)
      if (!(yield* exchange(address, seen, content))) continue
      yield* ignoreFailure(() => synchronise(dirname(target)))
      yield* warnOfReaders(address, seen)
      const now = yield* read(path, target)
      return texts.valuesOf(now.content)[variable] === value ? undefined : yield* keepsChanging(path)
    }
    return yield* keepsChanging(path)
  },
  Effect.uninterruptible,
  (effect) => turns.withPermit(effect)
)
