/** Copies the workspace into a temporary folder, so that a test may change it; what npm installed is only linked. */
import { spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"
import { repository } from "./miniature.ts"

/** How a program ended. */
export interface Run {
  readonly status: number | null
  readonly stdout: string
  readonly output: string
}

/** A workspace that nobody else uses. */
export interface WorkspaceCopy {
  readonly root: string
  /** Runs a file of the copy, or of an installed package, with node. */
  readonly node: (...args: ReadonlyArray<string>) => Run
  readonly remove: () => void
}

const left = new Set(["node_modules", "dist", ".git", ".nx", "coverage"])
const own = new Set(["@keyfold", "keyfold", "tools", ".cache"])

const link = (target: string, path: string): void => {
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(target, path)
}

const linkInstalled = (root: string): void => {
  const installed = join(repository, "node_modules")
  for (const name of readdirSync(installed)) {
    if (!own.has(name)) link(join(installed, name), join(root, "node_modules", name))
  }
  for (const name of readdirSync(join(root, "packages"))) {
    link(join(root, "packages", name), join(root, "node_modules", name === "keyfold" ? name : `@keyfold/${name}`))
  }
}

/** Copies the workspace as it is now. */
export const copyWorkspace = (): WorkspaceCopy => {
  const root = mkdtempSync(join(tmpdir(), "keyfold-workspace-"))
  for (const name of readdirSync(repository)) {
    if (left.has(name)) continue
    cpSync(join(repository, name), join(root, name), { recursive: true, filter: (path) => !left.has(basename(path)) })
  }
  linkInstalled(root)
  spawnSync("git", ["init", "-q"], { cwd: root })
  const env = Object.entries(process.env).filter(([name]) => !/^(?:NODE_|VITEST|npm_)/.test(name))
  return {
    root,
    node: (...args) => {
      const { status, stderr, stdout } = spawnSync(process.execPath, args, {
        cwd: root,
        encoding: "utf8",
        env: { ...Object.fromEntries(env), NO_COLOR: "1" },
        maxBuffer: 64 * 1024 * 1024
      })
      return { status, stdout, output: stdout + stderr }
    },
    remove: () => rmSync(root, { recursive: true, force: true })
  }
}
