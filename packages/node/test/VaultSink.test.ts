/** The sink that puts a secret into HashiCorp Vault. */
import { assert, describe, it } from "@effect/vitest"
import type { SinkError } from "@keyfold/core/Sink"
import * as FetchServer from "@keyfold/node/FetchServer"
import * as VaultSink from "@keyfold/node/VaultSink"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { inspect } from "node:util"
import { deliver, held, identifiesNothing, identify, issue } from "./Sinks.ts"
import * as VaultServer from "./VaultServer.ts"

const canary = "CANARY-secret-that-must-not-show"

const address = "https://vault.CANARY.example:8200"

const sinkOn = (server: VaultServer.VaultServer, options: Partial<VaultSink.Options> = {}) =>
  VaultSink.kv({
    address,
    token: Redacted.make(VaultServer.token),
    path: "team/ci",
    field: "api_key",
    fetch: server.fetch,
    ...options
  })

const fieldsOf = (server: VaultServer.VaultServer, path = "team/ci") => server.secrets.get(path)?.versions.at(-1)?.data

const seed = (server: VaultServer.VaultServer, ...versions: ReadonlyArray<Record<string, unknown>>) =>
  void server.secrets.set("team/ci", { versions: versions.map((data) => ({ data, deleted: false })), custom: {} })

/** The one failure of a delivery, after a look for what must not show in it. */
const failure = Effect.fnUntraced(function* (delivery: Effect.Effect<unknown, SinkError>) {
  const error = yield* Effect.flip(delivery)
  assert.notMatch(inspect(error, { depth: 9 }).replaceAll(/^ +at .*$/gm, ""), /CANARY/)
  return error.message
})

describe("a Vault sink", () => {
  it.effect("writes the secret and its key's id as a new version and keeps the other fields", () =>
    Effect.gen(function* () {
      const server = VaultServer.make()
      seed(server, { old: "x" }, { user: "ci", port: 5432, deep: { a: [1.5] } })
      const sink = sinkOn(server)
      assert.isUndefined(yield* held(sink, identifiesNothing))
      const receipt = yield* deliver(sink, issue("key 1", canary))
      assert.deepStrictEqual(receipt, { holds: Option.some(issue("key 1", "").key.id) })
      assert.deepStrictEqual(fieldsOf(server), {
        user: "ci",
        port: 5432,
        deep: { a: [1.5] },
        api_key: canary,
        api_key_key_id: "key 1"
      })
      assert.strictEqual(server.secrets.get("team/ci")?.versions.length, 3)
      assert.strictEqual(yield* held(sink, identifiesNothing), "key 1")
      assert.notInclude(server.requests.map(({ path }) => path).join(), canary)
    })
  )

  it.effect("begins a secret, and follows one that was deleted", () =>
    Effect.gen(function* () {
      const server = VaultServer.make()
      yield* deliver(sinkOn(server), issue("id-1", "id-1.first"))
      const stored = server.secrets.get("team/ci") ?? assert.fail("nothing was written")
      for (const version of stored.versions) version.deleted = true
      const sink = sinkOn(server)
      assert.isUndefined(yield* held(sink, identify))
      yield* deliver(sink, issue("id-2", "id-2.second"))
      assert.strictEqual(stored.versions.length, 2)
      assert.strictEqual(yield* held(sink, identify), "id-2")
    })
  )

  it.effect("sends the token, the namespace and an encoded path under the mount", () =>
    Effect.gen(function* () {
      const server = VaultServer.make()
      server.namespace = "team-a/"
      const options = { namespace: "team-a/", path: "team/größe & co", address: "http://127.0.0.1:1/base/" }
      const shifted: typeof fetch = (input, init) =>
        server.fetch(new Request(input, init).url.replace("/base/", "/"), init)
      yield* deliver(sinkOn(server, { ...options, fetch: shifted }), issue("id-1", "s"))
      assert.deepStrictEqual(
        server.requests.map(({ method, path }) => `${method} ${path}`),
        ["GET", "GET", "POST"].map((method) => `${method} /v1/secret/data/team/gr%C3%B6%C3%9Fe%20%26%20co`)
      )
      assert.strictEqual(server.requests[0]?.headers.get("x-vault-request"), "true")
      const elsewhere = yield* failure(deliver(sinkOn(server, { mount: "kv/two" }), issue("id-1", "s")))
      assert.include(elsewhere, "Vault has no KV engine there (404).")
      assert.strictEqual(server.requests.at(-1)?.path, "/v1/kv/two/data/team/ci")
    })
  )

  it.effect("works over a socket with the fetch of Node", () =>
    Effect.gen(function* () {
      const server = VaultServer.make()
      const { url } = yield* FetchServer.serve({ fetch: (request) => server.fetch(request) })
      const sink = sinkOn(server, { address: url, fetch: undefined })
      yield* deliver(sink, issue("id-1", canary))
      assert.strictEqual(yield* held(sink, identifiesNothing), "id-1")
    }).pipe(Effect.scoped)
  )

  it.effect("sends its token to no place that it is redirected to", () =>
    Effect.gen(function* () {
      const elsewhere: Array<string | null> = []
      const { url } = yield* FetchServer.serve({
        fetch: async (request) => {
          if (!request.url.endsWith("/elsewhere"))
            return new Response(null, { status: 307, headers: { location: "/elsewhere" } })
          elsewhere.push(request.headers.get("x-vault-token"))
          return Response.json({ errors: [] }, { status: 404 })
        }
      })
      const sink = sinkOn(VaultServer.make(), { address: url, fetch: undefined })
      assert.include(yield* failure(Effect.scoped(sink.open)), "a redirect (307), which is not followed")
      assert.deepStrictEqual(elsewhere, [])
    }).pipe(Effect.scoped)
  )

  it.effect("asks for a token that is renewed each time, and says where there is none", () =>
    Effect.gen(function* () {
      const server = VaultServer.make()
      let asked = 0
      const token = Effect.sync(() => {
        asked += 1
        return Redacted.make(`${VaultServer.token}\n`)
      })
      yield* deliver(sinkOn(server, { token }), issue("id-1", "s"))
      assert.strictEqual(asked, server.requests.length)
      const none = yield* failure(deliver(sinkOn(server, { token: Effect.fail("CANARY") }), issue("id-1", "s")))
      assert.include(none, "Vault's token could not be obtained.")
      const wrong = yield* failure(deliver(sinkOn(server, { token: Redacted.make("CANARY") }), issue("id-1", "s")))
      assert.include(wrong, "the token may not do this (403).")
    })
  )
})

