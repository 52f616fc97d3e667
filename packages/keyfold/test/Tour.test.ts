import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdirSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { execute, finish, keyfold, start, temporaryFolder } from "./Keyfold.ts"

interface Step {
  readonly store: string
  readonly operation: string
  readonly result: string
  readonly expected: boolean
  readonly requests: number | "SQL"
}

const leftIn = (folder: string) => readdirSync(folder).filter((name) => name.startsWith("keyfold"))

describe("tour", { timeout: 60_000 }, () => {
  it.live("runs one program on two backends, tells what happened, and leaves nothing behind", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const { code, stderr, stdout } = yield* execute(["tour"], { cwd: folder, env: { TMPDIR: folder } })
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.match(stdout, /^One program, two backends\n/)
      assert.match(stdout, /^ {4}monitoring:\n {6}adapter: whylabs\n {6}baseUrl: http:\/\/127\.0\.0\.1:\d+\n/m)
      assert.include(stdout, "pepper: { file: ./secrets/pepper }")
      assert.match(stdout, /^STORE +OPERATION +RESULT +REQUESTS +TIME$/m)
      assert.match(stdout, /^local +create +key [0-9A-Za-z]{16} and its secret +SQL +(<1|\d+) ms$/m)
      assert.match(stdout, /^local +verify +the secret is valid +SQL /m)
      assert.match(stdout, /^local +verify +the secret is refused: revoked +SQL /m)
      assert.match(stdout, /^monitoring +create +key [0-9A-Za-z]{10} and its secret +1 +\d+ ms$/m)
      assert.match(stdout, /^monitoring +list +4 keys, new one shown after \d+ ms +\d+ +\d+ ms$/m)
      assert.match(stdout, /^monitoring +verify +unsupported; nothing was sent +0 /m)
      assert.match(stdout, /^monitoring +usage +last use not known +1 /m)
      assert.match(stdout, /^monitoring +list +3 keys, revoked one gone/m)
      assert.include(stdout, "Every step did what its store declares.")
      assert.match(stdout, /Try next\n\n(?: {2}# .+\n {2}.*bin\.ts (?:init|create|emulate).*\n){3}$/)
      assert.notMatch(stdout, /kf_|UNEXPECTED/)
      assert.deepStrictEqual(readdirSync(folder), [])
    }).pipe(Effect.scoped)
  )

  it.live("gives the same as JSON, for one store where one is named", () =>
    Effect.gen(function* () {
      const { code, stdout } = yield* keyfold(["tour", "--json", "--store", "monitoring"])
      assert.strictEqual(code, 0)
      const report: { readonly configuration: string; readonly steps: ReadonlyArray<Step> } = JSON.parse(stdout)
      assert.notInclude(report.configuration, "local")
      assert.deepStrictEqual(
        report.steps.map(({ operation }) => operation),
        ["create", "list", "get", "verify", "usage", "revoke", "list"]
      )
      assert.isTrue(report.steps.every(({ expected, store }) => expected && store === "monitoring"))
      assert.strictEqual(report.steps.find(({ operation }) => operation === "verify")?.requests, 0)
      for (const args of [
        ["tour", "--store", "other"],
        ["tour", "--config", "keyfold.yaml"]
      ]) {
        assert.strictEqual((yield* keyfold(args)).code, 2)
      }
    })
  )

  it.live("leaves nothing behind when it is interrupted, and ends with exit code 130", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const child = start(["tour"], { cwd: folder, env: { TMPDIR: folder } })
      const ending = finish(child)
      const watching = Effect.gen(function* () {
        while (leftIn(folder).length === 0) yield* Effect.sleep("2 millis")
        child.kill("SIGINT")
      })
      const [ran] = yield* Effect.all([ending, watching], { concurrency: 2 })
      assert.deepStrictEqual(ran, { code: 130, stdout: "", stderr: "" })
      assert.deepStrictEqual(leftIn(folder), [])
    }).pipe(Effect.scoped)
  )

  it.live("says so where there is no folder to work in", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      mkdirSync(join(folder, "work"))
      const { code, stderr } = yield* execute(["tour"], { cwd: folder, env: { TMPDIR: join(folder, "missing") } })
      assert.strictEqual(code, 2)
      assert.include(stderr, "TMPDIR")
    }).pipe(Effect.scoped)
  )
})
