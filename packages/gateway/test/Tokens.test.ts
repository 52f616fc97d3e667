import { assert, describe, it } from "@effect/vitest"
import type * as Gateway from "@keyfold/gateway/Gateway"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from "jose"
import { make } from "./World.ts"

const issuer = "https://issuer.test"

const claims = { scope: "openid acme:list acme:create" }

const setUp = Effect.fnUntraced(function* (more: Partial<Gateway.Issuer> = {}) {
  const { privateKey, publicKey } = yield* Effect.promise(() => generateKeyPair("ES256", { extractable: true }))
  const jwk = yield* Effect.promise(() => exportJWK(publicKey))
  const jwks = { keys: [{ ...jwk, kid: "one", alg: "ES256" }] }
  const world = yield* make({ jwt: [{ issuer, audience: "keyfold", jwks, ...more }] })
  const sign = (
    payload: Record<string, unknown>,
    { audience = "keyfold", expires = 600, from = issuer, key = privateKey, subject = "ci" } = {}
  ) =>
    Effect.promise(() =>
      new SignJWT(payload)
        .setProtectedHeader({ alg: "ES256", kid: "one" })
        .setIssuer(from)
        .setAudience(audience)
        .setSubject(subject)
        .setExpirationTime(expires)
        .sign(key)
    )
  const status = (key: string) => Effect.map(world.ask("GET /v1/tenants/acme/keys", { key }), (answer) => answer.status)
  return { ...world, sign, status }
})

describe("a token", () => {
  it.effect("of a trusted issuer lets its subject in, with the grants of its claim", () =>
    Effect.gen(function* () {
      const { ask, audit, sign, status } = yield* setUp()
      const key = yield* sign(claims)
      assert.strictEqual(yield* status(key), 200)
      assert.strictEqual((yield* ask("GET /v1/tenants/acme/keys/x", { key })).status, 403)
      assert.strictEqual((yield* ask("POST /v1/tenants/acme/keys", { key, body: {} })).status, 201)
      const entries = yield* Stream.runCollect(audit.entries())
      assert.strictEqual(entries[0]?.actor, `jwt:${issuer}#ci`)
    }).pipe(Effect.scoped)
  )

  it.effect("for somebody else, of somebody else, unsigned or signed with another key lets nobody in", () =>
    Effect.gen(function* () {
      const { sign, status } = yield* setUp()
      const other = yield* Effect.promise(() => generateKeyPair("ES256"))
      const unsigned = new UnsecuredJWT(claims)
        .setIssuer(issuer)
        .setAudience("keyfold")
        .setSubject("ci")
        .setExpirationTime(600)
        .encode()
      const tokens = [
        yield* sign(claims, { audience: "other" }),
        yield* sign(claims, { from: "https://other.test" }),
        yield* sign(claims, { key: other.privateKey }),
        yield* sign(claims, { subject: "ci\nroot" }),
        `${unsigned}AA`,
        unsigned
      ]
      for (const token of tokens) assert.strictEqual(yield* status(token), 401)
    }).pipe(Effect.scoped)
  )

  it.effect("is good until it runs out, and so much longer as the clocks may be apart", () =>
    Effect.gen(function* () {
      const { sign, status } = yield* setUp({ clockTolerance: "10 seconds" })
      const key = yield* sign(claims, { expires: 60 })
      assert.strictEqual(yield* status(key), 200)
      yield* TestClock.adjust("69 seconds")
      assert.strictEqual(yield* status(key), 200)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* status(key), 401)
    }).pipe(Effect.scoped)
  )

  it.effect("with an algorithm that is not on the list lets nobody in", () =>
    Effect.gen(function* () {
      const { sign, status } = yield* setUp({ algorithms: ["RS256"] })
      assert.strictEqual(yield* status(yield* sign(claims)), 401)
    }).pipe(Effect.scoped)
  )

  it.effect("may have its grants in another claim, as a list", () =>
    Effect.gen(function* () {
      const { sign, status } = yield* setUp({ scopesClaim: "grants" })
      assert.strictEqual(yield* status(yield* sign({ grants: ["acme:list", 7] })), 200)
      assert.strictEqual(yield* status(yield* sign(claims)), 404)
    }).pipe(Effect.scoped)
  )

  it.effect("cannot be judged where the issuer's keys cannot be fetched, which is no refusal", () =>
    Effect.gen(function* () {
      const { sign, status } = yield* setUp({ jwks: "http://127.0.0.1:1/keys" })
      assert.strictEqual(yield* status(yield* sign(claims)), 503)
    }).pipe(Effect.scoped)
  )
})