describe("a Vault sink, before a key is made,", () => {
  it.effect("refuses a field that is there already, and replaces it only where it is asked to", () =>
    Effect.gen(function* () {
      const server = VaultServer.make()
      seed(server, { api_key: "precious", api_key_key_id: "key-0" })
      assert.include(
        yield* failure(Effect.scoped(sinkOn(server).open)),
        "field api_key of Vault secret secret/team/ci: the secret has the field api_key already."
      )
      assert.deepStrictEqual(fieldsOf(server), { api_key: "precious", api_key_key_id: "key-0" })
      yield* deliver(sinkOn(server, { replace: true }), issue("key-1", "next"))
      assert.deepStrictEqual(fieldsOf(server), { api_key: "next", api_key_key_id: "key-1" })
    })
  )

  it.effect("refuses an address, a mount, a path, a field or a namespace it cannot use, and sends nothing", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [Partial<VaultSink.Options>, string]> = [
        [{ address: "vault.CANARY.example" }, "expected an https URL"],
        [{ address: "http://vault.CANARY.example" }, "plain http would send the token"],
        [{ address: "https://user:CANARY@vault" }, "holds a user name"],
        [{ address: "https://vault?token=CANARY" }, "holds a user name, password, query"],
        [{ path: "team/../root" }, "as mount and path"],
        [{ path: "/team" }, "as mount and path"],
        [{ mount: "secret/" }, "as mount and path"],
        [{ field: "" }, "the field has no name"],
        [{ namespace: "a\nb" }, "expected the namespace"]
      ]
      const server = VaultServer.make()
      for (const [options, text] of cases) {
        assert.include(yield* failure(Effect.scoped(sinkOn(server, options).open)), text)
        assert.include(yield* failure(sinkOn(server, options).holds(identify)), text)
      }
      assert.deepStrictEqual(server.requests, [])
      yield* Effect.scoped(sinkOn(server, { address: "http://vault.CANARY.example", insecure: true }).open)
      yield* Effect.scoped(sinkOn(server, { address: "http://localhost:8200" }).open)
    })
  )

  it.effect("refuses a secret with a number that could not be written back as it is", () =>
    Effect.gen(function* () {
      const server = VaultServer.make()
      server.intercept = async () =>
        new Response('{"data":{"data":{"deep":[{"serial":12345678901234567890}]},"metadata":{"version":1}}}')
      assert.include(yield* failure(Effect.scoped(sinkOn(server).open)), "a number too long to be kept")
    })
  )

  it.effect("refuses a KV engine of version 1, and takes back what such a one took", () =>
    Effect.gen(function* () {
      const server = VaultServer.make()
      server.engine = 1
      const text = "the mount is no KV engine of version 2."
      assert.include(yield* failure(deliver(sinkOn(server), issue("id-1", canary))), text)
      assert.strictEqual(server.secrets.size, 0)
      seed(server, { a: "b" })
      server.secrets.set("data/team/ci", { versions: [{ data: { a: "b" }, deleted: false }], custom: {} })
      assert.include(yield* failure(Effect.scoped(sinkOn(server).open)), text)
    })
  )
})

