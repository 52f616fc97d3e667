import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { writeFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import { connect } from "node:net"
import { join } from "node:path"
import { keyfold, keyfoldUntil, localStore } from "./Keyfold.ts"

interface Started {
  readonly baseUrl: string
  readonly backend: string
  readonly variable: string
  readonly credential: string
  readonly configuration: string
}

const startBackend = Effect.fnUntraced(function* (backend: string, ...more: ReadonlyArray<string>) {
  const stdout = yield* keyfoldUntil(["emulate", backend, "--json", ...more], "\n")
  const started: Started = JSON.parse(stdout)
  return started
})

const startEmulator = (...more: ReadonlyArray<string>) => startBackend("whylabs", ...more)

/** A folder whose keyfold.yaml names the embedded store and a running WhyLabs emulator. */
const twoStores = Effect.fnUntraced(function* (...more: ReadonlyArray<string>) {
  const folder = yield* localStore
  const started = yield* startEmulator("--store", "monitoring", ...more)
  writeFileSync(
    join(folder, "keyfold.yaml"),
    [
      "default: local",
      started.configuration.trimEnd(),
      "  local: { adapter: sql, url: 'sqlite:data/keyfold.db', pepper: { file: ./secrets/pepper } }",
      ""
    ].join("\n")
  )
  return { folder, started, environment: { WHYLABS_API_KEY: started.credential } }
})

const isListening = (port: number) =>
  Effect.callback<boolean>((resume) => {
    const socket = connect(port, "127.0.0.1")
    socket.on("connect", () => {
      socket.destroy()
      resume(Effect.succeed(true))
    })
    socket.on("error", () => resume(Effect.succeed(false)))
  })

/** Accepts connections and never answers. */
const silentServer = Effect.acquireRelease(
  Effect.callback<Server>((resume) => {
    const server = createServer(() => {})
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) => Effect.sync(() => server.close().closeAllConnections())
).pipe(
  Effect.map((server) => {
    const address = server.address()
    return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`
  })
)

describe("stores and capabilities", () => {
  it.live("show what the configuration names, without opening a store or reading a secret", () =>
    Effect.gen(function* () {
      const { folder } = yield* twoStores()
      const shown = yield* keyfold(["stores"], { folder })
      assert.strictEqual(shown.code, 0, shown.stderr)
      assert.match(shown.stdout, /^local +sql +yes +none$/m)
      assert.match(shown.stdout, /^monitoring +whylabs +no verify; revoked keys by owner only; reads lag up to 12 s$/m)
      const narrow = yield* keyfold(["stores"], { folder, terminal: { columns: 64 } })
      assert.isAtMost(Math.max(...narrow.stdout.split("\n").map(({ length }) => length)), 64)
      assert.match(narrow.stdout, /^ {30}\S/m)
      assert.include(
        narrow.stdout.replaceAll(/\s+/g, " "),
        "whylabs no verify; revoked keys by owner only; reads lag up to 12 s local"
      )
      const json = yield* keyfold(["stores", "--json", "--store", "local"], { folder })
      assert.deepStrictEqual(JSON.parse(json.stdout), { store: "local", adapter: "sql", default: true, caveats: [] })
      const capable = yield* keyfold(["capabilities", "--store", "monitoring"], { folder })
      assert.match(capable.stdout, /^usage +derived: by keyfold, from other operations$/m)
      assert.match(capable.stdout, /^verify +unsupported: not possible$/m)
      assert.match(capable.stdout, /^A change shows in reads +within 12 s \(observed\)$/m)
      const data = yield* keyfold(["capabilities", "--json"], { folder })
      const lines = data.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
      assert.deepStrictEqual(
        lines.map(({ store }) => store),
        ["monitoring", "local"]
      )
      const monitoring = lines.find(({ store }) => store === "monitoring")
      assert.deepInclude(monitoring.capabilities.operations, { verify: "unsupported", usage: "derived" })
      assert.deepStrictEqual(monitoring.capabilities.consistency.visibility, {
        withinMilliseconds: 12_000,
        basis: "observed"
      })
    })
  )

  it.live("a configuration that is missing, broken or names no such store is exit code 2 and says what to do", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const elsewhere = yield* keyfold(["list"], { folder: join(folder, "data") })
      assert.strictEqual(elsewhere.code, 2)
      assert.include(elsewhere.stderr, "keyfold.yaml")
      const unknown = yield* keyfold(["list", "--store", "lokal"], { folder })
      assert.strictEqual(unknown.code, 2)
      assert.include(unknown.stderr, 'Did you mean "local"?')
      const literal = "canary-1f7b6d2a-in-the-file"
      writeFileSync(
        join(folder, "bad.yaml"),
        `stores:\n  a: { adapter: sql, url: 3, pepper: ${literal} }\n  b: { adapter: sqll }\n`
      )
      const broken = yield* keyfold(["list", "--config", "bad.yaml"], { folder })
      assert.strictEqual(broken.code, 2)
      assert.match(broken.stderr, /^ *bad\.yaml:2:\d+ {2}stores\.a/m)
      assert.match(broken.stderr, /^ *bad\.yaml:3:\d+ {2}stores\.b/m)
      assert.notInclude(broken.stderr, literal)
      const json = yield* keyfold(["list", "--config", "bad.yaml", "--json"], { folder })
      assert.deepInclude(JSON.parse(json.stderr).error, { kind: "Configuration", exitCode: 2 })
    })
  )
})

describe("a store that is wrong in the configuration", () => {
  const configuration = `default: local
stores:
  local: { adapter: sql, url: 'sqlite:data/keyfold.db', pepper: { file: ./secrets/pepper } }
  guard: { adapter: arthur, baseUrl: 'http://127.0.0.1:9', apiKey: { env: ARTHUR_API_KEY }, keylimit: 3 }
  other: { adapter: keyfold-adapter-missing }
`

  it.live("does not stop a command that uses another one, which warns on stderr", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      writeFileSync(join(folder, "keyfold.yaml"), configuration)
      for (const args of [["list"], ["capabilities", "--store", "local"], ["create", "--name", "a"]]) {
        const { code, stderr } = yield* keyfold(args, { folder })
        assert.strictEqual(code, 0, stderr)
        assert.match(stderr, /^keyfold: warning: keyfold\.yaml:4:\d+ stores\.guard\.keylimit: .*"keyLimit"/m)
        assert.match(stderr, /^keyfold: warning: keyfold\.yaml:5:\d+ stores\.other\.adapter: .*not installed/m)
      }
      const { code, stderr, stdout } = yield* keyfold(["list", "--json"], { folder })
      assert.strictEqual(code, 0)
      assert.strictEqual(JSON.parse(stdout).name, "a")
      assert.deepStrictEqual(
        stderr
          .trim()
          .split("\n")
          .map((line): string => JSON.parse(line).warning.path),
        ["stores.guard.keylimit", "stores.other.adapter"]
      )
    })
  )

  it.live("stops a command that uses it, and `stores`, which checks the whole file", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      writeFileSync(join(folder, "keyfold.yaml"), configuration)
      const used = yield* keyfold(["list", "--store", "guard"], { folder })
      assert.strictEqual(used.code, 2)
      assert.include(used.stderr, "keyfold.yaml has 1 mistake.")
      assert.include(used.stderr, "stores.guard.keylimit")
      for (const args of [["stores"], ["stores", "--store", "local"], ["capabilities"]]) {
        const { code, stderr, stdout } = yield* keyfold(args, { folder })
        assert.deepStrictEqual([code, stdout], [2, ""])
        assert.include(stderr, "keyfold.yaml has 2 mistakes.")
      }
    })
  )
})

describe("emulate", () => {
  it.live("serves a backend that the shown configuration and credential work with, seeds included", () =>
    Effect.gen(function* () {
      const { environment, folder } = yield* twoStores("--seed", "7")
      const listed = yield* keyfold(["list", "--store", "monitoring", "--json"], { folder, environment })
      assert.strictEqual(listed.code, 0, listed.stderr)
      assert.lengthOf(listed.stdout.trim().split("\n"), 7)
      const created = yield* keyfold(["create", "-s", "monitoring", "--name", "hello"], { folder, environment })
      assert.match(created.stdout, /^[A-Za-z0-9]{10}\.\S+\n$/)
      // Another run does not know that the key is new, and the emulator's index lags by 200 ms.
      yield* Effect.sleep("300 millis")
      const leaked = yield* keyfold(["revoke", "-s", "monitoring", "--leaked"], {
        folder,
        environment,
        stdin: created.stdout
      })
      assert.match(leaked.stdout, /^Revoked key [A-Za-z0-9]{10}\. Its secret may still be accepted for up to 1 s\.\n$/)
    }).pipe(Effect.scoped)
  )

  it.live("serves every backend to the configuration and credential it shows", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      for (const backend of ["whylabs", "arthur", "occam"]) {
        const started = yield* startBackend(backend, "--seed", "4")
        assert.strictEqual(started.backend, backend)
        writeFileSync(join(folder, "keyfold.yaml"), started.configuration)
        const environment = { [started.variable]: started.credential }
        assert.include(started.configuration, `{ env: ${started.variable} }`)
        const listed = yield* keyfold(["list", "--json"], { folder, environment })
        assert.strictEqual(listed.code, 0, listed.stderr)
        assert.lengthOf(listed.stdout.match(/"name":"example-\d+"/g) ?? [], 4)
        const created = yield* keyfold(["create", "--name", "hello", "--json"], { folder, environment })
        assert.strictEqual(created.code, 0, created.stderr)
        assert.strictEqual(JSON.parse(created.stdout).key.name, "hello")
        const shown = yield* keyfold(["stores"], { folder })
        assert.match(shown.stdout, new RegExp(`^demo +${backend} +yes +no `, "m"))
        assert.notInclude(listed.stdout + listed.stderr + created.stderr, started.credential)
      }
    }).pipe(Effect.scoped)
  )

  it.live("what the backend cannot do is exit code 4, and what it refuses is exit code 1", () =>
    Effect.gen(function* () {
      const { environment, folder } = yield* twoStores()
      const store = ["--store", "monitoring"]
      const verify = yield* keyfold(["verify", ...store], { folder, environment, stdin: "canary-3c5d9e" })
      assert.strictEqual(verify.code, 4)
      assert.include(verify.stderr, "nothing was sent")
      assert.notInclude(verify.stderr, "canary-3c5d9e")
      const revoked = yield* keyfold(["list", "--status", "revoked", ...store], { folder, environment })
      assert.strictEqual(revoked.code, 4)
      const wrong = { WHYLABS_API_KEY: "canary-8a1f0b" }
      const refused = yield* keyfold(["list", ...store, "--json"], { folder, environment: wrong })
      assert.strictEqual(refused.code, 1)
      assert.deepInclude(JSON.parse(refused.stderr).error, {
        kind: "PermissionDenied",
        store: "monitoring",
        attempts: 1
      })
      assert.notInclude(refused.stderr + refused.stdout, "canary-8a1f0b")
      const unset = yield* keyfold(["list", ...store], { folder })
      assert.strictEqual(unset.code, 2)
      assert.include(unset.stderr, "WHYLABS_API_KEY")
    }).pipe(Effect.scoped)
  )

  it.live("stops listening when it is interrupted", () =>
    Effect.gen(function* () {
      const port = yield* Effect.scoped(
        Effect.gen(function* () {
          const { baseUrl } = yield* startEmulator()
          const port = Number(new URL(baseUrl).port)
          assert.isTrue(yield* isListening(port))
          return port
        })
      )
      assert.isFalse(yield* isListening(port))
    })
  )

  it.live("a port in use and other mistakes are exit code 2", () =>
    Effect.gen(function* () {
      const { baseUrl } = yield* startEmulator()
      const taken = yield* keyfold(["emulate", "whylabs", "--port", new URL(baseUrl).port])
      assert.strictEqual(taken.code, 2)
      assert.include(taken.stderr, "is in use")
      const wrong = [
        ["unknown"],
        ["whylabs", "--port", "70000"],
        ["whylabs", "--seed", "-1"],
        ["whylabs", "--config", "x"],
        []
      ]
      for (const args of wrong) assert.strictEqual((yield* keyfold(["emulate", ...args])).code, 2)
    }).pipe(Effect.scoped)
  )
})

describe("a create without an answer", () => {
  it.live("is exit code 5 with the operation id and what to do next", () =>
    Effect.gen(function* () {
      const { environment, folder } = yield* twoStores()
      const server = yield* silentServer
      writeFileSync(
        join(folder, "silent.yaml"),
        `stores:\n  silent: { adapter: whylabs, baseUrl: '${server}', organization: org-x, apiKey: { env: WHYLABS_API_KEY }, defaults: { owner: o } }\n`
      )
      const args = ["create", "--config", "silent.yaml", "--within", "1s", "--operation-id", "deploy-7"]
      // Closing the store takes its time here, so both at once.
      const [people, programs] = yield* Effect.all(
        [keyfold(args, { folder, environment }), keyfold([...args, "--json"], { folder, environment })],
        { concurrency: 2 }
      )
      assert.strictEqual(people.code, 5)
      assert.include(people.stderr, "keyfold recover deploy-7 --store silent")
      assert.include(people.stderr, "keyfold list --store silent")
      const lines = programs.stderr
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
      assert.include(lines[0].log.message, "deploy-7")
      assert.deepInclude(lines.at(-1).error, {
        kind: "OutcomeUnknown",
        operationId: "deploy-7",
        retryable: false,
        exitCode: 5
      })
      assert.strictEqual(people.stdout + programs.stdout, "")
    }).pipe(Effect.scoped)
  )
})
