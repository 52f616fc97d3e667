import { assert, describe, it } from "@effect/vitest"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as SecretReference from "@keyfold/node/SecretReference"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import { chmod, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { inspect } from "node:util"
import { isAlive, waitFor } from "./Processes.ts"
import { temporaryFolder } from "./TemporaryFolder.ts"

const canary = "canary-5e2f"
const node = process.execPath

const reasons = (value: unknown) =>
  Result.match(SecretReference.parse(value), {
    onFailure: (mistakes) => mistakes.map(({ path, problem }) => `${path.join(".")}: ${problem}`),
    onSuccess: () => []
  })

const revealed = (reference: SecretReference.SecretReference, options: SecretReference.Options) =>
  Effect.map(SecretReference.resolve(reference, options), Redacted.value)

const failure = (reference: SecretReference.SecretReference, options: SecretReference.Options) =>
  Effect.flip(SecretReference.resolve(reference, options))

const assertHidden = (error: ConfigurationError) => {
  assert.instanceOf(error, ConfigurationError)
  assert.notInclude(`${error.message}${JSON.stringify(error)}${inspect(error, { depth: 9 })}`, canary)
}

describe("parse", () => {
  it("reads each of the three forms", () => {
    assert.deepStrictEqual(SecretReference.parse({ env: "API_KEY" }), Result.succeed({ env: "API_KEY" }))
    assert.deepStrictEqual(SecretReference.parse({ file: "./key" }), Result.succeed({ file: "./key" }))
    const command = SecretReference.parse({ command: ["op", "read"], timeout: "3 seconds", refresh: "5 minutes" })
    assert.deepStrictEqual(
      command,
      Result.succeed({ command: ["op", "read"], timeout: Duration.seconds(3), refresh: Duration.minutes(5) })
    )
  })

  it("refuses a literal and says what to write", () => {
    assert.deepStrictEqual(reasons(canary), [
      ": a secret is not written here; write { env: NAME }, { file: path } or { command: [program, argument] }"
    ])
    const decoded = Schema.decodeUnknownResult(SecretReference.SecretReference)(canary)
    assert.include(inspect(decoded), "Expected a reference to a secret: { env: NAME }")
    assert.notInclude(inspect(decoded, { depth: 9 }), canary)
  })

  it("names every mistake and repeats nothing that was written", () => {
    const cases: ReadonlyArray<readonly [unknown, ReadonlyArray<string>]> = [
      [{ [canary]: null }, [": has a member that is not known; accepted: env, file, command, timeout, refresh"]],
      [
        {},
        [": names no place to find the secret; write { env: NAME }, { file: path } or { command: [program, argument] }"]
      ],
      [{ env: "A", file: "b" }, [": names env and file; exactly one is accepted"]],
      [
        { env: `$${canary}` },
        ["env: expected the name of an environment variable: letters, digits and underscores, without $"]
      ],
      [{ file: "" }, ["file: expected the path of a file"]],
      [{ command: canary }, ["command: expected a list, [program, argument, ...]; no shell reads it"]],
      [{ command: [] }, ["command: expected a list, [program, argument, ...]; no shell reads it"]],
      [{ command: ["op", 1] }, ["command.1: expected text; write numbers in quotes"]],
      [
        { command: ["op"], timeout: 3, refresh: "0 seconds" },
        [
          `timeout: expected a length of time such as "30 seconds" or "5 minutes"`,
          `refresh: expected a length of time such as "30 seconds" or "5 minutes"`
        ]
      ],
      [{ env: "A", timeout: "1 second" }, ["timeout: belongs to a command; remove it"]],
      [
        null,
        [": expected a reference to a secret; write { env: NAME }, { file: path } or { command: [program, argument] }"]
      ]
    ]
    for (const [value, expected] of cases) {
      assert.deepStrictEqual(reasons(value), expected)
      assert.notInclude(expected.join(), canary)
    }
  })
})

describe("an environment variable", () => {
  it.effect("gives its value", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* revealed({ env: "KEY" }, { folder: ".", env: { KEY: canary } }), canary)
    })
  )

  it.effect("is the process's own where no other environment is given", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* revealed({ env: "PATH" }, { folder: "." }), process.env["PATH"])
    })
  )

  it.effect("that is missing or empty is an error that names it", () =>
    Effect.gen(function* () {
      const env = { EMPTY: "", OTHER: canary }
      const missing = yield* failure({ env: "KEY" }, { folder: ".", env })
      assert.strictEqual(missing.message, "the environment variable KEY is not set. Set it, or refer to another place.")
      assert.include((yield* failure({ env: "EMPTY" }, { folder: ".", env })).message, "EMPTY is empty")
      assertHidden(missing)
    })
  )
})

