/** The processes that the start-up benchmark compares. */
import { spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** A process: what it is called in the table, how it is started, and in what environment. */
export interface Program {
  readonly name: string
  readonly command: ReadonlyArray<string>
  readonly environment?: Readonly<Record<string, string>>
}

const packageFolder = new URL("../../../packages/keyfold/", import.meta.url)
const launcher = fileURLToPath(new URL("bin/keyfold.js", packageFolder))
const builtFile = (name: string): string => new URL(`dist/${name}`, packageFolder).href

const keys = 25

/** A folder with an embedded store that holds one page of keys. */
const prepare = (folder: string, node: string): void => {
  mkdirSync(join(folder, "store"))
  writeFileSync(join(folder, "pepper"), "a pepper that is only ever used by this benchmark, of 32 bytes and more\n", {
    mode: 0o600
  })
  writeFileSync(
    join(folder, "keyfold.yaml"),
    "stores:\n  local: { adapter: sql, url: 'sqlite:store/keyfold.db', pepper: { file: ./pepper } }\n"
  )
  for (let index = 0; index < keys; index += 1) {
    const { status, stderr } = spawnSync(node, [launcher, "create", "--name", `key-${index}`, "--json"], {
      cwd: folder,
      encoding: "utf8",
      env: { ...process.env, XDG_CACHE_HOME: join(folder, "cache") }
    })
    if (status !== 0) throw new Error(stderr)
  }
}

/** Prepares the folder and lists the processes, the empty one first. */
export const programs = (folder: string, binaries: string): ReadonlyArray<Program> => {
  const node = join(binaries, "node")
  prepare(folder, node)
  const imports = (specifier: string) => [node, "--input-type=module", "-e", `await import("${specifier}")`]
  const modules = `(await import("${builtFile("internal/main.js")}")).main(["list"])`
  return [
    { name: "`node -e 0`", command: [node, "-e", "0"] },
    { name: "`node -e 0`, again", command: [node, "-e", "0"] },
    { name: "`keyfold --version`", command: [node, launcher, "--version"] },
    { name: "`keyfold --help`", command: [node, launcher, "--help"] },
    { name: "`keyfold list`, 25 keys", command: [node, launcher, "list"] },
    {
      name: "`keyfold list`, no compile cache",
      command: [node, launcher, "list"],
      environment: { NODE_DISABLE_COMPILE_CACHE: "1" }
    },
    { name: "`keyfold list`, not bundled", command: [node, "--input-type=module", "-e", modules] },
    { name: '`import "keyfold"`', command: imports(builtFile("index.js")) },
    { name: '`import "keyfold/Cli"`', command: imports(builtFile("Cli.js")) },
    { name: "`npm --version`", command: ["npm", "--version"] }
  ]
}
