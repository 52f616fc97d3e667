/** What the emulated server refuses by itself, on both kinds of deployment, read through the adapter. */
import { assert, describe, it } from "@effect/vitest"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import * as Emulators from "@keyfold/emulators/Arthur"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import {
  advancing,
  baseUrl,
  deployments,
  engine,
  keyId,
  keysPath,
  lines,
  listed,
  operations,
  ref,
  seeded,
  statuses,
  storeOver,
  toTheEnd,
  wholeText
} from "./Engine.ts"

const fieldOf = ({ reason }: KeyStoreError) => (reason._tag === "InvalidRequest" ? reason.field : reason._tag)

describe("400 is the key limit, a refused role, or validation", () => {
  it.effect("the limit is QuotaExceeded without an invented number, and revoking a key makes room", () =>
    Effect.gen(function* () {
      const { emulator, make } = yield* engine({ maxApiKeys: 1 })
      const store = yield* make()
      const { key } = yield* store.create({})
      const error = yield* Effect.flip(store.create({}))
      assert.strictEqual(error.reason._tag, "QuotaExceeded")
      assert.notProperty(error.reason, "limit")
      assert.strictEqual(error.attempts, 1)
      yield* store.revoke(key)
      yield* store.create({})
      assert.deepStrictEqual(statuses(emulator), [200, 400, 204, 200])
    })
  )

  it.effect("the limit is the one the options state", () =>
    Effect.gen(function* () {
      const { make } = yield* engine({ maxApiKeys: 0 })
      const store = yield* make({ keyLimit: 1000 })
      const error = yield* Effect.flip(store.create({}))
      assert.strictEqual(error.reason._tag === "QuotaExceeded" ? error.reason.limit : error, 1000)
      assert.deepStrictEqual(store.capabilities.quota, { source: "configured", limit: 1000 })
    })
  )

  it.effect("TENANT-USER is InvalidRequest for scopes, naming the roles a key may have", () =>
    Effect.gen(function* () {
      const { emulator, make } = yield* engine()
      const error = yield* Effect.flip((yield* make()).create({ scopes: ["TENANT-USER"] }))
      assert.strictEqual(fieldOf(error), "scopes")
      assert.include(error.message, "TENANT-USER")
      assert.include(error.message, "ORG-AUDITOR")
      assert.lengthOf(emulator.keys(), 0)
    })
  )

  // The description is one the adapter's own check would trip over if it read the dump.
  const canary = "canary TENANT-USER Maximum number of active keys reached"

  for (const [what, switches] of [
    ["with the server's file and route", { validationText: "place" }],
    ["as the list of older servers", { validationText: "list" }],
    ["before TENANT-USER existed", { validationText: "list", tenantUserRole: "unknown" }]
  ] as const) {
    it.effect(`an unknown role is sent, and the dump ${what} is neither parsed nor kept`, () =>
      Effect.gen(function* () {
        const { emulator, make } = yield* engine({ switches })
        const dumps: Array<string> = []
        emulator.answerNext(async ({ proceed }) => {
          const response = await proceed()
          dumps.push(await response.clone().text())
          return response
        })
        const spec = { name: canary, scopes: ["CHAT-USER", "canary-role"] }
        const error = yield* Effect.flip((yield* make()).create(spec))
        assert.include(dumps[0], "canary-role", "the server echoes its input")
        assert.strictEqual(error.reason._tag, "InvalidRequest")
        assert.notInclude(error.message, "does not give TENANT-USER")
        assert.include(error.message, "VALIDATION-USER")
        for (const text of ["canary", "routers", "validation error", "enum"]) {
          assert.notInclude(wholeText(error), text)
        }
        assert.strictEqual(emulator.requests.count("create"), 1)
        assert.lengthOf(emulator.keys(), 0)
      })
    )
  }

  it.effect("a dump that echoes the description is not kept either", () =>
    Effect.gen(function* () {
      const { emulator, master } = yield* engine()
      const dumps: Array<string> = []
      // A proxy encodes the body once more, so that the server complains about all of it.
      const spoiling: typeof globalThis.fetch = async (input, init) => {
        const request = new Request(input, init)
        const { headers, method } = request
        const body = JSON.stringify(await request.text())
        const response = await emulator.fetch(request.url, { method, headers, body })
        dumps.push(await response.clone().text())
        return response
      }
      const store = yield* storeOver(spoiling, { apiKey: Redacted.make(master), baseUrl })
      const error = yield* Effect.flip(store.create({ name: canary }))
      assert.include(dumps[0], "canary", "the server echoes its input")
      assert.strictEqual(error.reason._tag, "InvalidRequest")
      for (const text of ["canary", "routers"]) assert.notInclude(wholeText(error), text)
    })
  )
})