describe("a Vault sink, where something else happens,", () => {
  it.effect("writes on top of what another writer wrote in between", () =>
    Effect.gen(function* () {
      const server = VaultServer.make()
      const sinks = ["a", "b", "c"].map((field) => sinkOn(server, { field }))
      yield* Effect.forEach(sinks, (sink, index) => deliver(sink, issue(`id-${index}`, `secret-${index}`)), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(fieldsOf(server), {
        a: "secret-0",
        a_key_id: "id-0",
        b: "secret-1",
        b_key_id: "id-1",
        c: "secret-2",
        c_key_id: "id-2"
      })
    })
  )

  it.effect("does not overwrite the same field of another writer, nor try for ever", () =>
    Effect.gen(function* () {
      const server = VaultServer.make()
      const interfere = (data: Record<string, unknown>) => {
        server.intercept = async (request) => {
          if (request.method === "POST") {
            const versions = server.secrets.get("team/ci")?.versions.map((version) => version.data) ?? []
            seed(server, ...versions, data)
          }
          return undefined
        }
      }
      interfere({ api_key: "theirs" })
      assert.include(yield* failure(deliver(sinkOn(server), issue("id-1", canary))), "has the field api_key already")
      assert.deepStrictEqual(fieldsOf(server), { api_key: "theirs" })
      interfere({ other: "x" })
      seed(server)
      const before = server.requests.length
      assert.include(yield* failure(deliver(sinkOn(server), issue("id-1", canary))), "keeps being changed")
      assert.strictEqual(server.requests.length - before, 9)
      assert.deepStrictEqual(fieldsOf(server), { other: "x" })
    })
  )

  it.effect("settles a lost answer by reading, whether the write had happened or not", () =>
    Effect.gen(function* () {
      for (const hasHappened of [true, false]) {
        const server = VaultServer.make()
        let lost = 0
        server.intercept = async (request, handle) => {
          if (request.method !== "POST" || lost > 0) return undefined
          lost += 1
          if (hasHappened) await handle()
          throw new TypeError("fetch failed CANARY")
        }
        yield* deliver(sinkOn(server), issue("id-1", canary))
        assert.strictEqual(server.secrets.get("team/ci")?.versions.length, 1)
        assert.strictEqual(fieldsOf(server)?.["api_key"], canary)
      }
    })
  )

  it.effect("keeps a write that is still on its way from landing after the one that counts", () =>
    Effect.gen(function* () {
      const server = VaultServer.make()
      const late: Array<() => Promise<Response>> = []
      server.intercept = async (request, handle) => {
        if (request.method !== "POST" || late.length > 0) return undefined
        late.push(handle)
        return new Response("{}", { status: 504 })
      }
      yield* deliver(sinkOn(server), issue("id-1", canary))
      for (const handle of late) assert.strictEqual((yield* Effect.promise(handle)).status, 400)
      assert.strictEqual(server.secrets.get("team/ci")?.versions.length, 1)
    })
  )

  it.effect("names the status and nothing that Vault said", () =>
    Effect.gen(function* () {
      const statuses: ReadonlyArray<readonly [number, string]> = [
        [400, "Vault refused the request (400)."],
        [307, "Vault answered with a redirect (307), which is not followed because the token would go with it."],
        [429, "Vault asks to be called less often (429)."],
        [500, "Vault could not do this (500)."],
        [503, "Vault is sealed or down for maintenance (503)."]
      ]
      const server = VaultServer.make()
      for (const [status, text] of statuses) {
        server.intercept = async () =>
          new Response('{"errors":["CANARY"]}', { status, headers: { location: "https://CANARY.example" } })
        assert.include(yield* failure(deliver(sinkOn(server), issue("id-1", canary))), text)
      }
      for (const text of ["CANARY is no JSON", '{"data":{"CANARY":1}}', "[]"]) {
        server.intercept = async () => new Response(text)
        const message = yield* failure(deliver(sinkOn(server), issue("id-1", canary)))
        assert.match(message, /Vault answered what cannot be read|the mount is no KV engine/)
      }
      server.intercept = () => Promise.reject(new TypeError("fetch failed CANARY"))
      assert.include(yield* failure(sinkOn(server).holds(identify)), "Vault could not be reached.")
      server.intercept = async () => new Response(new Uint8Array(5_000_000))
      assert.include(yield* failure(sinkOn(server).holds(identify)), "Vault could not be reached.")
    })
  )

  it.effect("waits for an answer no longer than its timeout, and lets go of the request", () =>
    Effect.gen(function* () {
      const server = VaultServer.make()
      let aborted = false
      const silent: typeof fetch = (_input, init) =>
        new Promise((_resolve, reject) => {
          init?.signal?.addEventListener("abort", () => {
            aborted = true
            reject(new Error("aborted"))
          })
        })
      const asking = yield* Effect.forkChild(
        failure(sinkOn(server, { fetch: silent, timeout: "3 seconds" }).holds(identify))
      )
      yield* TestClock.adjust("2999 millis")
      assert.isUndefined(asking.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.include(yield* Fiber.join(asking), "Vault did not answer within 3s.")
      assert.isTrue(aborted)
    })
  )
})

describe("a Vault sink that keeps the id in custom metadata", () => {
  const metadata = { keyId: "metadata" } as const

  it.effect("adds no field, keeps other entries, and tells the key of this version and of later ones", () =>
    Effect.gen(function* () {
      const server = VaultServer.make()
      server.secrets.set("team/ci", { versions: [{ data: { user: "ci" }, deleted: false }], custom: { owner: "ada" } })
      const sink = sinkOn(server, { ...metadata, replace: true })
      yield* deliver(sink, issue("key 1", "first"))
      assert.deepStrictEqual(fieldsOf(server), { user: "ci", api_key: "first" })
      const stored = server.secrets.get("team/ci") ?? assert.fail("nothing is there")
      assert.deepStrictEqual(stored.custom, { owner: "ada", "keyfold-key-id.api_key": "2 key 1" })
      assert.strictEqual(yield* held(sink, identifiesNothing), "key 1")
      stored.versions.push({ data: { user: "eve", api_key: "first" }, deleted: false })
      assert.strictEqual(yield* held(sink, identifiesNothing), "key 1")
      stored.versions.push({ data: { user: "eve", api_key: "theirs" }, deleted: false })
      assert.isUndefined(yield* held(sink, identifiesNothing))
      yield* deliver(sink, issue("key-2", "second"))
      assert.strictEqual(yield* held(sink, identifiesNothing), "key-2")
    })
  )

  it.effect("delivers where it may not write there, with a warning, and cannot tell afterwards", () =>
    Effect.gen(function* () {
      const server = VaultServer.make()
      server.mayPatchMetadata = false
      const lines: Array<string> = []
      const logger = Logger.make<unknown, void>(({ message }) => void lines.push(String(message)))
      const sink = sinkOn(server, metadata)
      yield* deliver(sink, issue("key-1", canary)).pipe(Effect.provide(Logger.layer([logger])))
      assert.strictEqual(fieldsOf(server)?.["api_key"], canary)
      assert.lengthOf(lines, 1)
      assert.include(lines[0], "does not say of which key: the token may not do this (403).")
      assert.isUndefined(yield* held(sink, identifiesNothing))
    })
  )
})
