/** Secrets kept in files. */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { open, type FileHandle } from "node:fs/promises"
import { resolve } from "node:path"
import { fileFailure, type FileProblem } from "./systemError.ts"
import * as texts from "./text.ts"

const problems: Readonly<Record<string, FileProblem>> = {
  ENOENT: ["does not exist", "Create it, or mend the path; a relative path starts at the configuration file's folder."],
  ENOTDIR: ["does not exist", "Mend the path: a part of it is a file where a folder is needed."],
  EACCES: ["may not be read by this user", "Give the user who runs this program the right to read it."],
  EPERM: ["may not be read by this user", "Give the user who runs this program the right to read it."],
  EISDIR: ["is a folder", "Name a file in it."]
}

const failure = fileFailure(problems, (code) => [`could not be read (${code})`, "Check the file and its folder."])

/** Reads until the end or one byte past the limit, so that a device or a wrong file cannot fill the memory. */
const readBounded = async (handle: FileHandle): Promise<Uint8Array> => {
  const buffer = Buffer.alloc(texts.limit + 1)
  let length = 0
  while (length < buffer.length) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return buffer.subarray(0, length)
}

const openedFile = (path: string, folder: string) =>
  Effect.acquireRelease(
    Effect.tryPromise({ try: () => open(resolve(folder, path), "r"), catch: failure(path) }),
    (handle) => Effect.promise(() => handle.close())
  )

/** Reads the secret a file holds, without one trailing newline. `path` is named in errors as it was written. */
export const read = Effect.fnUntraced(function* (
  path: string,
  folder: string
): Effect.fn.Return<string, ConfigurationError, Scope.Scope> {
  const source = `the file ${path}`
  const handle = yield* openedFile(path, folder)
  const { mode } = yield* Effect.tryPromise({ try: () => handle.stat(), catch: failure(path) })
  const bytes = yield* Effect.tryPromise({ try: () => readBounded(handle), catch: failure(path) })
  if (bytes.length > texts.limit) return yield* texts.tooLong(source)
  const text = yield* texts.decode(bytes, source)
  if (process.platform !== "win32" && (mode & 0o077) !== 0) {
    yield* Effect.annotateLogs(
      Effect.logWarning(`${source} holds a secret and other users can read it. Run: chmod 600 on it.`),
      "keyfold.event",
      "secret.exposed"
    )
  }
  return yield* texts.refuseEmpty(text.replace(/\r?\n$/, ""), source)
}, Effect.scoped)
