import * as Program from "@keyfold/node/Program"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { temporaryFolder } from "./TemporaryFolder.ts"

const input = Redacted.make("the secret")

const problemOf = (effect: Effect.Effect<unknown, { readonly message: string }>) =>
  Effect.map(Effect.flip(effect), ({ message }) => message)

const pidIn = (path: string): number => (existsSync(path) ? Number(readFileSync(path, "utf8")) : 0)

const isAlive = (pid: number): boolean => {
  try {
    // A process that has ended and that nobody has waited for is no process any more.
    return process.kill(pid, 0) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))
  } catch {
    return false
  }
}

/** Waits for something that happens in another process. */
const until = (condition: () => boolean) =>
  Effect.callback<void>((resume) => {
    const timer = setInterval(() => condition() && resume(Effect.void), 5)
    return Effect.sync(() => clearInterval(timer))
  })

describe("a program that is asked", () => {
  it.live("finds the secret on its standard input and nowhere else, and answers with its exit code", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const script = 'cat > seen; env > around; printf "%s" "$0 $*" > arguments; echo noise; echo noise >&2; exit 3'
      const env = { PATH: process.env["PATH"], ABOUT: "it" }
      const code = yield* Program.ask(["sh", "-c", script, "first"], { folder, env, input })
      assert.strictEqual(code, 3)
      const read = (name: string) => readFileSync(join(folder, name), "utf8")
      assert.strictEqual(read("seen"), "the secret")
      assert.include(read("around"), "ABOUT=it")
      assert.notInclude(`${read("around")}${read("arguments")}`, "the secret")
    })
  )

  it.live("may answer without reading, and finds nothing where nothing is given", () =>
    Effect.gen(function* () {
      const long = Redacted.make("x".repeat(1_000_000))
      assert.strictEqual(yield* Program.ask(["true"], { input: long }), 0)
      assert.strictEqual(yield* Program.ask(["sh", "-c", 'test -z "$(cat)"']), 0)
    })
  )

  it.live("is killed with what it started when it takes too long or nobody waits any more", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const command = (name: string) => ["sh", "-c", `sleep 9 & echo $! > ${name}; wait`] as const
      const started = (name: string) => until(() => pidIn(join(folder, name)) > 0)
      const slow = Program.ask(command("first"), { folder, within: "300 millis", input })
      assert.strictEqual(
        yield* problemOf(slow),
        "the program sh did not finish within 300ms and was killed. Run it yourself to see why."
      )
      const fiber = yield* Effect.forkChild(Program.ask(command("second"), { folder }))
      yield* started("second")
      yield* Fiber.interrupt(fiber)
      for (const name of ["first", "second"]) yield* until(() => !isAlive(pidIn(join(folder, name))))
    })
  )

  it.live("that is not there, or is ended by a signal, is no answer", () =>
    Effect.gen(function* () {
      assert.match(
        yield* problemOf(Program.ask(["no-such-program-here"])),
        /^the program no-such-program-here was not found/
      )
      assert.match(yield* problemOf(Program.ask(["sh", "-c", "kill -9 $$"])), /^the program sh was ended by SIGKILL/)
    })
  )
})
