/** Real processes that are killed or interrupted in the middle of a create, and what the next ones make of it. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync, type ChildProcess } from "node:child_process"
import { closeSync, constants, openSync, writeSync } from "node:fs"
import { join } from "node:path"
import { endLeases, execute, finish, guardedFolder, journaledStore, keyfold, start, type Setting } from "./Keyfold.ts"

/** Waits until a condition holds, and fails where the process ends before that. */
const until = Effect.fnUntraced(function* (child: ChildProcess, holds: Effect.Effect<boolean>) {
  while (!(yield* holds)) {
    if (child.exitCode !== null) return yield* Effect.die(`the process ended early with ${child.exitCode}`)
    yield* Effect.sleep("10 millis")
  }
})

const killed = Effect.fnUntraced(function* (child: ChildProcess) {
  const ending = finish(child)
  child.kill("SIGKILL")
  const { code } = yield* ending
  assert.strictEqual(code, -2)
})

const stateOf = Effect.fnUntraced(function* (setting: Setting) {
  const { stdout } = yield* keyfold(["journal", "--json", "--operation", "op-1"], setting)
  return stdout === "" ? undefined : String(JSON.parse(stdout).state)
})

/** A pipe that takes nothing more: whoever writes to it waits. */
const fullPipe = (folder: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const path = join(folder, "output")
      execFileSync("mkfifo", [path])
      const pipe = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
      try {
        for (;;) writeSync(pipe, Buffer.alloc(4096))
      } catch (error) {
        assert.propertyVal(error, "code", "EAGAIN")
      }
      return pipe
    }),
    (pipe) => Effect.sync(() => closeSync(pipe))
  )

describe("a create that is killed", () => {
  it.live("before its answer came is cleared by recover, and its operation may be repeated", () =>
    Effect.gen(function* () {
      const { emulator, environment, folder, live } = yield* guardedFolder
      const setting = { folder, environment }
      emulator.hangNext({ operation: "create" })
      const child = start(["create", "--operation-id", "op-1"], { cwd: folder, env: environment })
      yield* until(
        child,
        Effect.sync(() => live().length === 1)
      )
      yield* killed(child)
      const [id] = live()
      assert.strictEqual(yield* stateOf(setting), "intended")
      const early = yield* execute(["recover", "op-1"], { cwd: folder, env: environment })
      assert.strictEqual(early.code, 1)
      assert.include(early.stdout, "is under way elsewhere")
      assert.deepStrictEqual(live(), [id])
      yield* endLeases(folder)
      const dry = yield* keyfold(["sweep", "--dry-run", "--json"], setting)
      assert.deepStrictEqual(JSON.parse(dry.stdout.split("\n")[1] ?? "").orphans, [
        { key: { id }, operationId: "op-1", fate: "found" }
      ])
      const { code, stdout } = yield* execute(["recover", "op-1"], { cwd: folder, env: environment })
      assert.strictEqual(code, 0)
      assert.include(stdout, `left key ${id}, which nobody held. It was revoked.`)
      assert.deepStrictEqual(live(), [])
      const again = yield* keyfold(["create", "--operation-id", "op-1"], setting)
      assert.strictEqual(again.code, 0, again.stderr)
      assert.lengthOf(live(), 1)
      assert.strictEqual(yield* stateOf(setting), "delivered")
    }).pipe(Effect.scoped)
  )

  it.live("while nobody reads its secret is swept", () =>
    Effect.gen(function* () {
      const folder = yield* journaledStore
      const setting = { folder }
      const output = yield* fullPipe(folder)
      const child = start(["create", "--operation-id", "op-1"], { cwd: folder, output })
      yield* until(
        child,
        Effect.map(stateOf(setting), (state) => state === "minted")
      )
      yield* killed(child)
      yield* endLeases(folder)
      const { code, stdout } = yield* execute(["sweep"], { cwd: folder })
      assert.strictEqual(code, 0)
      assert.match(stdout, /^\S+ +op-1 +revoked$/m)
      const { stdout: listed } = yield* keyfold(["list", "--json", "--status", "active"], setting)
      assert.strictEqual(listed, "")
      assert.strictEqual(yield* stateOf(setting), "abandoned")
      const verified = yield* execute(["journal", "verify"], { cwd: folder })
      assert.match(verified.stdout, /^local: intact, /)
    }).pipe(Effect.scoped)
  )
})

describe("a create that is interrupted", () => {
  it.live("revokes what it left, says what it is waiting for, and ends with exit code 130", () =>
    Effect.gen(function* () {
      const { emulator, environment, folder, live } = yield* guardedFolder
      emulator.hangNext({ operation: "create" })
      const child = start(["create", "--operation-id", "op-1"], { cwd: folder, env: environment })
      const ending = finish(child)
      const watching = Effect.gen(function* () {
        yield* until(
          child,
          Effect.sync(() => live().length === 1)
        )
        child.kill("SIGINT")
      })
      const [{ code, stderr, stdout }] = yield* Effect.all([ending, watching], { concurrency: 2 })
      assert.deepStrictEqual([code, stdout], [130, ""])
      assert.match(
        stderr,
        /^keyfold: warning: interrupted while operation op-1 was under way\. For up to 10 s keyfold looks/
      )
      // Arthur may act on an abandoned request for longer than that.
      assert.match(stderr, /\nkeyfold: warning: store "guard" closed before it was certain .*: op-1\. Run recover/)
      assert.deepStrictEqual(live(), [])
    }).pipe(Effect.scoped)
  )
})
