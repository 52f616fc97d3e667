import { assert, describe, it } from "@effect/vitest"
import * as Adapter from "@keyfold/core/Adapter"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import * as SecretSink from "@keyfold/node/SecretSink"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { ConfigurationError, open, type Keys, type LogLine } from "keyfold"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { addJournal, localStore, servedArthur } from "./Keyfold.ts"
import { collect, failure, rejection } from "./PromiseKeys.ts"

const local = "local: { adapter: sql, url: 'sqlite:data/keyfold.db', pepper: { file: ./secrets/pepper } }"
const tenants = "tenants: { acme: local, globex: local }"

/** Runs a test in a folder with a keyfold.yaml of these lines. */
const inFolder = async (lines: ReadonlyArray<string>, test: (folder: string) => Promise<void>): Promise<void> => {
  const scope = Scope.makeUnsafe()
  try {
    const folder = await Effect.runPromise(Scope.provide(localStore, scope))
    writeFileSync(join(folder, "keyfold.yaml"), `${lines.join("\n")}\n`)
    await test(folder)
  } finally {
    await Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

const memory = Adapter.make<object>({
  name: "memory",
  options: Schema.Struct({}),
  capabilities: () => MemoryDriver.capabilities,
  driver: () => Effect.sync(MemoryDriver.make)
})

/** An adapter whose store says something in passing. */
const talkative = Adapter.make<object>({
  name: "talkative",
  options: Schema.Struct({}),
  capabilities: () => MemoryDriver.capabilities,
  driver: () =>
    Effect.logWarning("reads lag", { secret: "hidden" }).pipe(
      Effect.andThen(Effect.logInfo("opened")),
      Effect.andThen(Effect.logDebug("detail")),
      Effect.annotateLogs({ "keyfold.store": "fake", token: "hidden" }),
      Effect.as(MemoryDriver.make())
    )
})

/** Runs a program with everything its consoles print. */
const printed = async (program: () => Promise<void>): Promise<ReadonlyArray<string>> => {
  const lines: Array<string> = []
  const names = ["log", "info", "warn", "error"] as const
  const kept = names.map((name) => console[name])
  for (const name of names) console[name] = (...parts: ReadonlyArray<unknown>) => lines.push(`${name}: ${parts.join()}`)
  try {
    await program()
  } finally {
    for (const [index, name] of names.entries()) console[name] = kept[index] ?? console.log
  }
  return lines
}

describe("open", () => {
  it("writes warnings to standard error and nothing else, and gives a program that asks every line", () =>
    inFolder(["stores: { fake: { adapter: talkative } }"], async (folder) => {
      const builtIn = { talkative }
      const lines = await printed(async () => {
        await using keys = await open({ folder, builtIn })
        await collect(keys.store().list())
      })
      assert.deepStrictEqual(lines, ["error: keyfold: warning: reads lag"])
      const told: Array<LogLine> = []
      const silent = await printed(async () => {
        await using keys = await open({ folder, builtIn, log: (line) => told.push(line) })
        await collect(keys.store().list())
      })
      assert.deepStrictEqual(silent, [])
      assert.deepStrictEqual(
        told.map(({ annotations, level, message, time }) => [level, message, annotations, time instanceof Date]),
        [
          ["warn", "reads lag", { store: "fake" }, true],
          ["info", "opened", { store: "fake" }, true]
        ]
      )
    }))

  it("rejects with every mistake of the file, secrets and capabilities included", () =>
    inFolder(
      [
        "stores:",
        "  guard: { adapter: arthur, baseUrl: 'https://arthur.internal', apiKey: { env: NO_SUCH_KEY }, require: { usage: true } }",
        "  lokal: { adaptor: sql }"
      ],
      async (folder) => {
        const error = await rejection(open({ folder, env: {} }))
        assert.instanceOf(error, ConfigurationError)
        const text = String(error)
        for (const part of ["NO_SUCH_KEY", "cannot meet: usage", "stores.lokal.adapter"]) assert.include(text, part)
        assert.include(error instanceof Error ? (error.stack ?? "") : "", "Open.test.ts")
      }
    ))

  it("takes a path, a file in a folder, or what the environment names, and adapters of the program", () =>
    inFolder(["stores: { fake: { adapter: memory } }"], async (folder) => {
      const file = join(folder, "keyfold.yaml")
      const builtIn = { memory }
      for (const options of [
        { file },
        { folder },
        { file: "keyfold.yaml", folder },
        { env: { KEYFOLD_CONFIG: file } }
      ]) {
        await using keys = await open({ env: {}, builtIn, ...options })
        assert.strictEqual((await keys.store().describe()).backend, "memory")
      }
      const error = await rejection(open(file))
      assert.include(String(error), "memory")
    }))

  it("opens nothing where it is given up", () =>
    inFolder([`stores: { ${local} }`], async (folder) => {
      const reason = new Error("no time")
      assert.strictEqual(await rejection(open({ folder, signal: AbortSignal.abort(reason) })), reason)
    }))

  it("reaches HTTP stores over the pooled transport, proxies included", async () => {
    const scope = Scope.makeUnsafe()
    const { credential, live, url } = await Effect.runPromise(Scope.provide(servedArthur, scope))
    const guard = `adapter: arthur, baseUrl: '${url}', apiKey: { env: KEY }, retry: { attempts: 1 }`
    await inFolder(
      [`stores: { direct: { ${guard} }, proxied: { ${guard}, proxy: { env: PROXY } } }`],
      async (folder) => {
        // Nobody listens there, and only the pooled transport takes a proxy at all.
        await using keys = await open({ folder, env: { KEY: credential, PROXY: "http://127.0.0.1:1" } })
        const { key } = await keys.store("direct").create({ name: "ci" })
        assert.deepStrictEqual(live(), [key.id])
        const { reason } = await failure(keys.store("proxied").listPage())
        assert.strictEqual(reason._tag, "Network")
      }
    )
    await Effect.runPromise(Scope.close(scope, Exit.void))
  })
})

const inTenants = (test: (keys: Keys, folder: string) => Promise<void>): Promise<void> =>
  inFolder([`stores: { ${local} }`, tenants], async (folder) => {
    await Effect.runPromise(addJournal(folder))
    await using keys = await open({ folder, env: {} })
    await test(keys, folder)
  })

describe("open keys", () => {
  it("keep tenants apart, and show the operator all of them", () =>
    inTenants(async (keys) => {
      const { key } = await keys.forTenant("acme").create({ name: "ci" })
      const foreign = await failure(keys.forTenant("globex").revoke(key))
      const missing = await failure(keys.forTenant("globex").revoke("no-such-key"))
      assert.deepStrictEqual([foreign.reason._tag, foreign.attempts], [missing.reason._tag, missing.attempts])
      assert.deepStrictEqual(await collect(keys.forTenant("globex").list()), [])
      assert.deepStrictEqual(await collect(keys.forTenant("acme").list()), [key.id])
      assert.strictEqual((await keys.forTenant("acme").describe()).tenant, "acme")
      const error = await rejection(keys.store("lokal").describe())
      assert.include(String(error), 'Did you mean "local"?')
    }))

  it("put secrets into sinks, and tell what became of a create", () =>
    inTenants(async (keys, folder) => {
      const store = keys.forTenant("acme")
      const file = join(folder, "ci.key")
      const delivered = await store.create({ name: "ci" }, { operationId: "order-1", sink: SecretSink.file(file) })
      assert.deepStrictEqual(await store.identify(readFileSync(file, "utf8").trim()), { id: delivered.key.id })
      const again = await failure(store.create({ name: "ci" }, { operationId: "order-1" }))
      assert.strictEqual(again.reason._tag === "Conflict" ? again.reason.existing?.id : "", delivered.key.id)
      const recovered = await store.recover("order-1")
      assert.deepStrictEqual(recovered, { kind: "delivered", key: { id: delivered.key.id } })
      assert.deepStrictEqual(await store.recover("order-2"), { kind: "unknown" })
      const swept = await store.sweepOrphans({ olderThan: "1 hour", dryRun: true })
      assert.deepStrictEqual([swept.dryRun, swept.orphans, swept.delivered], [true, [], []])
      assert.strictEqual((await failure(store.sweepOrphans({ olderThan: -1 }))).reason._tag, "InvalidRequest")
    }))

  it("use a changed file from the next call on, and go on with the old one where the new one is wrong", () =>
    inTenants(async (keys, folder) => {
      const path = join(folder, "keyfold.yaml")
      const before = readFileSync(path, "utf8")
      const initech = keys.forTenant("initech")
      assert.instanceOf(await rejection(initech.listPage()), ConfigurationError)
      writeFileSync(path, before.replace("tenants: {", "tenants: { initech: local,"))
      assert.deepStrictEqual(await keys.reload(), { stores: [], tenants: ["initech"], drained: true })
      assert.deepStrictEqual((await initech.listPage()).keys, [])
      writeFileSync(path, before.replace("adapter: sql", "adapter: sqll"))
      const error = await rejection(keys.reload())
      assert.include(String(error), 'Did you mean "sql"?')
      assert.deepStrictEqual((await initech.listPage()).keys, [])
    }))
})
