/** The container file and the systemd unit, as far as they can be run where there is neither. */
import { assert, describe, it } from "@effect/vitest"
import * as FetchServer from "@keyfold/node/FetchServer"
import * as Effect from "effect/Effect"
import { execFile, execFileSync } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { finish, keyfold, pepper, start, temporaryFolder } from "./Keyfold.ts"
import { ask, until } from "./Served.ts"

const text = (name: string): string => readFileSync(new URL(`../deploy/${name}`, import.meta.url), "utf8")

interface Instruction {
  readonly name: string
  readonly value: string
}

/** The instructions of the last stage, the one that is run. */
const lastStage = (): ReadonlyArray<Instruction> => {
  const lines = text("Containerfile")
    .replaceAll(/\\\n/g, " ")
    .split("\n")
    .filter((line) => /^[A-Z]+ /.test(line))
  const found = lines.map((line) => ({ name: line.split(" ")[0] ?? "", value: line.slice(line.indexOf(" ") + 1) }))
  return found.slice(found.findLastIndex(({ name }) => name === "FROM"))
}

const valueOf = (instructions: ReadonlyArray<Instruction>, wanted: string): string =>
  instructions.find(({ name }) => name === wanted)?.value ?? ""

const listOf = (value: string): ReadonlyArray<string> => JSON.parse(value.slice(value.indexOf("["))) as Array<string>

const freePort = Effect.map(
  Effect.scoped(FetchServer.serve({ fetch: async () => new Response(), port: 0 })),
  ({ port }) => String(port)
)

/** A folder that stands for the root of a file system, and texts with what it has for what is named in them. */
const rooted = Effect.gen(function* () {
  const folder = yield* temporaryFolder
  const [port, metricsPort] = [yield* freePort, yield* freePort]
  for (const name of ["etc", "var", "secrets"]) mkdirSync(join(folder, name))
  for (const name of ["pepper", "gateway-pepper", "keyfold-pepper", "keyfold-gateway-pepper"]) {
    writeFileSync(join(folder, "secrets", name), `${name}: ${pepper}`, { mode: 0o600 })
  }
  const placed = (words: string): string =>
    words
      .replaceAll("/etc/keyfold", join(folder, "etc"))
      .replaceAll("/var/lib/keyfold", join(folder, "var"))
      .replaceAll(/\/run\/(?:secrets|credentials\/keyfold\.service)/g, join(folder, "secrets"))
      .replaceAll("8080", port)
      .replaceAll("9464", metricsPort)
      .replaceAll("0.0.0.0", "127.0.0.1")
  const config = join(folder, "etc/keyfold.yaml")
  const configure = (name: string, more = "") => writeFileSync(config, placed(text(name)) + more)
  const written = () => ["etc", "secrets"].flatMap((name) => readdirSync(join(folder, name))).join()
  return { folder, config, placed, configure, written, port, metricsPort }
})

type Rooted = Effect.Success<typeof rooted>

/** Starts the command and waits until it answers. */
const started = Effect.fnUntraced(function* (
  { folder, port }: Rooted,
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {}
) {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => start(args, { cwd: join(folder, "var"), env })),
    (running) => Effect.sync(() => void running.kill("SIGKILL"))
  )
  const ended = yield* Effect.cached(finish(child))
  yield* Effect.forkScoped(ended)
  const url = `http://127.0.0.1:${port}`
  yield* until("the command answers", async () => {
    if (child.exitCode !== null) throw new Error("it ended early")
    return (await ask(`${url}/health`))?.status === 200
  })
  return { url, ended, signal: (name: string) => void child.kill(name as NodeJS.Signals) }
})

const exitCodeOf = ([program = "", ...args]: ReadonlyArray<string>) =>
  Effect.callback<number>((resume) => {
    const child = execFile(program === "node" ? process.execPath : program, args)
    child.on("exit", (code) => resume(Effect.succeed(code ?? -1)))
  })

