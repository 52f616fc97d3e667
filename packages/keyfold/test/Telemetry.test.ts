import { assert, describe, it } from "@effect/vitest"
import { scan, type Records } from "@keyfold/canary/Canary"
import * as Effect from "effect/Effect"
import { chmod } from "node:fs/promises"
import { join } from "node:path"
import { collector } from "./CanaryCollector.ts"
import { guardedFolder, keyfold, localStore, pepper } from "./Keyfold.ts"

const asJson = { OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" }

/** Everything a collector was sent, as text. */
const textOf = ({ received }: Effect.Success<typeof collector>): string =>
  received.map(([, body]) => Buffer.from(body).toString("utf8")).join("\n")

const signals = ({ received }: Effect.Success<typeof collector>): ReadonlyArray<string> =>
  [...new Set(received.map(([signal]) => signal))].toSorted()

/** A folder whose pepper can be read by others: every command that opens its store warns of it. */
const exposed = Effect.tap(localStore, (folder) => Effect.promise(() => chmod(join(folder, "secrets/pepper"), 0o644)))

const dead = Effect.map(Effect.scoped(collector), ({ url }) => url)

describe("--otlp", () => {
  it.live("sends traces, metrics and logs of a command before it ends", () =>
    Effect.gen(function* () {
      const sink = yield* collector
      const folder = yield* exposed
      const { code, stderr } = yield* keyfold(["list", "--otlp", sink.url], { folder, environment: asJson })
      assert.strictEqual(code, 0)
      assert.notInclude(stderr, "telemetry")
      assert.deepStrictEqual(signals(sink), ["logs", "metrics", "traces"])
      for (const name of ["KeyStore.list", "keyfold.calls", "secret.exposed", '"stringValue":"keyfold"']) {
        assert.include(textOf(sink), name)
      }
    })
  )

  it.live("goes before OTEL_EXPORTER_OTLP_ENDPOINT, which does the same", () =>
    Effect.gen(function* () {
      const [flagged, named] = [yield* collector, yield* collector]
      const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: named.url }
      const folder = yield* localStore
      yield* keyfold(["list", "--otlp", flagged.url], { folder, environment })
      assert.deepStrictEqual([signals(flagged), signals(named)], [["metrics", "traces"], []])
      yield* keyfold(["list"], { folder, environment })
      assert.deepStrictEqual(signals(named), ["metrics", "traces"])
    })
  )

  it.live("changes neither the answer nor the exit code where the collector cannot be reached, and says so once", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const otlp = yield* dead
      const { key } = JSON.parse((yield* keyfold(["create", "--json"], { folder })).stdout)
      for (const args of [
        ["list", "--json"],
        ["get", key.id, "--json"],
        ["get", "missing", "--json"]
      ]) {
        const plain = yield* keyfold(args, { folder })
        const exported = yield* keyfold([...args, "--otlp", otlp], { folder })
        assert.deepStrictEqual([exported.code, exported.stdout], [plain.code, plain.stdout])
        const more = exported.stderr.replace(plain.stderr, "").trim()
        assert.deepInclude(JSON.parse(more).log, { level: "warn", event: "telemetry.failed" })
      }
    })
  )

  it.live("that is no address is exit code 2, and not repeated; a variable that is none is warned of", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const flagged = yield* keyfold(["list", "--otlp", "canary://x"], { folder })
      assert.deepStrictEqual([flagged.code, flagged.stdout], [2, ""])
      assert.match(flagged.stderr, /^keyfold: --otlp: expected a URL .*http:\/\/localhost:4318\.\n$/)
      for (const [variables, name] of [
        [{ OTEL_EXPORTER_OTLP_ENDPOINT: "canary" }, "OTEL_EXPORTER_OTLP_ENDPOINT"],
        [
          { OTEL_EXPORTER_OTLP_ENDPOINT: "http://x", OTEL_EXPORTER_OTLP_HEADERS: "canary" },
          "OTEL_EXPORTER_OTLP_HEADERS"
        ]
      ] as const) {
        const { code, stderr } = yield* keyfold(["list"], { folder, environment: variables })
        assert.strictEqual(code, 0)
        assert.include(stderr, `keyfold: warning: telemetry is not exported: ${name}: expected`)
        assert.notInclude(stderr, "canary")
      }
    })
  )

  it.live("shows no secret to the collector, nor the collector's own secret to anybody", () =>
    Effect.gen(function* () {
      const sink = yield* collector
      const { credential, emulator, environment: own, folder } = yield* guardedFolder
      const token = "CANARY-collector-token-0000000000001"
      const planted = "CANARY-planted-and-found-000000000002"
      const environment = {
        ...own,
        ...asJson,
        OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${token}`,
        OTEL_SERVICE_NAME: planted
      }
      const secrets = [credential, token, pepper]
      const records: Records = []
      const run = Effect.fnUntraced(function* (args: ReadonlyArray<string>, stdin = "") {
        const all = [...args, "--otlp", sink.url, "--log-level", "all", "--json"]
        const ran = yield* keyfold(all, { folder, environment, stdin })
        records.push([`${args.join(" ")}: stderr`, ran.stderr])
        return ran.stdout
      })
      const { key, secret } = JSON.parse(yield* run(["create", "--name", "ci"]))
      secrets.push(secret)
      for (const args of [["list"], ["get", key.id], ["revoke", key.id], ["get", secret]]) yield* run(args)
      yield* run(["verify"], secret)
      const body = JSON.stringify({ message: `it was ${credential} and ${secret}` })
      emulator.failNext({ status: 403, body, contentType: "application/json" }, { count: 9 })
      yield* run(["list"])
      emulator.clearInterventions()
      const bodies: Records = sink.received.map(([signal, body]) => [`OTLP ${signal}`, body] as const)
      assert.deepStrictEqual(scan([...records, ...bodies], secrets), [])
      assert.deepStrictEqual([...new Set(scan(bodies, [planted]).map(({ where }) => where))].toSorted(), [
        "OTLP logs by its bytes",
        "OTLP metrics by its bytes",
        "OTLP traces by its bytes"
      ])
    })
  )
})

describe("log lines", () => {
  it.live("below --log-level are not shown, and none hides all of them but not the command's own errors", () =>
    Effect.gen(function* () {
      const folder = yield* exposed
      const run = (...args: ReadonlyArray<string>) => Effect.map(keyfold(args, { folder }), ({ stderr }) => stderr)
      assert.match(yield* run("list"), /^keyfold: warning: .* holds a secret and other users can read it/m)
      assert.notInclude(yield* run("list", "--log-level", "error"), "holds a secret")
      assert.match(
        yield* run("get", "missing", "--log-level", "none"),
        /^keyfold: get on store "local" .*NotFound.*\n$/
      )
    })
  )

  it.live("of --log-level debug include those of libraries", () =>
    Effect.gen(function* () {
      const { stderr } = yield* keyfold(["list", "--log-level", "debug"], { folder: yield* localStore })
      assert.match(stderr, /^keyfold: debug: /m)
    })
  )

  it.live("are objects on lines of their own with --log-format json, and with --json unless text is asked for", () =>
    Effect.gen(function* () {
      const folder = yield* exposed
      for (const format of [["--log-format", "json"], ["--json"]]) {
        const { stderr } = yield* keyfold(["list", ...format], { folder })
        const lines = stderr.split("\n").filter((line) => line.startsWith("{"))
        assert.lengthOf(lines, 1)
        for (const line of lines) {
          const { log } = JSON.parse(line)
          assert.deepInclude(log, { level: "warn", event: "secret.exposed" })
          assert.match(log.time, /^\d{4}-\d\d-\d\dT.*Z$/)
          assert.include(log.message, "other users can read it")
        }
      }
      const { stderr } = yield* keyfold(["list", "--json", "--log-format", "text"], { folder })
      assert.match(stderr, /^keyfold: warning: /)
    })
  )

  it.live("of an unknown level or format are exit code 2", () =>
    Effect.gen(function* () {
      for (const args of [
        ["list", "--log-level", "loud"],
        ["list", "--log-format", "xml"]
      ]) {
        assert.strictEqual((yield* keyfold(args)).code, 2)
      }
    })
  )
})