for (const [deployment, ingressConfigured] of [
  ["without ingress", false],
  ["with ingress", true]
] as const) {
  describe(`401 on a deployment ${deployment}`, () => {
    const refusals = [
      ["a wrong token", "wrong-token", ingressConfigured ? "Bad credentials" : "Unauthorized"],
      ['the token "undefined"', "undefined", "Unauthorized"],
      ["a token with a space", "two words", "Bad credentials"]
    ] as const
    for (const [what, token, wording] of refusals) {
      it.effect(`${what} is Unauthenticated for every operation, says what is accepted, and is not tried again`, () =>
        Effect.gen(function* () {
          const { emulator, make } = yield* engine({ switches: { ingressConfigured } })
          const store = yield* make({ apiKey: Redacted.make(token) })
          for (const [name, run] of operations) {
            emulator.requests.clear()
            const details: Array<unknown> = []
            emulator.answerNext(async ({ proceed }) => {
              const response = await proceed()
              details.push(await response.clone().json())
              return response
            })
            const error = yield* Effect.flip(run(store))
            assert.deepStrictEqual(details, [{ detail: wording }])
            assert.strictEqual(error.reason._tag, "Unauthenticated", name)
            assert.include(error.message, "admin key")
            assert.notInclude(wholeText(error), token === "undefined" ? "Bearer" : token)
            assert.lengthOf(emulator.requests.all, 1)
          }
        })
      )
    }

    it.effect("a key made through this API cannot manage keys, whatever its roles", () =>
      Effect.gen(function* () {
        const { make } = yield* engine({ switches: { ingressConfigured } })
        const { secret } = yield* (yield* make()).create({ scopes: ["ORG-ADMIN"] })
        const error = yield* Effect.flip(listed(yield* make({ apiKey: secret })))
        assert.strictEqual(error.reason._tag, "Unauthenticated")
        assert.include(error.message, "keys made through this API are refused")
      })
    )
  })
}

describe("an identity token", () => {
  const identified = Effect.fnUntraced(function* (roles: ReadonlyArray<string>, switches = {}) {
    const value = Emulators.makeJwt()
    const made = yield* engine({
      credentials: [{ kind: "jwt", value, roles }],
      switches: { ingressConfigured: true, ...switches }
    })
    made.emulator.seed({ id: keyId })
    return { ...made, store: yield* made.make({ apiKey: Redacted.make(value) }) }
  })

  it.effect("of an administrator may do everything, whatever the case of its role", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* identified(["org-admin"])
      for (const [, run] of operations) yield* run(store)
      assert.deepStrictEqual(statuses(emulator), [200, 200, 200, 204])
    })
  )

  it.effect("of an auditor reads, and is PermissionDenied where it writes", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* identified(["ORG-AUDITOR"])
      yield* store.get(ref(keyId))
      assert.lengthOf(yield* listed(store), 1)
      for (const error of [yield* Effect.flip(store.create({})), yield* Effect.flip(store.revoke(ref(keyId)))]) {
        assert.strictEqual(error.reason._tag, "PermissionDenied")
        assert.include(error.message, "ORG-ADMIN")
        assert.strictEqual(error.attempts, 1)
      }
      assert.deepStrictEqual(statuses(emulator), [200, 200, 403, 403])
    })
  )

  it.effect("of anyone else may not even read", () =>
    Effect.gen(function* () {
      const { store } = yield* identified(["TASK-ADMIN"])
      for (const [name, run] of operations) {
        assert.strictEqual((yield* Effect.flip(run(store))).reason._tag, "PermissionDenied", name)
      }
    })
  )

  it.effect("without the role and with a bad role in the body, the body is refused first", () =>
    Effect.gen(function* () {
      const { store } = yield* identified(["ORG-AUDITOR"])
      const error = yield* Effect.flip(store.create({ scopes: ["CHAT-USER"] }))
      assert.strictEqual(error.reason._tag, "InvalidRequest")
    })
  )

  it.effect("that the server cannot check is Unauthenticated, although the status is 500, and not tried again", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* identified(["ORG-ADMIN"], { jwks: "unreachable" })
      for (const [name, run] of operations) {
        emulator.requests.clear()
        const error = yield* Effect.flip(run(store))
        assert.strictEqual(error.reason._tag, "Unauthenticated", name)
        assert.deepStrictEqual(statuses(emulator), [500])
      }
    })
  )

  it.effect("that fails the server itself is an outage like any other", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* identified(["ORG-ADMIN"], { jwks: "unusable" })
      const error = yield* advancing(Effect.flip(listed(store)))
      assert.strictEqual(error.reason._tag, "Unavailable")
      assert.deepStrictEqual(statuses(emulator), [500, 500, 500, 500])
    })
  )
})

