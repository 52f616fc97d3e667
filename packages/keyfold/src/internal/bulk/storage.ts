/** Where the plans of bulk revocations are kept. */
import { BaseFolder } from "@keyfold/core/Adapter"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { BulkStorage } from "@keyfold/lifecycle/BulkStorage"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { existsSync } from "node:fs"
import { mkdir, writeFile } from "node:fs/promises"
import { join, resolve } from "node:path"
import { Shell } from "../../Shell.ts"

const folderName = ".keyfold"

const fileName = "revocations.db"

/** Makes the folder, which no version control should pick up: names of keys and owners are nobody else's business. */
const prepare = (folder: string): Effect.Effect<void, ConfigurationError> => {
  const path = join(folder, folderName)
  return existsSync(path)
    ? Effect.void
    : Effect.tryPromise({
        try: async () => {
          await mkdir(path, { mode: 0o700 })
          await writeFile(join(path, ".gitignore"), "*\n")
        },
        catch: () =>
          new ConfigurationError({
            field: folderName,
            problem: "the folder for plans and progress cannot be made beside the configuration.",
            fix: "Name another place with --progress."
          })
      })
}

const urlOf = (place: string, folder: string): string =>
  /^(?:postgres|postgresql|sqlite):/i.test(place) ? place : `sqlite:${resolve(folder, place)}`

/** Opens the storage at a place, or beside the configuration's file. */
export const openStorage = Effect.fnUntraced(function* (
  place: string | undefined,
  configured: string
): Effect.fn.Return<BulkStorage, ConfigurationError, Shell | Scope.Scope> {
  const { folder } = yield* Shell
  const { make } = yield* Effect.promise(() => import("@keyfold/sql/SqlBulkRevocation"))
  if (place === undefined) yield* prepare(configured)
  const url = place === undefined ? `sqlite:${join(configured, folderName, fileName)}` : urlOf(place, folder)
  return yield* Effect.provideService(make({ url }), BaseFolder, folder)
})
