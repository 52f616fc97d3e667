/** `keyfold revoke --where`. */
import * as Effect from "effect/Effect"
import { dryRun } from "../bulk/dryRun.ts"
import { type Given, read } from "../bulk/flags.ts"
import { run } from "../bulk/run.ts"
import { openSources } from "../bulk/sources.ts"
import { openStorage } from "../bulk/storage.ts"
import type { Settings } from "../root.ts"

/** Revokes all keys that a selector means, or shows them. */
export const revokeWhere = Effect.fnUntraced(function* (given: Given, where: string, settings: Settings) {
  const asked = yield* read(given, where, settings)
  const { configuration, sources } = yield* openSources(settings, asked.allStores)
  const storage = yield* openStorage(asked.progress, configuration.folder)
  yield* asked.digest === undefined
    ? dryRun(asked, sources, storage, settings.json)
    : run(asked, asked.digest, sources, storage, settings.json)
})
