import { assert, describe, it } from "@effect/vitest"
import * as SecretFile from "@keyfold/node/SecretFile"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { emulated, emulatedNames, entryOf } from "../src/internal/emulators.ts"
import { executeFile, keyfold, localStore } from "./Keyfold.ts"

const programFile = fileURLToPath(new URL("SwapProgram.ts", import.meta.url))
const installed = fileURLToPath(new URL("../../../node_modules/@keyfold", import.meta.url))

/** A folder with one keyfold.yaml that defines all four stores, and the adapters installed beside it. */
const fourStores = Effect.gen(function* () {
  const folder = yield* localStore
  mkdirSync(join(folder, "node_modules"))
  symlinkSync(installed, join(folder, "node_modules/@keyfold"))
  const running = yield* Effect.forEach(emulatedNames, (name) =>
    Effect.map(emulated[name].start({ port: 0, seed: 2 }), (emulator) => ({ name, emulator }))
  )
  for (const { emulator, name } of running) {
    yield* SecretFile.write(join(folder, "secrets", name), Redacted.make(emulator.credential))
  }
  const embedded = [
    "adapter: sql",
    "url: sqlite:data/keyfold.db",
    "pepper: { file: ./secrets/pepper }",
    "defaults: { owner: platform-bot, scopes: [write] }"
  ]
  const entries = [
    { name: "sql", lines: embedded },
    ...running.map(({ emulator, name }) => ({ name, lines: entryOf(name, emulator, `{ file: ./secrets/${name} }`) }))
  ]
  const stores = entries.flatMap(({ lines, name }) => [`  ${name}:`, ...lines.map((line) => `    ${line}`)])
  const path = join(folder, "keyfold.yaml")
  const choose = (name: string) => {
    writeFileSync(path, [`default: ${name}`, "stores:", ...stores, ""].join("\n"))
    return readFileSync(path, "utf8")
  }
  const requests = (name: string) => running.find((one) => one.name === name)?.emulator.requests.count()
  return { folder, choose, requests, names: entries.map(({ name }) => name) }
})

const difference = (before: string, after: string): ReadonlyArray<string> => {
  const lines = after.split("\n")
  return before.split("\n").flatMap((line, index) => (line === lines[index] ? [] : [`- ${line}`, `+ ${lines[index]}`]))
}

describe("swapping the backend of a program", () => {
  it.live("is one line of configuration: the same file runs on all four stores", () =>
    Effect.gen(function* () {
      const { choose, folder, names } = yield* fourStores
      assert.deepStrictEqual(names, ["sql", "whylabs", "arthur", "occam"])
      const source = readFileSync(programFile, "utf8")
      let before = choose("sql")
      const policies: Record<string, unknown> = {}
      for (const name of names) {
        const after = choose(name)
        const changed = difference(before, after)
        if (name !== "sql") {
          assert.match(changed.join("\n"), new RegExp(`^- default: \\w+\n\\+ default: ${name}$`))
          console.log(changed.join("\n"))
        }
        before = after
        const { code, stderr, stdout } = yield* executeFile(programFile, { cwd: folder })
        assert.deepStrictEqual([code, stderr], [0, ""], name)
        const { did, policy } = JSON.parse(stdout)
        assert.deepStrictEqual(
          did,
          { listed: true, name: "nightly", status: "active", hasSecret: true, revoked: true },
          name
        )
        policies[name] = [policy.owner, policy.scopes]
      }
      assert.deepStrictEqual(policies, {
        sql: ["platform-bot", ["write"]],
        whylabs: ["platform-bot", ["write"]],
        arthur: [undefined, ["write"]],
        occam: [undefined, []]
      })
      for (const name of names) assert.notMatch(source, new RegExp(name, "i"))
    }).pipe(Effect.scoped)
  )

  it.live(
    "never widens a key unasked: a scope the backend cannot limit to, and nobody accepted, is refused unsent",
    () =>
      Effect.gen(function* () {
        const { choose, folder, requests } = yield* fourStores
        choose("occam")
        const asked = yield* keyfold(["create", "--scope", "admin"], { folder })
        assert.strictEqual(asked.code, 4)
        assert.include(asked.stderr, "occam keys have no scopes")
        const none = yield* keyfold(["create", "--no-scopes"], { folder })
        assert.strictEqual(none.code, 4)
        assert.include(none.stderr, "nothing was sent")
        assert.strictEqual(requests("occam"), 0)
        const unmapped = yield* keyfold(["create", "--scope", "rule", "--store", "arthur"], { folder })
        assert.strictEqual(unmapped.code, 2)
        assert.include(unmapped.stderr, "accepted: write")
        assert.strictEqual(requests("arthur"), 0)
      }).pipe(Effect.scoped)
  )
})
