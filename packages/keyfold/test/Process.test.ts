import { assert, describe, it } from "@effect/vitest"
import * as Arthur from "@keyfold/emulators/Arthur"
import * as FetchServer from "@keyfold/node/FetchServer"
import * as Effect from "effect/Effect"
import { copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { execute, executeFile, finish, localStore, start, temporaryFolder } from "./Keyfold.ts"

const manifest: { readonly version: string; readonly bin: { readonly keyfold: string } } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8")
)

describe("the launcher", () => {
  const launcher = fileURLToPath(new URL(`../${manifest.bin.keyfold}`, import.meta.url))

  it("is a committed file that may be run, so that npm links it before anything is built", () => {
    assert.strictEqual(manifest.bin.keyfold, "./bin/keyfold.js")
    assert.strictEqual(statSync(launcher).mode & 0o111, 0o111)
    assert.match(readFileSync(launcher, "utf8"), /^#!\/usr\/bin\/env node\n/)
  })

  it.live("starts what was built, and says what to run where nothing was", () =>
    Effect.gen(function* () {
      const cwd = yield* temporaryFolder
      mkdirSync(join(cwd, "bin"))
      writeFileSync(join(cwd, "package.json"), `{ "type": "module" }`)
      const copy = join(cwd, "bin/keyfold.js")
      copyFileSync(launcher, copy)
      const unbuilt = yield* executeFile(copy, { cwd }, ["--version"])
      assert.deepStrictEqual([unbuilt.code, unbuilt.stdout], [1, ""])
      assert.match(unbuilt.stderr, /^keyfold: .* npm run build\n$/)
      mkdirSync(join(cwd, "dist"))
      writeFileSync(join(cwd, "dist/bin.js"), "console.log(process.argv.slice(2).join())\n")
      const built = yield* executeFile(copy, { cwd }, ["list", "--json"])
      assert.deepStrictEqual(built, { code: 0, stdout: "list,--json\n", stderr: "" })
    }).pipe(Effect.scoped)
  )
})

describe("the command as a process", () => {
  it.live("--version prints the version and loads nothing of effect", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const ran = yield* execute(["--version"], { cwd: folder, env: { NODE_DEBUG: "esm" } })
      assert.deepStrictEqual([ran.code, ran.stdout], [0, `${manifest.version}\n`])
      assert.include(ran.stderr, "version.ts")
      assert.notInclude(ran.stderr, "effect")
      const among = yield* execute(["list", "--version"], { cwd: folder })
      assert.deepStrictEqual(among, { code: 0, stdout: `${manifest.version}\n`, stderr: "" })
    }).pipe(Effect.scoped)
  )

  it.live("hands a secret from create to verify through a pipe, and exit codes to a script", () =>
    Effect.gen(function* () {
      const cwd = yield* localStore
      const created = yield* execute(["create", "--name", "piped"], { cwd })
      assert.strictEqual(created.code, 0)
      assert.match(created.stdout, /^kf_\S+\n$/)
      const valid = yield* execute(["verify", "--json"], { cwd, stdin: created.stdout })
      assert.strictEqual(valid.code, 0)
      assert.strictEqual(JSON.parse(valid.stdout).key.name, "piped")
      const invalid = yield* execute(["verify"], { cwd, stdin: "kf_no" })
      assert.deepStrictEqual(invalid, { code: 1, stdout: "not valid (malformed)\n", stderr: "" })
      const missing = yield* execute(["get", "nothing"], { cwd })
      assert.strictEqual(missing.code, 3)
      assert.strictEqual((yield* execute([], { cwd })).code, 2)
      for (const { stderr } of [created, valid, invalid, missing]) {
        assert.notInclude(stderr, created.stdout.trim())
        assert.notMatch(stderr, /^\s+at /m)
      }
    }).pipe(Effect.scoped)
  )

  it.live("colours a pipe only where FORCE_COLOR asks for it and NO_COLOR does not forbid it", () =>
    Effect.gen(function* () {
      const cwd = yield* localStore
      const colours = Effect.fnUntraced(function* (env: Readonly<Record<string, string>>) {
        const { stdout } = yield* execute(["stores"], { cwd, env })
        return stdout.includes("\u001b[")
      })
      assert.isFalse(yield* colours({}))
      assert.isTrue(yield* colours({ FORCE_COLOR: "1" }))
      assert.isFalse(yield* colours({ FORCE_COLOR: "1", NO_COLOR: "1" }))
    }).pipe(Effect.scoped)
  )

  it.live("survives a reader that leaves early without a stack trace", () =>
    Effect.gen(function* () {
      const cwd = yield* localStore
      const child = start(["--help"], { cwd })
      child.stdout?.destroy()
      const { code, stderr } = yield* finish(child)
      assert.deepStrictEqual([code, stderr], [0, ""])
    }).pipe(Effect.scoped)
  )

  it.live("SIGTERM ends what stays until then with exit code 0, and anything else with 143", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const emulator = start(["emulate", "whylabs"], { cwd: folder })
      emulator.stdout?.once("data", () => emulator.kill("SIGTERM"))
      const fetch = () => {
        list.kill("SIGTERM")
        return new Promise<Response>(() => {})
      }
      const { url } = yield* FetchServer.serve({ fetch })
      const guard = `guard: { adapter: arthur, baseUrl: '${url}', apiKey: { env: ARTHUR_API_KEY } }`
      writeFileSync(join(folder, "keyfold.yaml"), `stores:\n  ${guard}\n`)
      const list = start(["list"], { cwd: folder, env: { ARTHUR_API_KEY: Arthur.makeCredential() } })
      const [{ code }, other] = yield* Effect.all([finish(emulator), finish(list)], { concurrency: 2 })
      assert.deepStrictEqual([code, other.code], [0, 143])
    }).pipe(Effect.scoped)
  )

  it.live("Ctrl-C stops an emulator with exit code 130", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const child = start(["emulate", "whylabs"], { cwd: folder })
      child.stdout?.once("data", () => child.kill("SIGINT"))
      const { code, stderr, stdout } = yield* finish(child)
      assert.deepStrictEqual([code, stderr], [130, ""])
      assert.match(stdout, /^WhyLabs, emulated on http:\/\/127\.0\.0\.1:\d+ until you press Ctrl-C\.\n/)
      assert.include(stdout, "export WHYLABS_API_KEY='")
    }).pipe(Effect.scoped)
  )
})
