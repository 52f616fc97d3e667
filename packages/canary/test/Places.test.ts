/** Files, processes and metrics are read to the last byte: a canary planted in each is found. */
import { assert, describe, it } from "@effect/vitest"
import { scan } from "@keyfold/canary/Canary"
import { files, metrics, processes } from "@keyfold/canary/Places"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import { spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

const canary = "CANARY+places^must&never@show$UPinANYplace00000000003"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "canary-places-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const wheres = (records: Parameters<typeof scan>[0]) => scan(records, [canary]).map(({ where }) => where)

describe("the files of a folder", () => {
  it.live("are read whole, hidden and nested ones too, with their names and the ends of links", () =>
    Effect.gen(function* () {
      const path = yield* folder
      mkdirSync(join(path, "a", ".b"), { recursive: true })
      writeFileSync(join(path, "a", ".b", ".hidden"), Buffer.concat([Buffer.alloc(100_000), Buffer.from(canary)]))
      writeFileSync(join(path, "plain"), "nothing")
      writeFileSync(join(path, canary), "nothing")
      symlinkSync(`/nowhere/${canary}`, join(path, "link"))
      const found = wheres(files(path))
      assert.sameMembers(
        found.filter((where) => / by (?:String|its bytes)$/.test(where)),
        [`file ${join("a", ".b", ".hidden")} by its bytes`, `name of ${canary} by String`, "link link by String"]
      )
    })
  )

  it.live("leave out what is no file, and what is not there", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const server = yield* Effect.acquireRelease(
        Effect.callback<ReturnType<typeof createServer>>((resume) => {
          const server = createServer()
          server.listen(join(path, "socket"), () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      assert.isTrue(server.listening)
      assert.deepStrictEqual(files(path), [["name of socket", "socket"]])
      assert.deepStrictEqual(files(join(path, "missing")), [])
    })
  )
})

describe("a process", () => {
  it.live("shows its own arguments and environment and those of what it started, until that ends, on Linux", () =>
    Effect.gen(function* () {
      const child = yield* Effect.acquireRelease(
        Effect.callback<ReturnType<typeof spawn>>((resume) => {
          const script = "sleep 60 & echo started; wait"
          const child = spawn("/bin/sh", ["-c", script, canary], { env: { SECRET: canary }, detached: true })
          child.stdout.once("data", () => resume(Effect.succeed(child)))
        }),
        (child) => Effect.sync(() => process.kill(-(child.pid ?? 0), "SIGKILL"))
      )
      const pid = child.pid ?? 0
      const found = wheres(processes(process.pid))
      const isLinux = process.platform === "linux"
      assert.strictEqual(found.includes(`cmdline of process ${pid} by its bytes`), isLinux)
      assert.strictEqual(found.includes(`environ of process ${pid} by its bytes`), isLinux)
      const grandchild = found.filter((where) => where.startsWith("environ of process") && !where.includes(` ${pid} `))
      assert.strictEqual(grandchild.length > 0, isLinux, "the sleeping grandchild inherits the environment")
      assert.deepStrictEqual(wheres(processes(2 ** 30)), [])
    })
  )
})

describe("metrics", () => {
  const found = (update: Effect.Effect<void>) =>
    Effect.map(Effect.andThen(update, metrics), wheres).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))

  const places: ReadonlyArray<readonly [what: string, update: Effect.Effect<void>]> = [
    ["the name", Metric.update(Metric.counter(canary), 1)],
    ["the description", Metric.update(Metric.counter("x", { description: canary }), 1)],
    ["an attribute", Metric.update(Metric.withAttributes(Metric.counter("x"), { key: canary }), 1)],
    ["a counted word", Metric.update(Metric.frequency("x"), canary)]
  ]
  for (const [what, update] of places) {
    it.effect(`show a canary in ${what}`, () =>
      Effect.gen(function* () {
        assert.isNotEmpty(yield* found(update))
      })
    )
  }

  it.effect("are kept one by one and as a table", () =>
    Effect.gen(function* () {
      const wheres = yield* found(Metric.update(Metric.counter("x", { description: canary }), 1))
      for (const where of ["metric x by JSON.stringify", "metrics by String"]) assert.include(wheres, where)
    })
  )

  it.effect("show none where none is", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* found(Metric.update(Metric.counter("x"), 1)), [])
    })
  )
})
