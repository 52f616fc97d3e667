/** The sink that feeds a program. The programs are really started. */
import { assert, describe, it } from "@effect/vitest"
import { scan, watch } from "@keyfold/canary/Canary"
import * as SecretSink from "@keyfold/node/SecretSink"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { existsSync } from "node:fs"
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { isAlive, waitFor } from "./Processes.ts"
import { deliver, held, identify, issue } from "./Sinks.ts"
import { temporaryFolder } from "./TemporaryFolder.ts"

const canary = "id-7.CANARY+secret^must&never@show$UPin'ANY\"place%0001"
const issued = issue("id-7", canary)
const node = process.execPath

const text = (path: string) => Effect.promise(() => readFile(path, "utf8"))
const shell = (script: string, ...rest: ReadonlyArray<string>) => ["sh", "-c", script, "sh", ...rest] as const

/** Everything that can be seen of a delivery that fails, and what it says. */
const refusal = Effect.fnUntraced(function* (
  command: Parameters<typeof SecretSink.standardInput>[0],
  options: SecretSink.StandardInputOptions = {}
) {
  const { exit, records } = yield* watch("deliver", deliver(SecretSink.standardInput(command, options), issued))
  assert.isTrue(Exit.isFailure(exit))
  assert.deepStrictEqual(scan(records, [canary, "argument-nobody-may-see"]), [])
  const error = yield* Effect.flip(exit)
  return error.message
})

