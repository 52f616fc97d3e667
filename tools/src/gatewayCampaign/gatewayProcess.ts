/** `keyfold serve` as a process of its own. */
import { spawn, type ChildProcess } from "node:child_process"
import { join } from "node:path"

const command = join(import.meta.dirname, "../../../packages/keyfold/src/bin.ts")

/** One gateway, by its place in front of the clients; its URL changes when it is started again. */
export interface GatewayProcess {
  readonly url: () => string
  readonly pid: () => number | undefined
  readonly start: () => Promise<void>
  /** Ends it like `kill -9`. */
  readonly kill: () => void
  /** Ends it as a supervisor would, and tells its exit code. */
  readonly stop: () => Promise<number | null>
}

const running = new Set<ChildProcess>()

process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL")
})

const launch = (folder: string, env: Readonly<Record<string, string>>, args: ReadonlyArray<string>): ChildProcess => {
  const child = spawn(process.execPath, ["--conditions=@keyfold/source", command, ...args], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "pipe", "pipe"]
  })
  running.add(child)
  child.once("exit", () => running.delete(child))
  return child
}

const listening = (child: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    let [output, errors] = ["", ""]
    child.stderr?.on("data", (chunk: Buffer) => void (errors = (errors + chunk.toString()).slice(-2_000)))
    child.stdout?.on("data", (chunk: Buffer) => {
      output += chunk.toString()
      if (output.includes("\n")) resolve((JSON.parse(output) as { url: string }).url)
    })
    child.once("exit", () => reject(new Error(`keyfold serve ended: ${errors}`)))
  })

/** Makes one that is not started yet. */
export const makeGateway = (folder: string, env: Readonly<Record<string, string>>): GatewayProcess => {
  let current: { readonly child: ChildProcess } | undefined
  let url = "http://127.0.0.1:9"
  return {
    url: () => url,
    pid: () => current?.child.pid,
    start: async () => {
      const child = launch(folder, env, ["serve", "--json", "--log-level", "error"])
      current = { child }
      url = await listening(child)
    },
    kill: () => void current?.child.kill("SIGKILL"),
    stop: () =>
      new Promise((resolve) => {
        if (current === undefined) return resolve(null)
        const { child } = current
        if (child.exitCode !== null || child.signalCode !== null) return resolve(null)
        child.once("exit", (code) => resolve(code))
        child.kill("SIGTERM")
      })
  }
}
