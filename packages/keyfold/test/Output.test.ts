import { assert, describe, it } from "@effect/vitest"
import { displayWidth } from "effect/cli/CliOutput"
import * as Effect from "effect/Effect"
import { keyfold, localStore } from "./Keyfold.ts"

// oxlint-disable-next-line no-control-regex
const steering = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/

const commands = [
  "init",
  "config",
  "stores",
  "capabilities",
  "create",
  "list",
  "inventory",
  "get",
  "revoke",
  "rotate",
  "rotations",
  "usage",
  "verify",
  "doctor",
  "journal",
  "recover",
  "sweep",
  "serve",
  "gateway",
  "emulate",
  "tour"
]

const widths = (text: string): ReadonlyArray<number> => text.split("\n").map(displayWidth)

describe("tables", () => {
  it.effect("fit the terminal, cut only names, and never cut an id", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const name =
        "a very long name, longer than any terminal is wide, with 漢字 and 👩‍👩‍👧 in it, and then some more of the same"
      const created = yield* keyfold(["create", "--json", "--name", name, "--owner", "the-platform-team"], { folder })
      const { id } = JSON.parse(created.stdout).key
      for (const columns of [40, 60, 80, 120, 300]) {
        const { stdout } = yield* keyfold(["list"], { folder, terminal: { columns } })
        assert.isAtMost(Math.max(...widths(stdout)), columns)
        assert.include(stdout, `${id}  a very lo`)
        assert.strictEqual(stdout.includes(name), columns === 300)
        assert.strictEqual(stdout.includes("…"), columns !== 300)
      }
    })
  )

  it.effect("are never cut in a pipe", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const name = "n".repeat(200)
      yield* keyfold(["create", "--name", name], { folder })
      const { stderr, stdout } = yield* keyfold(["list"], { folder })
      assert.include(stdout, name)
      assert.notInclude(stdout, "…")
      assert.strictEqual(stderr, "")
    })
  )

  it.effect("say which columns had no room", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      yield* keyfold(["create", "--name", "one", "--owner", "ann", "--expires", "30d"], { folder })
      const narrow = yield* keyfold(["list"], { folder, terminal: { columns: 60 } })
      assert.notInclude(narrow.stdout, "CREATED")
      assert.match(narrow.stderr.replaceAll("\n", " "), /No room for: created; use a wider terminal or --json\./)
      const wide = yield* keyfold(["list"], { folder, terminal: { columns: 120 } })
      assert.include(wide.stdout, "CREATED")
      assert.notInclude(wide.stderr, "No room for")
    })
  )

  it.effect("show control characters, and never send them to the terminal", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const name = "\u001b[2J\u001b]0;owned\u0007 \u009b31m \u202eevil\u202c \r\nnext"
      const created = yield* keyfold(["create", "--name", name, "--json"], { folder, terminal: { columns: 200 } })
      const { id, name: kept } = JSON.parse(created.stdout).key
      assert.strictEqual(kept, name)
      const shown = yield* keyfold(["list"], { folder, terminal: { columns: 200 } })
      const single = yield* keyfold(["get", id], { folder, terminal: { columns: 200 } })
      const lines = yield* keyfold(["list", "--json"], { folder, terminal: { columns: 200 } })
      for (const { stdout } of [created, shown, single, lines]) assert.notMatch(stdout, steering)
      assert.include(shown.stdout, "\\u{1b}[2J\\u{1b}]0;owned\\u{7} \\u{9b}31m \\u{202e}evil\\u{202c} \\u{d}\\nnext")
      assert.lengthOf(shown.stdout.trimEnd().split("\n"), 2)
    })
  )
})

describe("colour", () => {
  it.effect("sets off statuses and titles where the output shows colours, and nowhere else", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      yield* keyfold(["create", "--name", "one"], { folder })
      const plain = yield* keyfold(["list"], { folder, terminal: { columns: 80 } })
      const coloured = yield* keyfold(["list"], { folder, terminal: { columns: 80, color: true } })
      assert.notInclude(plain.stdout, "\u001b")
      assert.include(coloured.stdout, "\u001b[32mactive\u001b[0m")
      // oxlint-disable-next-line no-control-regex
      assert.strictEqual(coloured.stdout.replaceAll(/\u001b\[\d+m/g, "").replaceAll(/ +$/gm, ""), plain.stdout)
    })
  )
})

describe("help", () => {
  it.effect("every command explains itself with an example and the shared flags, and fits 80 columns", () =>
    Effect.gen(function* () {
      for (const command of commands) {
        const { code, stderr, stdout } = yield* keyfold([command, "--help"], { terminal: { columns: 80 } })
        assert.deepStrictEqual([code, stderr], [0, ""])
        assert.match(stdout, /^Examples?\n(?: {2}# .*\n)? {2}keyfold /m, command)
        for (const flag of ["--json", "--store", "--config", "--help"]) assert.include(stdout, flag)
        assert.isAtMost(Math.max(...widths(stdout)), 80, command)
      }
    })
  )

  it.effect("the root names every command and every exit code", () =>
    Effect.gen(function* () {
      const { code, stdout } = yield* keyfold(["--help"])
      assert.strictEqual(code, 0)
      for (const command of commands) assert.match(stdout, new RegExp(`^ {2}${command} `, "m"))
      for (const exit of [0, 1, 2, 3, 4, 5, 130]) assert.match(stdout, new RegExp(`^ {2}${exit} +\\S`, "m"))
    })
  )

  it.effect("without a command the help goes to stderr and the exit code is 2", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* keyfold([])
      assert.deepStrictEqual([code, stdout], [2, ""])
      assert.include(stderr, "keyfold <command>")
    })
  )

  it.effect("completions are printed for each shell", () =>
    Effect.gen(function* () {
      for (const shell of ["bash", "zsh", "fish", "powershell"]) {
        const { code, stdout } = yield* keyfold(["--completions", shell])
        assert.strictEqual(code, 0)
        for (const word of ["revoke", "secret-file", "leaked", "dry-run", "older-than", "head"])
          assert.include(stdout, word)
      }
    })
  )
})

describe("mistakes on the command line", () => {
  it.effect("are exit code 2, one paragraph on stderr, nothing on stdout", () =>
    Effect.gen(function* () {
      const wrong = [
        ["creat"],
        ["create", "--nmae", "x"],
        ["get"],
        ["list", "--limit", "many"],
        ["list", "extra"],
        ["--x"]
      ]
      for (const args of wrong) {
        const { code, stderr, stdout } = yield* keyfold(args)
        assert.deepStrictEqual([code, stdout], [2, ""], args.join(" "))
        assert.match(stderr, /^keyfold: .+ See: keyfold.* --help\.\n$/)
        const json = yield* keyfold([...args, "--json"])
        assert.strictEqual(json.code, 2)
        assert.deepInclude(JSON.parse(json.stderr).error, { kind: "Usage", exitCode: 2 })
      }
      assert.include((yield* keyfold(["creat"])).stderr, "did you mean create?")
      assert.include((yield* keyfold(["create", "--nmae", "x"])).stderr, "--name")
    })
  )
})
