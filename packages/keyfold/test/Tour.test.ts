import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdirSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { execute, finish, keyfold, start, temporaryFolder } from "./Keyfold.ts"

interface Step {
  readonly store: string
  readonly operation: string
  readonly again: boolean
  readonly result: string
  readonly expected: boolean
  readonly requests: number | "SQL"
}

const adapters = { local: "sql", monitoring: "whylabs", guard: "arthur", policies: "occam" }

// oxlint-disable-next-line no-control-regex
const sgr = /\u001b\[\d+m/g

/** The texts of the matrix by the label of their row, each cell's lines joined. */
const cellsOf = (stdout: string): Record<string, ReadonlyArray<string>> => {
  const lines = stdout.split("\n")
  const from = lines.findIndex((line) => /^ +local +monitoring/.test(line))
  const starts = ["local", "monitoring", "guard", "policies"].map((name) => lines[from]?.indexOf(name) ?? 0)
  const blocks = lines
    .slice(from + 3)
    .join("\n")
    .split("\n\n")
  const rows = blocks
    .slice(
      0,
      blocks.findIndex((block) => block.startsWith("Every"))
    )
    .map((block) => block.split("\n"))
  const column = (row: ReadonlyArray<string>, start: number, end?: number) =>
    row
      .map((line) => line.slice(start, end).trim())
      .filter((text) => text !== "")
      .join(" ")
  return Object.fromEntries(
    rows.map((row) => [column(row, 0, starts[0]), starts.map((start, index) => column(row, start, starts[index + 1]))])
  )
}

const leftIn = (folder: string) => readdirSync(folder).filter((name) => name.startsWith("keyfold"))

describe("tour", () => {
  it.live("runs one program on four backends, tells what happened, and leaves nothing behind", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const { code, stderr, stdout } = yield* execute(["tour"], { cwd: folder, env: { TMPDIR: folder } })
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.match(stdout, /^One program, four backends\n/)
      for (const [name, adapter] of Object.entries(adapters)) {
        assert.match(stdout, new RegExp(`^ {4}${name}:\n {6}adapter: ${adapter}\n {6}(?:base)?[uU][rR][lL]: `, "m"))
      }
      assert.include(stdout, "pepper: { file: ./secrets/pepper }")
      assert.match(stdout, /^ +local +monitoring +guard +policies\n +sql +whylabs +arthur +occam$/m)
      const cells = cellsOf(stdout)
      const rows = ["create", "list", "get", "verify", "usage", "revoke", "verify again", "list again"]
      assert.deepStrictEqual(Object.keys(cells), rows)
      for (const [index, seen] of [
        /SQL, (<1|\d+) ms$/,
        /1 sent, \d+ ms$/,
        /1 sent, \d+ ms$/,
        /2 sent, \d+ ms$/
      ].entries()) {
        assert.match(cells["create"]?.[index] ?? "", new RegExp(`^secret and key \\S+ ${seen.source}`))
      }
      assert.match(cells["list"]?.[1] ?? "", /^4 keys, new one seen/)
      assert.match(cells["get"]?.[0] ?? "", /^active, owner platform-bot, may write /)
      assert.match(cells["get"]?.[2] ?? "", /^active, no owner, may write /)
      assert.match(cells["get"]?.[3] ?? "", /^active, no owner, no scopes /)
      assert.match(
        cells["verify"]?.join("|") ?? "",
        /^secret valid .+(\|unsupported; nothing was sent 0 sent, \S+ ms){3}$/
      )
      assert.match(cells["usage"]?.[2] ?? "", /^unsupported; nothing was sent 0 sent, /)
      assert.match(cells["usage"]?.[3] ?? "", /^0 requests, no last use known 1 sent, /)
      assert.match(
        cells["revoke"]?.join("|") ?? "",
        /^revoked, void at once [^|]+\|revoked, void within 1 s [^|]+\|revoked, void within 10 s [^|]+\|revoked, void within 24 h /
      )
      assert.match(cells["verify again"]?.join("|") ?? "", /^secret refused: revoked SQL, \S+ ms\|-\|-\|-$/)
      assert.match(cells["list again"]?.join("|") ?? "", /^no keys, new one gone .*\|3 keys, .*\|3 keys, .*\|4 keys, /)
      assert.include(stdout, "Every step did what its store declares.")
      assert.match(stdout, /Try next\n\n(?: {2}# .+\n {2}.*bin\.ts (?:init|create|emulate|gateway init).*\n){4}$/)
      assert.notMatch(stdout, /kf_|sk-occam-|UNEXPECTED/)
      assert.deepStrictEqual(readdirSync(folder), [])
    }).pipe(Effect.scoped)
  )

  it.live("fits the terminal, whole at 80 columns and in parts where it is narrower", () =>
    Effect.gen(function* () {
      const lines = Effect.fnUntraced(function* (columns: number) {
        const { code, stdout } = yield* keyfold(["tour"], { terminal: { columns, color: true } })
        assert.strictEqual(code, 0)
        const plain = stdout.replaceAll(sgr, "").split("\n")
        // What could be copied is never broken: the configuration and the commands.
        const matrix = plain.slice(plain.findIndex((line) => line.startsWith("What each")))
        assert.isAtMost(Math.max(...matrix.map((line) => (/^ {2}\S/.test(line) ? 0 : line.length))), columns)
        return matrix
      })
      const wide = yield* lines(80)
      assert.isTrue(wide.some((line) => /^ +local +monitoring +guard +policies$/.test(line)))
      const narrow = yield* lines(50)
      assert.isTrue(narrow.some((line) => /^ +local +monitoring$/.test(line)))
      assert.isTrue(narrow.some((line) => /^ +guard +policies$/.test(line)))
      for (const list of [wide, narrow]) assert.notInclude(list.join("\n"), "UNEXPECTED")
    })
  )

  it.live("gives the same as JSON, for one store where one is named", () =>
    Effect.gen(function* () {
      const { code, stdout } = yield* keyfold(["tour", "--json", "--store", "monitoring"])
      assert.strictEqual(code, 0)
      const report: { readonly configuration: string; readonly steps: ReadonlyArray<Step> } = JSON.parse(stdout)
      assert.notInclude(report.configuration, "local")
      assert.deepStrictEqual(
        report.steps.map(({ again, operation }) => (again ? `${operation} again` : operation)),
        ["create", "list", "get", "verify", "usage", "revoke", "list again"]
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
