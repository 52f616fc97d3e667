/** Whether a program is there, before anything depends on it. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"
import { constants } from "node:fs"
import { access, stat } from "node:fs/promises"
import { delimiter, resolve } from "node:path"
import { cannotStart } from "./command.ts"

/** Where a program starts, and with which environment. */
export interface Surroundings {
  readonly folder: string
  readonly env: Readonly<Record<string, string | undefined>>
}

const defaultPath = "/usr/bin:/bin"

const candidates = (program: string, { env, folder }: Surroundings): ReadonlyArray<string> =>
  program.includes("/")
    ? [resolve(folder, program)]
    : (env["PATH"] ?? defaultPath).split(delimiter).map((entry) => resolve(folder, entry, program))

const isFolder = (path: string) =>
  stat(path).then(
    (stats) => stats.isDirectory(),
    () => false
  )

const standing = async (path: string): Promise<"missing" | "refused" | "found"> => {
  try {
    if (!(await stat(path)).isFile()) return "missing"
  } catch {
    return "missing"
  }
  return access(path, constants.X_OK).then(
    () => "found",
    () => "refused"
  )
}

/** Fails where the program would not start: it or its folder is missing, or this user may not execute it. */
export const find = Effect.fnUntraced(function* (
  program: string,
  surroundings: Surroundings
): Effect.fn.Return<void, ConfigurationError> {
  const { folder } = surroundings
  if (!(yield* Effect.promise(() => isFolder(folder)))) {
    const problem = `the folder ${folder}, where the program ${program} would start, does not exist.`
    return yield* new ConfigurationError({ problem, fix: "Create it, or name another one." })
  }
  // Windows finds programs by more names than the one that is written.
  if (process.platform === "win32") return
  const found = yield* Effect.promise(() => Promise.all(candidates(program, surroundings).map(standing)))
  if (found.includes("found")) return
  return yield* cannotStart(program, { code: found.includes("refused") ? "EACCES" : "ENOENT" })
})
