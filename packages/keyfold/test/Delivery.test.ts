import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseEnv } from "node:util"
import { addJournal, guardedFolder, journaledStore, keyfold, keyfoldUntil, localStore, undeliver } from "./Keyfold.ts"

const secretPattern = /^kf_[0-9A-Za-z]{16}_[0-9A-Za-z]{32}_[0-9A-Za-z]{6}$/

const statuses = Effect.fnUntraced(function* (folder: string) {
  const { stdout } = yield* keyfold(["list", "--json", "--status", "all"], { folder })
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line): string => JSON.parse(line).status)
})

const states = Effect.fnUntraced(function* (folder: string) {
  const { stdout } = yield* keyfold(["journal", "--json"], { folder })
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line): string => JSON.parse(line).state)
})

/** A program that copies its standard input to a file and then ends with an exit code. */
const program = (file: string, code = 0) => [
  process.execPath,
  "-e",
  `let text = ""
  process.stdin.on("data", (chunk) => (text += chunk)).on("end", () => {
    require("node:fs").writeFileSync(${JSON.stringify(file)}, text)
    process.exit(${code})
  })`
]

describe("create into an environment file", () => {
  it.effect("sets the variable, tells where, and prints the secret nowhere", () =>
    Effect.gen(function* () {
      const folder = yield* journaledStore
      writeFileSync(join(folder, ".env"), "OTHER=1\n", { mode: 0o600 })
      const args = ["create", "--environment-file", ".env", "--variable"]
      const people = yield* keyfold([...args, "API_KEY"], { folder })
      const programs = yield* keyfold([...args, "SECOND", "--json"], { folder })
      assert.deepStrictEqual([people.code, programs.code], [0, 0], people.stderr + programs.stderr)
      const path = join(folder, ".env")
      const values = parseEnv(readFileSync(path, "utf8"))
      assert.strictEqual(values["OTHER"], "1")
      for (const name of ["API_KEY", "SECOND"]) {
        const secret = values[name] ?? ""
        assert.match(secret, secretPattern)
        assert.notInclude(people.stdout + people.stderr + programs.stdout + programs.stderr, secret)
      }
      assert.include(people.stdout, `The secret is in ${path}, as API_KEY.`)
      assert.deepInclude(JSON.parse(programs.stdout), { environmentFile: path, variable: "SECOND" })
      assert.strictEqual(statSync(path).mode & 0o777, 0o600)
      assert.deepStrictEqual(yield* states(folder), ["delivered", "delivered"])
    })
  )

  it.effect("creates nothing where the variable is set already or a flag is missing", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      writeFileSync(join(folder, ".env"), "API_KEY=precious\n", { mode: 0o600 })
      const taken = yield* keyfold(["create", "--environment-file", ".env", "--variable", "API_KEY"], { folder })
      assert.strictEqual(taken.code, 2)
      assert.match(
        taken.stderr,
        /^keyfold: no key was created, because its secret cannot be put where it belongs: .*API_KEY/
      )
      for (const args of [
        ["--environment-file", ".env"],
        ["--variable", "API_KEY"],
        ["--environment-file", ".env", "--variable", "A", "--secret-file", "a.key"]
      ]) {
        const { code, stderr } = yield* keyfold(["create", ...args], { folder })
        assert.strictEqual(code, 2)
        assert.match(stderr, /--environment-file/)
      }
      assert.strictEqual(readFileSync(join(folder, ".env"), "utf8"), "API_KEY=precious\n")
      assert.deepStrictEqual(yield* statuses(folder), [])
    })
  )
})

