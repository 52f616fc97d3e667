/** Verifying by the token exchange: only where asked for, and only a recognised refusal is "not valid". */
import { assert, describe, it } from "@effect/vitest"
import { KeyId } from "@keyfold/core/ApiKey"
import type { OccamEmulator, Switches } from "@keyfold/emulators/Occam"
import * as Emulators from "@keyfold/emulators/Occam"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { advancing, email, host, lines, sent } from "./OccamHost.ts"

const opted = Effect.fnUntraced(function* (switches: Partial<Switches> = {}) {
  const { byKey, emulator } = yield* host({ switches })
  const value = Emulators.makeCredential()
  const [key] = emulator.seed({ email, name: "presented", value })
  return {
    emulator,
    store: yield* byKey({ verifyByTokenExchange: true }),
    secret: Redacted.make(value),
    id: key?.id ?? ""
  }
})

const json = (status: number, body: unknown) => ({
  status,
  body: JSON.stringify(body),
  contentType: "application/json"
})
const plain = (status: number, body: string) => ({ status, body, contentType: "text/plain; charset=utf-8" })

describe("verify by default", () => {
  it.effect("is Unsupported, and nothing is sent", () =>
    Effect.gen(function* () {
      const { byKey, emulator } = yield* host()
      for (const store of [yield* byKey(), yield* byKey({ verifyByTokenExchange: false })]) {
        assert.strictEqual(store.capabilities.operations.verify, "unsupported")
        const error = yield* Effect.flip(store.verify(Redacted.make(Emulators.makeCredential())))
        assert.strictEqual(error.reason._tag === "Unsupported" ? error.reason.capability : error.reason._tag, "verify")
        assert.strictEqual(error.attempts, 0)
      }
      assert.strictEqual(emulator.requests.count(), 0)
    })
  )
})

describe("verify where it was asked for", () => {
  it.effect("says valid after one exchange of the presented secret, with nothing of the store's own", () =>
    Effect.gen(function* () {
      const { emulator, secret, store } = yield* opted()
      assert.strictEqual(store.capabilities.operations.verify, "native")
      assert.deepStrictEqual(yield* store.verify(secret), { valid: true })
      assert.deepStrictEqual(lines(emulator), ["GET /auth/access-token"])
      assert.isFalse(new Map(emulator.requests.all[0]?.headers).has("authorization"))
    })
  )

  it.effect("throws the token away: the store goes on with its own", () =>
    Effect.gen(function* () {
      const { emulator, secret, store } = yield* opted()
      yield* store.verify(secret)
      yield* store.create({ name: "one" })
      assert.deepStrictEqual(sent(emulator), ["exchange", "exchange", "create"])
    })
  )

  it.effect("counts as a use of the key where the server counts exchanges", () =>
    Effect.gen(function* () {
      const { emulator, id, secret, store } = yield* opted()
      yield* store.verify(secret)
      assert.isDefined(emulator.keys().find((key) => key.id === id)?.lastUsed)
    })
  )

  for (const badKeyStatus of [400, 401, 404] as const) {
    it.effect(`says refused for an unknown or revoked key, answered ${badKeyStatus}`, () =>
      Effect.gen(function* () {
        const { emulator, id, secret, store } = yield* opted({ badKeyStatus })
        const unknown = Redacted.make(Emulators.makeCredential())
        assert.deepStrictEqual(yield* store.verify(unknown), { valid: false, reason: "refused" })
        yield* store.revoke({ id: KeyId.make(id) })
        assert.deepStrictEqual(yield* store.verify(secret), { valid: false, reason: "refused" })
        assert.deepStrictEqual(sent(emulator), ["exchange", "exchange", "revoke", "exchange"])
      })
    )
  }

  it.effect("sends a secret of any characters as one parameter", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* opted()
      for (const text of ["a&key=b", "a+b c", "größe", "x#y", "line\nbreak"]) {
        assert.deepStrictEqual(yield* store.verify(Redacted.make(text)), { valid: false, reason: "refused" })
      }
      for (const { query } of emulator.requests.all) assert.deepStrictEqual(query, [["key", "<masked>"]])
    })
  )
})

describe("verify is an error, never valid: false, after", () => {
  const errs = (title: string, tag: string, intervene: (emulator: OccamEmulator) => void, exchanges = 1) =>
    it.effect(title, () =>
      Effect.gen(function* () {
        const { emulator, secret, store } = yield* opted()
        intervene(emulator)
        const error = yield* advancing(Effect.flip(store.verify(secret)), 500)
        assert.strictEqual(error.reason._tag, tag)
        assert.strictEqual(error.operation, "verify")
        assert.strictEqual(emulator.requests.count("exchange"), exchanges)
      })
    )
  const answering = (failure: Parameters<OccamEmulator["failNext"]>[0]) => (emulator: OccamEmulator) =>
    emulator.failNext(failure, { count: 4 })

  errs("a plain-text 400, which is about the host", "InvalidRequest", answering(plain(400, "Invalid host header")))
  errs("a 401 of a proxy", "Unauthenticated", answering(plain(401, "<html>Sign in</html>")))
  errs("a 401 without body", "Unauthenticated", answering({ status: 401 }))
  errs("a 403", "PermissionDenied", answering(json(403, { detail: "Not enough permissions" })))
  errs("a 404 of a missing route", "InvalidRequest", answering(json(404, { detail: "Not Found" })))
  errs("a 404 of a proxy", "InvalidRequest", answering(plain(404, "no such page")))
  errs(
    "a 422",
    "InvalidRequest",
    answering(json(422, { detail: [{ loc: ["query", "key"], msg: "x", type: "missing" }] }))
  )
  errs("a 307", "InvalidRequest", answering({ status: 307, headers: { location: "https://elsewhere.test/" } }))
  errs("a 429", "RateLimited", answering({ status: 429 }), 4)
  errs("a plain-text 500", "Unavailable", answering(plain(500, "Internal Server Error")), 4)
  errs("a 503", "Unavailable", answering({ status: 503 }), 4)
  errs("a lost connection", "Network", answering({ network: "reset" }), 4)
  errs("silence", "Timeout", (emulator) => emulator.hangNext({ count: 4 }), 4)
  errs("a page under 200", "InvalidResponse", (emulator) => emulator.garbleNext("html"))
  errs("a 200 without a token", "InvalidResponse", answering(json(200, { access_token: "" })))
})
