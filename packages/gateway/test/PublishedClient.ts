/**
 * Clients that somebody else published, from Python's registry: installed once in a folder of their own, at the versions
 * that `published/` states.
 */
import * as Effect from "effect/Effect"
import { execFile, execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { promisify } from "node:util"

const here = Path.join(import.meta.dirname, "published")
const cache = Path.join(import.meta.dirname, "../../../node_modules/.cache/published-clients")

const lastLine = (text: string) => text.trim().split("\n").at(-1) ?? ""

const problemOf = (error: unknown): string => {
  const output = error instanceof Error && "stderr" in error ? String(error.stderr) : ""
  return lastLine(output) || String(error)
}

const pip = [
  "-m",
  "pip",
  "install",
  "--quiet",
  "--disable-pip-version-check",
  "--no-deps",
  "--no-compile",
  "--retries",
  "1"
]

/** Installs what a file of requirements names; a folder that is there is complete. */
const install = (requirements: string): string => {
  const text = Fs.readFileSync(requirements, "utf8")
  const folder = Path.join(cache, createHash("sha256").update(text).digest("hex").slice(0, 16))
  if (Fs.existsSync(folder)) return folder
  Fs.mkdirSync(cache, { recursive: true })
  const half = Fs.mkdtempSync(`${folder}-`)
  try {
    const args = [
      ...pip,
      "--only-binary",
      ":all:",
      "--root-user-action",
      "ignore",
      "--target",
      half,
      "-r",
      requirements
    ]
    execFileSync("python3", args, { stdio: ["ignore", "ignore", "pipe"], timeout: 120_000 })
    // Another process may have been faster.
    if (!Fs.existsSync(folder)) Fs.renameSync(half, folder)
    return folder
  } finally {
    Fs.rmSync(half, { recursive: true, force: true })
  }
}

/** One published client: why it cannot be had, or how to run its program. */
export interface PublishedClient {
  readonly problem: string | undefined
  readonly run: (environment: Readonly<Record<string, string>>) => Effect.Effect<ReturnType<typeof JSON.parse>>
}

/** Finds or installs a client. Where that is impossible, the run says so aloud. */
export const open = (name: string, program: string): PublishedClient => {
  try {
    const folder = install(Path.join(here, `requirements-${name}.txt`))
    return {
      problem: undefined,
      run: (environment) =>
        Effect.promise(async () => {
          const env = {
            PATH: process.env["PATH"] ?? "",
            PYTHONPATH: folder,
            PYTHONDONTWRITEBYTECODE: "1",
            ...environment
          }
          const { stdout } = await promisify(execFile)("python3", ["-s", Path.join(here, program)], { env })
          return JSON.parse(stdout)
        })
    }
  } catch (error) {
    const problem = problemOf(error)
    console.warn(`SKIPPED: the published client ${name} (${problem})`)
    return { problem, run: () => Effect.die(problem) }
  }
}
