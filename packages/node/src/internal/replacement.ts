/** A file changed in one step that leaves the old content or the new one. Each character stands for one byte. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { constants, type BigIntStats } from "node:fs"
import { lstat, open, rename } from "node:fs/promises"
import { dirname } from "node:path"
import { codeOf, fileFailure } from "./systemError.ts"
import { attempt, besides, fill, ignoreFailure, synchronise, type TemporaryFile } from "./temporaryFile.ts"

/** A file: its path as it was written, and as it is. */
export interface Address {
  readonly path: string
  readonly target: string
}

/** A file as it was read; `stats` is undefined where there is none. */
export interface Seen {
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

/** Refuses a file, in words. */
export const refusal = (path: string, problem: string, fix: string): ConfigurationError =>
  new ConfigurationError({ problem: `the file ${path} ${problem}.`, fix })

/** Says why a file is none to write a secret into. */
export const objectionTo = (path: string, stats: BigIntStats): ConfigurationError | undefined => {
  if (!stats.isFile()) return refusal(path, "is no regular file", "Choose another path.")
  if (process.platform !== "win32" && (stats.mode & 0o022n) !== 0n) {
    return refusal(path, "can be written by other users", "Run: chmod go-w on it.")
  }
  return stats.size > longest ? refusal(path, "is longer than 1 MiB", "Choose another path.") : undefined
}

/** Reads without following a link and without waiting for a pipe. */
export const read = ({ path, target }: Address): Effect.Effect<Seen, ConfigurationError> =>
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

/** Warns of a file with a secret that others can read. */
export const warnOfReaders = ({ path }: Address, { stats }: Seen): Effect.Effect<void> =>
  stats !== undefined && process.platform !== "win32" && (stats.mode & 0o077n) !== 0n
    ? Effect.annotateLogs(
        Effect.logWarning(`the file ${path} holds a secret and other users can read it. Run: chmod 600 on it.`),
        "keyfold.event",
        "secret.exposed"
      )
    : Effect.void

/** Two creates of one process would each write back what the other has just changed. */
const turns = Semaphore.makeUnsafe(1)

const keepsChanging = (path: string) => refusal(path, "keeps being changed by another program", "Try again.")

/** Replaces the content by what `compose` makes of it, and reads the file again: `isDone` says whether it is as it should be. */
export const replace = Effect.fnUntraced(
  function* (
    address: Address,
    compose: (content: string) => Effect.Effect<string, ConfigurationError>,
    isDone: (content: string) => boolean
  ): Effect.fn.Return<void, ConfigurationError> {
    for (let round = 0; round < 3; round++) {
      const seen = yield* read(address)
      const content = yield* compose(seen.content)
      if (!(yield* exchange(address, seen, content))) continue
      yield* ignoreFailure(() => synchronise(dirname(address.target)))
      yield* warnOfReaders(address, seen)
      const now = yield* read(address)
      return isDone(now.content) ? undefined : yield* keepsChanging(address.path)
    }
    return yield* keepsChanging(address.path)
  },
  Effect.uninterruptible,
  (effect) => turns.withPermit(effect)
)
