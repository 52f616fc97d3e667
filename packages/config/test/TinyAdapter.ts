import * as Adapter from "@keyfold/core/Adapter"
import type { Capabilities } from "@keyfold/core/Capabilities"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import { Secret, resolve } from "@keyfold/core/Secret"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

const Options = Schema.Struct({
  url: Schema.String,
  token: Secret,
  backups: Schema.optionalKey(Schema.Array(Secret)),
  dialect: Schema.optionalKey(Schema.Literals(["first", "second"])),
  limit: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 9 }))),
  timeout: Schema.optionalKey(Schema.DurationFromString),
  proxy: Schema.optionalKey(Schema.Struct({ host: Schema.String, password: Schema.optionalKey(Secret) }))
})

/** What the tiny adapter saw when its driver was built. */
export interface Seen {
  readonly url: string
  readonly token: string
  readonly backups: ReadonlyArray<string>
  readonly folder: string | undefined
}

const revealed = (secret: Secret) => Effect.map(Effect.orDie(resolve(secret)), Redacted.value)

/** An adapter over the memory driver that remembers what it was built from. */
export const tinyAdapter = (seen: Array<Seen> = [], changes: Partial<Capabilities> = {}) => {
  const capabilities = (): Capabilities => ({ ...MemoryDriver.capabilities, ...changes })
  return Adapter.make<typeof Options.Type>({
    name: "tiny",
    options: Options,
    capabilities,
    driver: Effect.fnUntraced(function* (options) {
      if (options.url === "broken") {
        return yield* new ConfigurationError({ field: "url", problem: "it does not open.", fix: "Mend it." })
      }
      seen.push({
        url: options.url,
        token: yield* revealed(options.token),
        backups: yield* Effect.forEach(options.backups ?? [], revealed),
        folder: yield* Adapter.BaseFolder
      })
      return { ...MemoryDriver.make(), backend: "tiny", capabilities: capabilities() }
    })
  })
}

/** An empty folder that goes when the scope closes. */
export const temporaryFolder = Effect.acquireRelease(
  Effect.promise(async () => realpath(await mkdtemp(join(tmpdir(), "keyfold-config-")))),
  (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
)

/** A folder with these files; a name may lead through folders that exist. */
export const folderWith = Effect.fnUntraced(function* (files: Readonly<Record<string, string>>) {
  const folder = yield* temporaryFolder
  for (const [name, content] of Object.entries(files)) {
    yield* Effect.promise(() => writeFile(join(folder, name), content, { mode: 0o600 }))
  }
  return folder
})
