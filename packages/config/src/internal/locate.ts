/** Which file is read. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { isAbsolute, join, relative, resolve } from "node:path"

/** The names looked for in a folder. */
export const fileNames = ["keyfold.yaml", "keyfold.yml", "keyfold.json"] as const

/** A file that was read, and how messages name it. */
export interface Source {
  readonly path: string
  readonly name: string
  readonly text: string
}

const find = (folder: string, file: string | undefined): Effect.Effect<string, ConfigurationError> => {
  if (file !== undefined && file !== "") return Effect.succeed(resolve(folder, file))
  const found = fileNames.filter((name) => existsSync(join(folder, name)))
  const [first] = found
  if (first !== undefined && found.length === 1) return Effect.succeed(join(folder, first))
  return Effect.fail(
    found.length === 0
      ? new ConfigurationError({
          problem: `there is no configuration: none of ${fileNames.join(", ")} is in this folder.`,
          fix: "Run keyfold init to write one, or name a file in KEYFOLD_CONFIG."
        })
      : new ConfigurationError({
          problem: `there are several configurations in this folder: ${found.join(", ")}.`,
          fix: "Keep one, or name a file in KEYFOLD_CONFIG."
        })
  )
}

const problems: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  ENOTDIR: "does not exist",
  EISDIR: "is a folder",
  EACCES: "may not be read by this user",
  EPERM: "may not be read by this user"
}

/** Finds and reads the file: the one given, the one `KEYFOLD_CONFIG` names, or the one in the folder. */
export const read = Effect.fnUntraced(function* (
  folder: string,
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>
): Effect.fn.Return<Source, ConfigurationError> {
  const path = yield* find(folder, file ?? env["KEYFOLD_CONFIG"])
  const inside = relative(folder, path)
  const name = inside.startsWith("..") || isAbsolute(inside) ? path : inside
  const text = yield* Effect.tryPromise({
    try: () => readFile(path, "utf8"),
    catch: (error) => {
      const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error"
      const fix = "Name a configuration file, or run keyfold init to write one."
      return new ConfigurationError({ problem: `${name} ${problems[code] ?? `could not be read (${code})`}.`, fix })
    }
  })
  return { path, name, text }
})
