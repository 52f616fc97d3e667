/** A file that nobody sees before it is complete: written beside its place, then put there in one step. */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import { open, unlink, type FileHandle } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { fileFailure, type FileProblem } from "./systemError.ts"

const problems: Readonly<Record<string, FileProblem>> = {
  EEXIST: ["exists already and is not overwritten", "Choose another path, or move that file away."],
  ENOENT: ["cannot be written: its folder does not exist", "Create the folder, or choose another path."],
  ENOTDIR: ["cannot be written: a part of its path is a file", "Choose another path."],
  EACCES: ["cannot be written: this user may not write to its folder", "Choose a folder this user may write to."],
  EPERM: ["cannot be written: this user may not write to its folder", "Choose a folder this user may write to."],
  EROFS: ["cannot be written: its folder is read-only", "Choose a folder this user may write to."],
  ENOSPC: ["cannot be written: the disk is full", "Free some space, or choose another disk."]
}

/** Puts the error of a write into words. */
export const failure = fileFailure(problems, (code) => [
  `cannot be written (${code})`,
  "Check the path and its folder."
])

/** Runs one step of a write. */
export const attempt = <A>(path: string, run: () => Promise<A>): Effect.Effect<A, ConfigurationError> =>
  Effect.tryPromise({ try: run, catch: failure(path) })

/** Runs a step that may fail without harm. */
export const ignoreFailure = (run: () => Promise<void>): Effect.Effect<void> =>
  Effect.promise(() => run().catch(() => undefined))

/** An empty file that is open for its owner only. */
export interface TemporaryFile {
  readonly path: string
  readonly handle: FileHandle
}

/** Makes a temporary file beside the target, which proves that the folder can be written. It goes with the scope. */
export const besides = (
  path: string,
  target: string
): Effect.Effect<TemporaryFile, ConfigurationError, Scope.Scope> => {
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString("hex")}`)
  return Effect.acquireRelease(
    attempt(path, async () => ({ path: temporary, handle: await open(temporary, "wx", 0o600) })),
    ({ handle }) => ignoreFailure(() => handle.close().then(() => unlink(temporary)))
  )
}

/** Writes a file's only content and has it reach the disk. */
export const fill = async (handle: FileHandle, content: string | Uint8Array): Promise<void> => {
  await handle.writeFile(content)
  await handle.sync()
}

/** Makes a new name survive a power cut; not every file system lets a folder be synchronised. */
export const synchronise = async (folder: string): Promise<void> => {
  const handle = await open(folder, "r")
  await handle.sync().finally(() => handle.close())
}
