import { assert, describe, it } from "@effect/vitest"
import { OperationId } from "@keyfold/core/OperationId"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import {
  endLeases,
  guardedFolder,
  journaledStore,
  keyfold,
  localStore,
  openJournal,
  undeliver,
  type Setting
} from "./Keyfold.ts"

const create = Effect.fnUntraced(function* (setting: Setting, ...more: ReadonlyArray<string>) {
  const { code, stderr, stdout } = yield* keyfold(["create", "--json", "--operation-id", "op-1", ...more], setting)
  assert.strictEqual(code, 0, stderr)
  const created: { readonly key: { readonly id: string } } = JSON.parse(stdout)
  return created.key.id
})

const live = Effect.fnUntraced(function* (setting: Setting) {
  const { stdout } = yield* keyfold(["list", "--json", "--status", "active"], setting)
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line): string => JSON.parse(line).id)
})

describe("recover", () => {
  it.effect("tells of a delivered key and changes nothing", () =>
    Effect.gen(function* () {
      const setting = { folder: yield* journaledStore }
      const id = yield* create(setting)
      const ran = yield* keyfold(["recover", "op-1"], setting)
      const text = `Operation op-1 was delivered: the secret of key ${id} was handed over. Nothing was changed.\n`
      assert.deepStrictEqual(ran, { code: 0, stdout: text, stderr: "" })
      const json = yield* keyfold(["recover", "op-1", "--json"], setting)
      assert.deepStrictEqual(JSON.parse(json.stdout), {
        operationId: "op-1",
        store: "local",
        kind: "delivered",
        key: { id }
      })
      assert.deepStrictEqual(yield* live(setting), [id])
    })
  )

  it.effect("leaves a create alone that is under way elsewhere, and is exit code 1 then", () =>
    Effect.gen(function* () {
      const setting = { folder: yield* journaledStore }
      const journal = yield* openJournal(setting.folder)
      const operation = { store: "local", operationId: OperationId.make("op-1") }
      yield* journal.claim({ ...operation, nonce: "nonce-01", spec: "", lasting: Duration.hours(1) })
      const { code, stdout } = yield* keyfold(["recover", "op-1"], setting)
      assert.strictEqual(code, 1)
      assert.match(
        stdout,
        /^Operation op-1 is under way elsewhere, until \d{4}-\S+Z at the latest\. Nothing was changed\./
      )
      const taken = yield* keyfold(["create", "--operation-id", "op-1"], setting)
      assert.strictEqual(taken.code, 1)
      assert.match(
        taken.stderr,
        /under way elsewhere.* What became of this one: keyfold recover op-1 --store local\.\n$/
      )
    })
  )

  it.effect("revokes a key that nobody holds, after which the operation may be repeated", () =>
    Effect.gen(function* () {
      const setting = { folder: yield* journaledStore }
      const id = yield* create(setting)
      yield* undeliver(setting.folder)
      const ran = yield* keyfold(["recover", "op-1"], setting)
      assert.deepStrictEqual(ran, {
        code: 0,
        stdout: `Operation op-1 left key ${id}, which nobody held. It was revoked. Its operation id may be used again.\n`,
        stderr: ""
      })
      assert.deepStrictEqual(yield* live(setting), [])
      const again = yield* keyfold(["recover", "op-1"], setting)
      assert.strictEqual(again.stdout, "Operation op-1 left no live key. Its operation id may be used again.\n")
      const next = yield* create(setting)
      assert.deepStrictEqual(yield* live(setting), [next])
    })
  )

  it.effect("keeps a key whose secret is in the file or the variable that is named", () =>
    Effect.gen(function* () {
      for (const [place, other] of [
        [
          ["--secret-file", "a.key"],
          ["--secret-file", "b.key"]
        ],
        [
          ["--environment-file", ".env", "--variable", "API_KEY"],
          ["--environment-file", ".env", "--variable", "OTHER"]
        ]
      ] as const) {
        const setting = { folder: yield* journaledStore }
        const id = yield* create(setting, ...place)
        yield* undeliver(setting.folder)
        const { code, stdout } = yield* keyfold(["recover", "op-1", "--json", ...place], setting)
        assert.strictEqual(code, 0)
        assert.deepInclude(JSON.parse(stdout), { kind: "delivered", key: { id } })
        assert.deepStrictEqual(yield* live(setting), [id])
        yield* undeliver(setting.folder)
        const cleared = yield* keyfold(["recover", "op-1", "--json", ...other], setting)
        assert.deepInclude(JSON.parse(cleared.stdout), { kind: "cleared", revoked: [{ id }] })
        assert.deepStrictEqual(yield* live(setting), [])
      }
    })
  )

  it.effect("does not guess whose secret a file holds that does not tell", () =>
    Effect.gen(function* () {
      const setting = { folder: yield* journaledStore }
      const id = yield* create(setting)
      yield* undeliver(setting.folder)
      writeFileSync(join(setting.folder, "strange"), "canary-in-a-file", { mode: 0o600 })
      for (const command of [["recover", "op-1"], ["sweep"]]) {
        const { code, stderr } = yield* keyfold([...command, "--secret-file", "strange"], setting)
        assert.strictEqual(code, 2)
        assert.include(stderr, "does not tell which key's secret it holds")
        assert.notInclude(stderr, "canary-in-a-file")
      }
      assert.deepStrictEqual(yield* live(setting), [id])
    })
  )

  it.effect("shows the candidates where there is no journal, and revokes none", () =>
    Effect.gen(function* () {
      const setting = { folder: yield* localStore }
      const id = yield* create(setting, "--name", "nightly")
      const { code, stderr, stdout } = yield* keyfold(["recover", "op-1"], setting)
      assert.strictEqual(code, 1)
      assert.match(stdout, new RegExp(`^ID .*\n${id} +nightly +active`))
      assert.match(stderr, /^These keys bear the operation's mark, .* revoke what nobody holds with keyfold revoke ID /)
      const json = yield* keyfold(["recover", "op-1", "--json"], setting)
      assert.strictEqual(json.stderr, "")
      assert.strictEqual(JSON.parse(json.stdout).keys[0].id, id)
      assert.deepStrictEqual(yield* live(setting), [id])
    })
  )

  it.live("is exit code 3 where nothing is known, and says when marks are not recognised", () =>
    Effect.gen(function* () {
      const { environment, folder } = yield* guardedFolder
      const known = yield* keyfold(["recover", "op-2"], { folder, environment })
      assert.deepStrictEqual(known, {
        code: 3,
        stdout: "No live key bears the mark of operation op-2, and no journal knows it.\n",
        stderr: ""
      })
      const path = join(folder, "keyfold.yaml")
      writeFileSync(path, readFileSync(path, "utf8").replace(/^journal: .*$/m, ""))
      const without = yield* keyfold(["recover", "op-2"], { folder, environment })
      assert.strictEqual(without.code, 3)
      assert.include(without.stderr, "the marks of other runs are not recognised")
    }).pipe(Effect.scoped)
  )

  it.live("recognises the marks of another run by the labelSecret", () =>
    Effect.gen(function* () {
      const { environment, folder } = yield* guardedFolder
      const path = join(folder, "keyfold.yaml")
      const text = readFileSync(path, "utf8").replace(/^journal: .*$/m, "")
      writeFileSync(path, text.replace("adapter: arthur", "adapter: arthur, labelSecret: { file: ./secrets/journal }"))
      const setting = { folder, environment }
      const id = yield* create(setting, "--name", "nightly")
      const { code, stdout } = yield* keyfold(["recover", "op-1", "--json"], setting)
      assert.strictEqual(code, 1)
      const [candidate, ...more] = JSON.parse(stdout).keys
      assert.deepInclude(candidate, { id, name: "nightly" })
      assert.deepStrictEqual(more, [])
    }).pipe(Effect.scoped)
  )

  it.effect("takes an operation id and nothing else for one", () =>
    Effect.gen(function* () {
      const setting = { folder: yield* journaledStore }
      for (const args of [[], ["two words"], ["op-1", "op-2"], ["op-1", "--variable", "A"]]) {
        assert.strictEqual((yield* keyfold(["recover", ...args], setting)).code, 2, args.join(" "))
      }
    })
  )
})

describe("sweep", () => {
  it.effect("shows what it would revoke, revokes it, and finds nothing after", () =>
    Effect.gen(function* () {
      const setting = { folder: yield* journaledStore }
      const id = yield* create(setting)
      yield* undeliver(setting.folder)
      const dry = yield* keyfold(["sweep", "--dry-run"], setting)
      assert.strictEqual(dry.code, 0)
      assert.match(dry.stdout, new RegExp(`^KEY +OPERATION +FATE\n${id} +op-1 +found\n$`))
      assert.match(dry.stderr, /^1 orphan in store "local"\./)
      assert.deepStrictEqual(yield* live(setting), [id])
      const swept = yield* keyfold(["sweep"], setting)
      assert.match(swept.stdout, new RegExp(`^${id} +op-1 +revoked$`, "m"))
      assert.deepStrictEqual(yield* live(setting), [])
      const again = yield* keyfold(["sweep"], setting)
      assert.deepStrictEqual([again.code, again.stdout], [0, ""])
      assert.match(again.stderr, /^No orphans in store "local"\./)
    })
  )

  it.effect("shows on a terminal, on standard error, how many it found, and takes that away at the end", () =>
    Effect.gen(function* () {
      const setting = { folder: yield* journaledStore, terminal: { columns: 100 } }
      const id = yield* create(setting)
      yield* undeliver(setting.folder)
      const { stderr, stdout } = yield* keyfold(["sweep"], setting)
      assert.include(stdout, id)
      assert.include(stderr, 'Looking for orphans in store "local" ...')
      assert.include(stderr, 'Looking for orphans in store "local": 1 so far ...')
      assert.include(stderr, '\r\u001b[2K1 orphan in store "local".')
      const json = yield* keyfold(["sweep", "--json"], setting)
      assert.strictEqual(json.stderr, "")
    })
  )

  it.effect("leaves young operations, those under way and those whose secret is held, and says so", () =>
    Effect.gen(function* () {
      const setting = { folder: yield* journaledStore }
      const id = yield* create(setting, "--secret-file", "a.key")
      yield* undeliver(setting.folder)
      const young = yield* keyfold(["sweep", "--older-than", "1h", "--json"], setting)
      assert.deepInclude(JSON.parse(young.stdout), { event: "finished", orphans: [], delivered: [] })
      const held = yield* keyfold(["sweep", "--secret-file", "a.key"], setting)
      assert.deepStrictEqual([held.code, held.stdout], [0, ""])
      assert.include(held.stderr, "Found delivered after all: op-1.")
      assert.deepStrictEqual(yield* live(setting), [id])
      const journal = yield* openJournal(setting.folder)
      const operation = { store: "local", operationId: OperationId.make("op-2") }
      yield* journal.claim({ ...operation, nonce: "nonce-01", spec: "", lasting: Duration.hours(1) })
      const busy = yield* keyfold(["sweep"], setting)
      assert.include(busy.stderr, "their sender may still be at work: op-2.")
      assert.strictEqual((yield* keyfold(["sweep", "--older-than", "old"], setting)).code, 2)
    })
  )

  it.live("is exit code 1 where a key could not be revoked, and a later sweep revokes it", () =>
    Effect.gen(function* () {
      const { emulator, environment, folder, live } = yield* guardedFolder
      const setting = { folder, environment }
      const id = yield* create(setting)
      yield* undeliver(folder)
      emulator.failNext({ status: 403 }, { operation: "revoke", count: 1 })
      const failed = yield* keyfold(["sweep"], setting)
      assert.strictEqual(failed.code, 1, failed.stderr)
      assert.match(failed.stdout, new RegExp(`^${id} +op-1 +failed +\\S.*credential`, "m"))
      assert.deepStrictEqual(live(), [id])
      yield* endLeases(folder)
      const swept = yield* keyfold(["sweep", "--json"], setting)
      assert.strictEqual(swept.code, 0)
      const [orphan, finished] = swept.stdout
        .trimEnd()
        .split("\n")
        .map((line): unknown => JSON.parse(line))
      assert.deepInclude(orphan, { event: "orphan", operationId: "op-1", fate: "revoked" })
      assert.deepInclude(finished, { event: "finished", scanned: 1, strangers: [] })
      assert.deepStrictEqual(live(), [])
    }).pipe(Effect.scoped)
  )
})