describe("a file", () => {
  it.effect("is read from the folder and loses one trailing newline", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      for (const [content, expected] of [
        [canary, canary],
        [`${canary}\n`, canary],
        [`${canary}\r\n`, canary],
        [`\uFEFF${canary}\n\n`, `${canary}\n`]
      ] as const) {
        yield* Effect.promise(() => writeFile(join(folder, "key"), content, { mode: 0o600 }))
        assert.strictEqual(yield* revealed({ file: "./key" }, { folder }), expected)
      }
      assert.strictEqual(yield* revealed({ file: join(folder, "key") }, { folder: "elsewhere" }), `${canary}\n`)
    })
  )

  it.effect("that cannot serve is an error that names the path as written", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const put = (name: string, content: string | Uint8Array) =>
        Effect.promise(() => writeFile(join(folder, name), content, { mode: 0o600 }))
      yield* put("empty", "\n")
      yield* put("long", canary.repeat(10_000))
      yield* put("binary", Uint8Array.of(0xff, 0xfe, 0xfd))
      const message = (file: string) =>
        Effect.map(failure({ file }, { folder }), (error) => {
          assertHidden(error)
          assert.notInclude(error.message, folder)
          return error.problem
        })
      assert.strictEqual(yield* message("./missing"), "the file ./missing does not exist.")
      assert.strictEqual(yield* message("empty/inside"), "the file empty/inside does not exist.")
      assert.strictEqual(yield* message("."), "the file . is a folder.")
      assert.strictEqual(yield* message("empty"), "the file empty is empty.")
      assert.strictEqual(yield* message("long"), "the file long holds more than 65536 bytes.")
      assert.strictEqual(yield* message("binary"), "the file binary is not UTF-8 text.")
    })
  )

  it.effect("that others can read is accepted with a warning, and one that only its owner reads without", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const lines: Array<string> = []
      const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
        lines.push(`${logLevel} ${String(message)}`)
      })
      const read = revealed({ file: "key" }, { folder }).pipe(Effect.provide(Logger.layer([logger])))
      yield* Effect.promise(() => writeFile(join(folder, "key"), canary, { mode: 0o600 }))
      assert.strictEqual(yield* read, canary)
      assert.deepStrictEqual(lines, [])
      yield* Effect.promise(() => chmod(join(folder, "key"), 0o640))
      assert.strictEqual(yield* read, canary)
      assert.deepStrictEqual(lines, [
        "Warn the file key holds a secret and other users can read it. Run: chmod 600 on it."
      ])
    })
  )
})

describe("a command", () => {
  const script = (code: string) => [node, "-e", code] as const

  it.live("gives what it prints, run in the folder, without a shell", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const code = "console.log(` ${process.argv[1]} ${process.cwd()} ${process.env.KEY} `)"
      const printed = yield* revealed({ command: [node, "-e", code, "$KEY;&"] }, { folder, env: { KEY: canary } })
      assert.strictEqual(printed, `$KEY;& ${folder} ${canary}`)
    })
  )

  it.live("that fails, prints nothing, too much or no text is an error without its output and arguments", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const problem = (code: string) =>
        Effect.map(failure({ command: script(`/* ${canary} */ ${code}`) }, { folder }), (error) => {
          assertHidden(error)
          return error.problem.replace(node, "node")
        })
      assert.strictEqual(
        yield* problem(`console.log("${canary}"); console.error("${canary}"); process.exitCode = 3`),
        "the program node exited with code 3."
      )
      assert.strictEqual(
        yield* problem("process.kill(process.pid, 'SIGKILL')"),
        "the program node was ended by SIGKILL."
      )
      assert.strictEqual(yield* problem("console.log(' ')"), "the output of node is empty.")
      assert.strictEqual(
        yield* problem(`for (;;) require("fs").writeSync(1, "${canary}".repeat(9999))`),
        "the output of node holds more than 65536 bytes."
      )
      assert.strictEqual(
        yield* problem("process.stdout.write(Buffer.of(255))"),
        "the output of node is not UTF-8 text."
      )
      const missing = yield* failure({ command: ["no-such-program", canary] }, { folder })
      assert.strictEqual(missing.message, "the program no-such-program was not found. Install it, or name its path.")
      yield* Effect.promise(() => writeFile(join(folder, "plain"), ""))
      const refused = yield* failure({ command: ["./plain"] }, { folder })
      assert.strictEqual(refused.problem, "the program ./plain could not be started (EACCES).")
    })
  )

  // A wrapper that starts another process: both must end.
  const wrapper = `
    const { pid } = require("child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "inherit" })
    require("fs").writeFileSync("pids", process.pid + " " + pid)
    setInterval(() => {}, 1000)`

  const pids = (folder: string) =>
    Effect.promise(() => readFile(join(folder, "pids"), "utf8").then((text) => text.split(" ").map(Number)))

  it.live("is killed with what it started when it takes longer than its timeout", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const error = yield* failure({ command: script(wrapper), timeout: Duration.millis(4500) }, { folder })
      assert.strictEqual(
        error.problem.replace(node, "node"),
        "the program node did not finish within 4s 500ms and was killed."
      )
      const started = yield* pids(folder)
      assert.strictEqual(started.length, 2)
      assert.isTrue(yield* waitFor(() => started.every((pid) => !isAlive(pid))))
    })
  )

  it.live("is killed with what it started when the effect is interrupted", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const fiber = yield* Effect.forkChild(SecretReference.resolve({ command: script(wrapper) }, { folder }))
      yield* waitFor(() =>
        readFile(join(folder, "pids"), "utf8").then(
          (text) => text.includes(" "),
          () => false
        )
      )
      const started = yield* pids(folder)
      assert.isTrue(started.every(isAlive))
      yield* Fiber.interrupt(fiber)
      assert.isTrue(yield* waitFor(() => started.every((pid) => !isAlive(pid))))
    })
  )
})

