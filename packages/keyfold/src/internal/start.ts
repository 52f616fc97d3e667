/** Starts the command from its bundle where it was built, with compiled code kept for the next start. */
import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"
import { keepCompiledCode } from "./compileCache.ts"
import * as heap from "./inventory/heap.ts"
import type * as Main from "./main.ts"

const startModules = async (args: ReadonlyArray<string>): Promise<void> => {
  const { main } = await import("./main.ts")
  main(args)
}

/**
 * Runs the arguments. The bundle has copies of effect and core of its own, which adapters from elsewhere could not share:
 * where the configuration names one, it hands over to the modules it was made of.
 */
export const start = async (args: ReadonlyArray<string>): Promise<void> => {
  if (args.includes("inventory")) heap.begin()
  const bundle = fileURLToPath(new URL("../bundle/main.cjs", import.meta.url))
  if (!existsSync(bundle)) return startModules(args)
  keepCompiledCode(process.env)
  const { main }: typeof Main = createRequire(import.meta.url)(bundle)
  main(args, () => startModules(args))
}
