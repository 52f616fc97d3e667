import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { run } from "keyfold/Cli"
import { Shell } from "keyfold/Shell"
import { chmodSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { namesFor } from "../src/internal/commands.ts"
import { cacheFolder, isOwn } from "../src/internal/compileCache.ts"
import { HandOver } from "../src/internal/handOver.ts"
import { localStore, makeShell, temporaryFolder } from "./Keyfold.ts"

describe("the commands that a line of arguments loads", () => {
  it("are the one it begins with", () => {
    assert.deepStrictEqual(namesFor(["list", "--store", "get"]), ["list"])
    assert.deepStrictEqual(namesFor(["create", "list", "--help"]), ["create"])
  })

  it("are all of them where it does not begin with one, or asks for completions", () => {
    const all = namesFor([])
    assert.includeMembers([...all], ["init", "list", "tour"])
    for (const args of [["--json", "list"], ["--help"], ["lst"], ["constructor"], ["list", "--completions", "bash"]]) {
      assert.deepStrictEqual(namesFor(args), all)
    }
    assert.deepStrictEqual(namesFor(["list", "--completions=bash"]), all)
  })
})

describe("the folder of compiled code", () => {
  const home = join("/", "of", "kim")

  it("is in the user's own folder of caches, by the custom of the platform", () => {
    assert.strictEqual(cacheFolder("linux", {}, home), join(home, ".cache", "keyfold"))
    assert.strictEqual(cacheFolder("linux", { XDG_CACHE_HOME: "/caches" }, home), join("/caches", "keyfold"))
    assert.strictEqual(
      cacheFolder("darwin", { XDG_CACHE_HOME: "/caches" }, home),
      join(home, "Library", "Caches", "keyfold")
    )
    assert.strictEqual(cacheFolder("win32", { LOCALAPPDATA: "/local" }, home), join("/local", "keyfold", "Cache"))
  })

  it("is never found by a way that starts in the working folder", () => {
    assert.strictEqual(cacheFolder("linux", { XDG_CACHE_HOME: "caches" }, home), join(home, ".cache", "keyfold"))
  })
})

describe("a folder of compiled code", () => {
  it.live("is used only where nobody else can put anything", () =>
    Effect.gen(function* () {
      const folder = join(yield* temporaryFolder, "cache")
      mkdirSync(folder, { mode: 0o700 })
      assert.isTrue(isOwn(folder))
      for (const mode of [0o770, 0o702]) {
        chmodSync(folder, mode)
        assert.isFalse(isOwn(folder))
      }
    }).pipe(Effect.scoped)
  )
})

describe("a command with copies of effect and core of its own", () => {
  const bundled = Effect.fnUntraced(function* (args: ReadonlyArray<string>, folder: string) {
    const begun = { stdin: 0, handedOver: 0 }
    const { shell, stderr, stdout } = makeShell({ folder })
    const stdin = { ...shell.stdin, readAll: Effect.sync(() => `kf_${(begun.stdin += 1)}`) }
    const handOver = Effect.suspend(() => {
      begun.handedOver += 1
      return Effect.interrupt
    })
    const exit = yield* run(args).pipe(
      Effect.provideService(Shell, Shell.of({ ...shell, stdin })),
      Effect.provideService(HandOver, handOver),
      Effect.exit
    )
    return { ...begun, code: Exit.isSuccess(exit) ? exit.value : undefined, stdout: stdout(), stderr: stderr() }
  })

  it.live("hands over before it has read or written anything where the configuration names another adapter", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      writeFileSync(join(folder, "keyfold.yaml"), `stores:\n  one: { adapter: sql }\n  other: { adapter: acme-keys }\n`)
      for (const args of [["verify"], ["revoke", "--leaked"], ["list", "--store", "one"]]) {
        const ran = yield* bundled(args, folder)
        assert.deepStrictEqual(ran, { stdin: 0, handedOver: 1, code: undefined, stdout: "", stderr: "" })
      }
    }).pipe(Effect.scoped)
  )

  it.live("hands over what needs a package of its own", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      for (const args of [["serve"], ["gateway", "init"]]) {
        const ran = yield* bundled(args, folder)
        assert.deepStrictEqual([ran.handedOver, ran.stdout, ran.stderr], [1, "", ""])
      }
    }).pipe(Effect.scoped)
  )

  it.live(
    "runs a configuration that names its own, by short name or by package, and one that is broken or missing",
    () =>
      Effect.gen(function* () {
        const folder = yield* localStore
        const verified = yield* bundled(["verify"], folder)
        assert.deepStrictEqual([verified.handedOver, verified.stdin, verified.code], [0, 1, 1])
        writeFileSync(join(folder, "named.yaml"), `stores:\n  one: { adapter: "@keyfold/sql" }\n`)
        writeFileSync(join(folder, "broken.yaml"), `stores: {\n`)
        for (const file of ["named.yaml", "broken.yaml", "missing.yaml"]) {
          const ran = yield* bundled(["list", "--config", file], folder)
          assert.deepStrictEqual([ran.handedOver, ran.code], [0, 2])
        }
      }).pipe(Effect.scoped)
  )
})