describe("the container file", () => {
  it("runs as a user without rights, keeps its data in a volume, and holds no secret", () => {
    const stage = lastStage()
    assert.match(valueOf(stage, "USER"), /^[1-9]\d*:[1-9]\d*$/)
    assert.strictEqual(valueOf(stage, "VOLUME"), valueOf(stage, "WORKDIR"))
    assert.deepStrictEqual(listOf(valueOf(stage, "ENTRYPOINT")), ["keyfold"])
    assert.notMatch(text("Containerfile"), /pepper|secret|password|token/i)
    const sources = text("Containerfile").match(/^COPY (?!--from).*$/gm) ?? []
    assert.deepStrictEqual(sources, [])
    const { bin } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { bin: object }
    assert.deepStrictEqual(Object.keys(bin), ["keyfold"])
  })

  it.live("starts what answers its health check, writes nothing but its data, and ends at its stop signal", () =>
    Effect.gen(function* () {
      const root = yield* rooted
      root.configure("container.yaml")
      const before = root.written()
      const stage = lastStage()
      const env = Object.fromEntries(
        valueOf(stage, "ENV")
          .split(" ")
          .map((pair) => root.placed(pair).split("="))
      ) as Record<string, string>
      const check = listOf(root.placed(valueOf(stage, "HEALTHCHECK").replace(/^.* CMD /, "")))
      const { ended, signal } = yield* started(root, listOf(root.placed(valueOf(stage, "CMD"))), env)
      assert.strictEqual(yield* exitCodeOf(check), 0)
      const metrics = yield* Effect.promise(() => ask(`http://127.0.0.1:${root.metricsPort}/metrics`))
      assert.include(metrics?.text, "keyfold_gateway_requests_total{")
      signal(valueOf(stage, "STOPSIGNAL"))
      const { code, stderr } = yield* ended
      assert.strictEqual(code, 0, stderr)
      assert.match(stderr, /"event":"gateway\.request"/)
      assert.strictEqual(yield* exitCodeOf(check), 1)
      assert.strictEqual(root.written(), before)
    }).pipe(Effect.scoped)
  )
})

const unit = text("keyfold.service")

const settingsOf = (name: string): ReadonlyArray<string> =>
  [...unit.matchAll(new RegExp(`^${name}=(.*)$`, "gm"))].map(([, value = ""]) => value)

const hasAnalyzer = (() => {
  try {
    execFileSync("systemd-analyze", ["--version"], { stdio: "ignore" })
    return true
  } catch {
    console.warn("SKIPPED: what systemd itself says of the unit (there is no systemd-analyze)")
    return false
  }
})()

describe("the systemd unit", () => {
  it.live("is one that systemd accepts, and that can do little", () =>
    Effect.gen(function* () {
      if (!hasAnalyzer) return
      const folder = yield* temporaryFolder
      const path = join(folder, "keyfold.service")
      writeFileSync(path, unit.replaceAll("/usr/local/bin/keyfold", "/bin/true"))
      execFileSync("systemd-analyze", ["verify", "--man=no", path], { stdio: "pipe" })
      execFileSync("systemd-analyze", ["security", "--offline=true", "--threshold=20", "--no-pager", path], {
        stdio: "pipe"
      })
    }).pipe(Effect.scoped)
  )

  it.live("starts what answers, has it read its configuration again, and ends it with exit code 0", () =>
    Effect.gen(function* () {
      const root = yield* rooted
      root.configure("systemd.yaml")
      const [, ...args] = root.placed(settingsOf("ExecStart")[0] ?? "").split(" ")
      for (const credential of settingsOf("LoadCredential")) {
        assert.include(text("systemd.yaml"), `/run/credentials/keyfold.service/${credential.split(":")[0]} }`)
      }
      const { ended, signal, url } = yield* started(root, args)
      const { stdout: key } = yield* keyfold(["gateway", "init", "--config", root.config], { folder: root.folder })
      const served = (tenant: string) =>
        ask(`${url}/v1/tenants/${tenant}/keys`, { key: key.trim() }).then((answer) => answer?.status)
      assert.strictEqual(yield* Effect.promise(() => served("globex")), 404)
      writeFileSync(root.config, readFileSync(root.config, "utf8").replace("acme: local", "globex: local"))
      assert.strictEqual(settingsOf("ExecReload")[0], "/bin/kill -HUP $MAINPID")
      signal("SIGHUP")
      yield* until("the new configuration is in use", async () => (await served("globex")) === 200)
      signal(settingsOf("KillSignal")[0] ?? "")
      const { code, stderr } = yield* ended
      assert.strictEqual(code, 0, stderr)
    }).pipe(Effect.scoped)
  )
})
