/** Judges the configurations in the documentation as the command would, with every adapter of the repository at hand. */
import * as Effect from "effect/Effect"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { readAdapters } from "./adapters.ts"
import type { ValidateConfiguration } from "./readmeExamples.ts"
import { readWorkspace } from "./workspace.ts"

/** Makes the judge: everything is checked but the secrets, which an example does not have. */
export const configurationJudge = async (root: string): Promise<ValidateConfiguration> => {
  const { check } = await import("@keyfold/config/Configuration")
  const { adapters } = await readAdapters(readWorkspace(root))
  const builtIn = Object.fromEntries(adapters.map(({ adapter }) => [adapter.name, adapter]))
  const cache = join(root, "node_modules/.cache")
  mkdirSync(cache, { recursive: true })
  return async (text) => {
    const folder = mkdtempSync(join(cache, "configuration-"))
    const file = join(folder, "keyfold.yaml")
    try {
      writeFileSync(file, text)
      const found = await Effect.runPromise(check({ folder, file, env: {}, builtIn, secrets: "later" }))
      return found.map(({ line, path, problem }) => ({ line, problem: path === "" ? problem : `${path}: ${problem}` }))
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
}