describe("create into a command", () => {
  it.live("writes the secret alone to its standard input", () =>
    Effect.gen(function* () {
      const folder = yield* journaledStore
      const file = join(folder, "received")
      const { code, stderr, stdout } = yield* keyfold(["create", "--json", "--to-command", "--", ...program(file)], {
        folder
      })
      assert.strictEqual(code, 0, stderr)
      const secret = readFileSync(file, "utf8")
      assert.match(secret, secretPattern)
      assert.notInclude(stdout + stderr, secret)
      assert.strictEqual(JSON.parse(stdout).command, process.execPath)
      assert.notProperty(JSON.parse(stdout), "secret")
      assert.deepStrictEqual(yield* states(folder), ["delivered"])
    })
  )

  it.live("revokes the key where it fails, and creates none where it is not there", () =>
    Effect.gen(function* () {
      const folder = yield* journaledStore
      const file = join(folder, "received")
      const failing = yield* keyfold(["create", "--to-command", "--", ...program(file, 3)], { folder })
      assert.strictEqual(failing.code, 1)
      assert.match(
        failing.stderr,
        /^keyfold: key \S+ was created .* could not be handed over: .* The key was revoked\./
      )
      assert.notInclude(failing.stderr, readFileSync(file, "utf8"))
      assert.deepStrictEqual(yield* statuses(folder), ["revoked"])
      const missing = yield* keyfold(["create", "--to-command", "--", "no-such-program"], { folder })
      assert.strictEqual(missing.code, 2)
      assert.match(missing.stderr, /^keyfold: no key was created, .*no-such-program/)
      assert.lengthOf(yield* statuses(folder), 1)
      assert.deepStrictEqual(yield* states(folder), ["abandoned"])
    })
  )

  it.effect("is asked for by name: a stray argument is not run, nor repeated", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const stray = yield* keyfold(["create", "canary-argument"], { folder })
      assert.strictEqual(stray.code, 2)
      assert.match(stray.stderr, /there is an argument too many/)
      assert.notInclude(stray.stderr, "canary-argument")
      const without = yield* keyfold(["create", "--to-command"], { folder })
      assert.strictEqual(without.code, 2)
      assert.include(without.stderr, "--to-command needs a command")
      const both = yield* keyfold(["create", "--secret-file", "a", "--to-command", "--", "cat"], { folder })
      assert.strictEqual(both.code, 2)
      assert.include(both.stderr, "one place")
      assert.deepStrictEqual(yield* statuses(folder), [])
    })
  )
})

describe("create to the output", () => {
  it.effect("is delivered only where the output took the secret; the key is revoked elsewhere", () =>
    Effect.gen(function* () {
      const folder = yield* journaledStore
      const settings = [{}, { terminal: { columns: 80 } }]
      for (const setting of settings) {
        for (const format of [[], ["--json"]]) {
          const { code, stderr } = yield* keyfold(["create", ...format], { folder, ...setting, closeAfter: 0 })
          assert.strictEqual(code, 1)
          assert.include(stderr, "the output is closed (EPIPE)")
        }
      }
      assert.deepStrictEqual(yield* statuses(folder), Array(4).fill("revoked"))
      assert.deepStrictEqual(yield* states(folder), Array(4).fill("abandoned"))
      yield* keyfold(["create"], { folder })
      assert.deepStrictEqual((yield* states(folder)).at(-1), "delivered")
    })
  )

  it.effect("tells programs which key it was and that it is gone", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const { stderr } = yield* keyfold(["create", "--json"], { folder, closeAfter: 0 })
      const { error } = JSON.parse(stderr)
      assert.deepInclude(error, { kind: "NotDelivered", exitCode: 1, retryable: false })
      assert.include(error.message, `key ${error.key} was created in store "local" (sql)`)
      assert.notProperty(error, "fix")
    })
  )

  it.live("shows the name that was asked for, not the mark that the backend keeps with it", () =>
    Effect.gen(function* () {
      const { emulator, environment, folder } = yield* guardedFolder
      const setting = { folder, environment }
      const shown = yield* keyfold(["create", "--name", "nightly"], { ...setting, terminal: { columns: 80 } })
      assert.match(shown.stdout, /^Name +nightly$/m)
      assert.match(shown.stdout, /^Scopes +write$/m)
      const json = yield* keyfold(["create", "--name", "nightly", "--json"], setting)
      assert.strictEqual(JSON.parse(json.stdout).key.name, "nightly")
      assert.match(emulator.keys().at(-1)?.label ?? "", /^nightly kf1-/)
      const file = yield* keyfold(["create", "--name", "nightly", "--secret-file", "a", "--json"], setting)
      assert.strictEqual(JSON.parse(file.stdout).key.name, "nightly")
      assert.isFalse(existsSync(join(folder, "a.id")))
    }).pipe(Effect.scoped)
  )
})

describe("a secret file of a backend whose secrets do not tell their key", () => {
  it.live("has the key's id beside it, so that recover can tell that it is held", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const started: { readonly configuration: string; readonly credential: string } = JSON.parse(
        yield* keyfoldUntil(["emulate", "occam", "--json"], "\n")
      )
      writeFileSync(join(folder, "keyfold.yaml"), started.configuration)
      yield* addJournal(folder)
      const setting = { folder, environment: { OCCAM_API_KEY: started.credential } }
      const created = yield* keyfold(["create", "--secret-file", "a", "--json"], setting)
      assert.strictEqual(created.code, 0, created.stderr)
      const { id } = JSON.parse(created.stdout).key
      assert.strictEqual(readFileSync(join(folder, "a.id"), "utf8").trim(), id)
      yield* undeliver(folder)
      const args = ["recover", JSON.parse(created.stdout).operationId, "--secret-file", "a", "--json"]
      const recovered = yield* keyfold(args, setting)
      assert.strictEqual(recovered.code, 0, recovered.stderr)
      assert.deepInclude(JSON.parse(recovered.stdout), { kind: "delivered", key: { id } })
    }).pipe(Effect.scoped)
  )
})