describe("a program", () => {
  it.live("is given exactly the secret, in its folder and environment, without a shell", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const code = `
        const text = require("fs").readFileSync(0, "utf8")
        require("fs").writeFileSync("got", JSON.stringify([text, process.argv.slice(1), process.env.WORD, process.cwd()]))
        console.log("printed")`
      const sink = SecretSink.standardInput([node, "-e", code, "$WORD;&"], { folder, env: { WORD: "a word" } })
      assert.deepStrictEqual(yield* deliver(sink, issued), { holds: Option.none() })
      assert.deepStrictEqual(JSON.parse(yield* text(join(folder, "got"))), [canary, ["$WORD;&"], "a word", folder])
      assert.isUndefined(yield* held(sink, identify))
      assert.strictEqual(sink.name, `standard input of ${node}`)
    })
  )

  it.live("of any kind reads it: a filter, a shell's read, one that reads just as many bytes, a long secret", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const long = "0123456789".repeat(100_000)
      for (const [script, secret] of [
        ["cat > got", canary],
        ['IFS= read -r line; printf %s "$line" > got', canary],
        [`head -c ${canary.length} > got`, canary],
        ["cat > got", long]
      ] as const) {
        yield* deliver(SecretSink.standardInput(shell(script), { folder }), issue("id-7", secret))
        assert.strictEqual(yield* text(join(folder, "got")), secret)
      }
    })
  )

  it.live("shows the secret neither in its arguments nor in its environment nor in its title while it runs", () =>
    Effect.gen(function* () {
      if (process.platform !== "linux") return
      const folder = yield* temporaryFolder
      const code = `
        const fs = require("fs")
        const text = fs.readFileSync(0, "utf8")
        const seen = ["cmdline", "environ", "comm", "stat"].map((name) => fs.readFileSync("/proc/self/" + name, "latin1"))
        fs.writeFileSync("seen", JSON.stringify(seen))
        process.exitCode = text.length === ${canary.length} ? 0 : 1`
      yield* deliver(SecretSink.standardInput([node, "-e", code, "an argument"], { folder, env: { A: "b" } }), issued)
      const seen: ReadonlyArray<string> = JSON.parse(yield* text(join(folder, "seen")))
      assert.strictEqual(seen.length, 4)
      assert.include(seen[0], "an argument")
      assert.include(seen[1], "A=b")
      assert.deepStrictEqual(scan(Object.entries(seen), [canary]), [])
      const parent = yield* Effect.forEach(["cmdline", "environ", "comm"], (name) =>
        text(`/proc/${process.pid}/${name}`)
      )
      assert.deepStrictEqual(scan([...Object.entries(parent), ["title", process.title]], [canary]), [])
    })
  )

  it.live("that fails, or is ended, is named with its exit code and nothing else", () =>
    Effect.gen(function* () {
      const noisy = "tee /dev/stderr; exit 3"
      assert.strictEqual(
        yield* refusal(shell(noisy, "argument-nobody-may-see")),
        "standard input of sh: the program sh exited with code 3. Run it yourself to see why."
      )
      assert.strictEqual(
        yield* refusal(shell("cat > /dev/null; kill -9 $$")),
        "standard input of sh: the program sh was ended by SIGKILL. Run it yourself to see why."
      )
      assert.include(yield* refusal(shell("exec <&-; exit 4")), "exited with code 4.")
    })
  )

  it.live("that ends well without reading everything has not got the secret", () =>
    Effect.gen(function* () {
      const problem = "ended well but did not read all of its standard input. Run it yourself to see why."
      for (const command of [
        ["true"],
        shell("exec <&-; exit 0"),
        shell("exec <&-; sleep 0.1"),
        shell("sleep 0.1"),
        shell(`head -c ${canary.length - 1} > /dev/null`)
      ] as const) {
        const [program] = command
        for (let round = 0; round < 3; round++) {
          assert.strictEqual(yield* refusal(command), `standard input of ${program}: the program ${program} ${problem}`)
        }
      }
    })
  )

  it.live("that is not there, may not be executed or has no folder is refused when the sink is opened", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* Effect.promise(async () => {
        await writeFile(join(folder, "plain"), "")
        await mkdir(join(folder, "bin"))
        await mkdir(join(folder, "bin/folder"))
        await writeFile(join(folder, "bin/tool"), '#!/bin/sh\ncat > "$0.got"\n')
        await writeFile(join(folder, "bin/plain"), "")
        await chmod(join(folder, "bin/tool"), 0o700)
      })
      const opening = (program: string, options: SecretSink.StandardInputOptions) =>
        Effect.scoped(SecretSink.standardInput([program, "argument-nobody-may-see"], options).open)
      const env = { PATH: "/nowhere:bin" }
      for (const [program, options, problem] of [
        ["no-such-program", { folder }, "the program no-such-program was not found."],
        ["./missing", { folder }, "the program ./missing was not found."],
        ["./bin/folder", { folder }, "the program ./bin/folder was not found."],
        ["./plain", { folder }, "the program ./plain could not be started (EACCES)."],
        ["plain", { folder, env }, "the program plain could not be started (EACCES)."],
        ["tool", { folder, env: { PATH: "/nowhere" } }, "the program tool was not found."],
        ["sh", { folder: "/nowhere" }, "the folder /nowhere, where the program sh would start, does not exist."]
      ] as const) {
        assert.strictEqual((yield* Effect.flip(opening(program, options))).problem, problem)
      }
      yield* opening("sh", { folder, env: {} })
      yield* deliver(
        SecretSink.standardInput(["tool"], { folder, env: { PATH: `${join(folder, "bin")}:/usr/bin:/bin` } }),
        issued
      )
      assert.strictEqual(yield* text(join(folder, "bin/tool.got")), canary)
    })
  )

  it.live("may confirm by the key's id in its last line; any other last line is a failure", () =>
    Effect.gen(function* () {
      const confirming = (script: string) =>
        SecretSink.standardInput(shell(`cat > /dev/null; ${script}`), { confirms: "keyId" })
      for (const script of ["echo id-7", "echo stored; printf ' id-7 \\r\\n\\n'"]) {
        assert.deepStrictEqual(yield* deliver(confirming(script), issued), { holds: Option.some(issued.key.id) })
      }
      for (const script of [
        "echo id-8",
        "true",
        "echo id-7; echo done",
        "echo id-77",
        `echo '${canary.replaceAll("'", "")}'`
      ]) {
        const { exit, records } = yield* watch("deliver", deliver(confirming(script), issued))
        assert.isTrue(Exit.isFailure(exit), script)
        assert.include((yield* Effect.flip(exit)).problem, "the program sh did not confirm the new key")
        assert.deepStrictEqual(scan(records, [canary, canary.replaceAll("'", "")]), [])
      }
      const error = yield* Effect.flip(deliver(confirming("head -c 70000 /dev/zero"), issued))
      assert.strictEqual(error.problem, "the output of sh holds more than 65536 bytes.")
    })
  )

  // A wrapper that starts another process: both must end.
  const wrapper = shell("sleep 1000 & echo $$ $! > pids; mv pids started; cat > /dev/null; wait")

  const pids = (folder: string) =>
    Effect.map(text(join(folder, "started")), (line) => line.trim().split(" ").map(Number))

  it.live("is killed with what it started when it takes longer than it may", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      assert.strictEqual(
        yield* refusal(wrapper, { folder, within: "2500 millis" }),
        "standard input of sh: the program sh did not finish within 2s 500ms and was killed. " +
          'Run it yourself to see why, or give it longer: "within".'
      )
      const started = yield* pids(folder)
      assert.strictEqual(started.length, 2)
      assert.isTrue(yield* waitFor(() => started.every((pid) => !isAlive(pid))))
    })
  )

  it.live("is killed with what it started when the create is interrupted", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const fiber = yield* Effect.forkChild(deliver(SecretSink.standardInput(wrapper, { folder }), issued))
      assert.isTrue(yield* waitFor(() => existsSync(join(folder, "started"))))
      const started = yield* pids(folder)
      assert.isTrue(started.every(isAlive))
      yield* Fiber.interrupt(fiber)
      assert.isTrue(yield* waitFor(() => started.every((pid) => !isAlive(pid))))
    })
  )
})