for (const [deployment, bundledUi] of deployments) {
  describe(`on a deployment ${deployment}`, () => {
    it.effect("every operation hits its route: exact slashes, no redirect", () =>
      Effect.gen(function* () {
        const { emulator, store } = yield* seeded({ switches: { bundledUi } })
        for (const [, run] of operations) yield* run(store)
        assert.deepStrictEqual(lines(emulator), [
          `POST ${keysPath}`,
          `GET ${keysPath}${keyId}`,
          `GET ${keysPath}`,
          `DELETE ${keysPath}deactivate/${keyId}`
        ])
        assert.deepStrictEqual(statuses(emulator), [200, 200, 200, 204])
      })
    )

    it.effect("a wrong path prefix is InvalidRequest for baseUrl, never a missing key", () =>
      Effect.gen(function* () {
        const { emulator, make } = yield* engine({ switches: { bundledUi } })
        const store = yield* make({ baseUrl: `${baseUrl}/api/v2` })
        for (const [name, run] of operations) {
          const error = yield* Effect.flip(run(store))
          assert.strictEqual(fieldOf(error), "baseUrl", name)
          assert.include(error.message, "prefix")
          assert.strictEqual(error.attempts, 1)
        }
        assert.deepStrictEqual(statuses(emulator), bundledUi ? [405, 404, 404, 405] : [404, 404, 404, 404])
      })
    )

    it.effect(
      "a proxy that changes the slash at the end is InvalidRequest for baseUrl, and no redirect is followed",
      () =>
        Effect.gen(function* () {
          const { emulator, master } = yield* engine({ switches: { bundledUi, redirectScheme: "http" } })
          const flipping: typeof globalThis.fetch = (input, init) => {
            const request = new Request(input, init)
            const url = request.url.endsWith("/") ? request.url.slice(0, -1) : `${request.url}/`
            const { headers, method, redirect, signal } = request
            return emulator.fetch(url, { headers, method, redirect, signal })
          }
          const store = yield* storeOver(flipping, { apiKey: Redacted.make(master), baseUrl: "https://engine.test" })
          for (const [name, run] of operations) {
            const error = yield* Effect.flip(run(store))
            assert.strictEqual(fieldOf(error), "baseUrl", name)
            assert.notInclude(wholeText(error), "http://engine.test")
          }
          assert.deepStrictEqual(statuses(emulator), bundledUi ? [405, 404, 404, 405] : [307, 307, 307, 307])
        })
    )
  })
}

describe("a database that is down", () => {
  it.effect("is Unavailable, and the password old servers put into the text is never kept", () =>
    toTheEnd(
      Effect.gen(function* () {
        const { emulator, make } = yield* engine({ switches: { database: "downAndLeaking" } })
        const store = yield* make()
        for (const [name, run] of operations) {
          const error = yield* Effect.flip(run(store))
          assert.strictEqual(error.reason._tag, name === "create" ? "OutcomeUnknown" : "Unavailable")
          for (const text of ["password", "postgresql"]) assert.notInclude(wholeText(error), text)
        }
        assert.strictEqual(emulator.requests.count("create"), 1, "nothing is made anew where nobody can look")
      })
    )
  )
})

describe("cookies", () => {
  it.effect("a cookie the server sets is not sent back, where it would hide the credential", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded()
      emulator.answerNext(async ({ proceed }) => {
        const response = await proceed()
        response.headers.append("set-cookie", "ACCESS_TOKEN=Bearer stale; Path=/")
        return response
      })
      yield* listed(store)
      yield* listed(store)
      assert.deepStrictEqual(statuses(emulator), [200, 200])
      for (const { headers } of emulator.requests.all) assert.isFalse(headers.some(([name]) => name === "cookie"))
    })
  )
})
