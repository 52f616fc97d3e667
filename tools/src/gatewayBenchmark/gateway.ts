/** A real `keyfold serve` over a store in one SQLite file. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { openSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { stringify } from "yaml"
import { pepper } from "../sqlBenchmark/keyfold.ts"

/** The tenant that is asked for: the one whose keys a store of its own has. */
export const tenant = "default"

const packageFolder = join(import.meta.dirname, "../../../packages/keyfold")

/** As this process runs: what was built or, with a condition, the sources. */
const command = process.execArgv.some((option) => option.includes("@keyfold/source"))
  ? [...process.execArgv, join(packageFolder, "src/bin.ts")]
  : [...process.execArgv, join(packageFolder, "bin/keyfold.js")]

/** A gateway that is listening. */
export interface Gateway {
  readonly url: string
  readonly pid: number
  readonly credential: string
  readonly stop: () => Promise<void>
}

const unlimited = { requests: 1_000_000_000, within: "1 minute" }

const configure = (folder: string, keys: string): NodeJS.ProcessEnv => {
  const mode = { mode: 0o600 }
  writeFileSync(join(folder, "pepper"), pepper, mode)
  writeFileSync(join(folder, "gateway-pepper"), pepper, mode)
  const file = join(folder, "keyfold.yaml")
  const configuration = {
    stores: { local: { adapter: "sql", url: `sqlite:${keys}`, pepper: { file: "./pepper" } } },
    tenants: { [tenant]: "local" },
    gateway: {
      url: "sqlite:gateway.db",
      pepper: { file: "./gateway-pepper" },
      port: 0,
      limits: { caller: unlimited, tenant: unlimited }
    }
  }
  writeFileSync(file, stringify(configuration))
  return { ...process.env, KEYFOLD_CONFIG: file, XDG_CACHE_HOME: join(folder, "cache") }
}

const listening = async (child: ChildProcess): Promise<string> => {
  if (child.stdout === null) throw new Error("the gateway has no output")
  const lines = createInterface({ input: child.stdout })
  const ended = once(child, "exit").then(([code]) => Promise.reject(new Error(`the gateway ended, with ${code}`)))
  for (;;) {
    const [line] = await Promise.race([once(lines, "line"), ended])
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(String(line))?.[0]
    if (url !== undefined) return url
  }
}

/** Starts one; its log goes to a file of the folder, as it would where it serves. */
export const serve = async (folder: string, keys: string, node: ReadonlyArray<string> = []): Promise<Gateway> => {
  const env = configure(folder, keys)
  const made = execFileSync(process.execPath, [...command, "gateway", "init", "--json"], { cwd: folder, env })
  const { secret }: { readonly secret: string } = JSON.parse(made.toString())
  const child = spawn(process.execPath, [...node, ...command, "serve"], {
    cwd: folder,
    env,
    stdio: ["ignore", "pipe", openSync(join(folder, "log"), "a")]
  })
  const url = await listening(child)
  const stop = async () => {
    const ended = once(child, "exit")
    child.kill("SIGTERM")
    await ended
  }
  return { url, pid: child.pid ?? 0, credential: secret, stop }
}