describe("toSecret", () => {
  const counting = `
    const fs = require("fs")
    fs.appendFileSync("runs", "x")
    if (fs.existsSync("broken")) process.exit(1)
    console.log("secret-" + fs.readFileSync("runs", "utf8").length)`
  const command = [node, "-e", counting] as const

  const counted = (folder: string) => Effect.promise(() => readFile(join(folder, "runs"), "utf8"))

  const value = (secret: Effect.Effect<Redacted.Redacted<string>, unknown>) => Effect.map(secret, Redacted.value)

  it.effect("keeps a variable, a file or a command without refresh as a constant", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const constant = yield* SecretReference.toSecret({ env: "KEY" }, { folder, env: { KEY: canary } })
      assert.isTrue(Redacted.isRedacted(constant))
      const once = yield* SecretReference.toSecret({ command }, { folder })
      assert.isTrue(Redacted.isRedacted(once))
      assert.notInclude(inspect(constant), canary)
    })
  )

  it.effect("fails at once where the secret cannot be obtained", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(SecretReference.toSecret({ env: "KEY" }, { folder: ".", env: {} }))
      assert.include(error.message, "KEY")
    })
  )

  it.effect("runs a command again when its answer has grown old, once for all who ask together", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const secret = yield* SecretReference.toSecret({ command, refresh: Duration.minutes(5) }, { folder })
      if (Redacted.isRedacted(secret)) return assert.fail("expected an effect")
      assert.strictEqual(yield* value(secret), "secret-1")
      yield* TestClock.adjust("299 seconds")
      assert.strictEqual(yield* value(secret), "secret-1")
      yield* TestClock.adjust("1 second")
      const together = yield* Effect.all([value(secret), value(secret), value(secret)], { concurrency: "unbounded" })
      assert.deepStrictEqual(together, ["secret-2", "secret-2", "secret-2"])
      assert.strictEqual(yield* counted(folder), "xx")
    })
  )

  it.effect("uses no old answer where a new one cannot be had, and asks again the next time", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const secret = yield* SecretReference.toSecret({ command, refresh: Duration.minutes(5) }, { folder })
      if (Redacted.isRedacted(secret)) return assert.fail("expected an effect")
      yield* Effect.promise(() => writeFile(join(folder, "broken"), ""))
      yield* TestClock.adjust("1 hour")
      const exits = yield* Effect.all([Effect.exit(secret), Effect.exit(secret)], { concurrency: "unbounded" })
      assert.deepStrictEqual(
        exits.map((exit) => exit._tag),
        ["Failure", "Failure"]
      )
      assert.strictEqual(yield* counted(folder), "xx")
      yield* Effect.promise(() => import("node:fs/promises").then(({ rm }) => rm(join(folder, "broken"))))
      assert.strictEqual(yield* value(secret), "secret-3")
    })
  )

  it.effect("leaves the run to the next caller where the one who started it is interrupted", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const secret = yield* SecretReference.toSecret({ command, refresh: Duration.minutes(5) }, { folder })
      if (Redacted.isRedacted(secret)) return assert.fail("expected an effect")
      yield* TestClock.adjust("1 hour")
      const first = yield* Effect.forkChild(value(secret), { startImmediately: true })
      const second = yield* Effect.forkChild(value(secret), { startImmediately: true })
      yield* Fiber.interrupt(first)
      assert.match(yield* Fiber.join(second), /^secret-[23]$/)
    })
  )
})
