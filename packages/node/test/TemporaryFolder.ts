import * as Effect from "effect/Effect"
import { mkdtemp, realpath, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** An empty folder that goes when the scope closes. */
export const temporaryFolder = Effect.acquireRelease(
  Effect.promise(async () => realpath(await mkdtemp(join(tmpdir(), "keyfold-node-")))),
  (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
)
