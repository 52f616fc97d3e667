import { assert, describe, it } from "@effect/vitest"
import * as DialectWhyLabs from "@keyfold/gateway/DialectWhyLabs"
import * as Effect from "effect/Effect"
import { account, makeHost, root } from "./DialectHost.ts"
import { keys, options, organization, speaking } from "./DialectWhyLabsWorld.ts"

describe("v1 of the WhyLabs dialect", () => {
  const [ann, bob] = [account("ann", "acme:*"), account("bob", "acme:*")]
  const two = { accounts: [root, ann, bob] }

  it.effect("makes keys of the caller's own, which no other caller can revoke", () =>
    Effect.gen(function* () {
      const { call } = yield* speaking(two)
      const asAnn = { "x-api-key": ann.secret }
      const made = (yield* call("POST", "/v1/api-key?alias=mine&scopes=:user", asAnn)).json()
      assert.deepInclude(made, { userId: "ann", orgId: organization })
      const revocation = `/v1/api-key?key_id=${made.keyId}`
      assert.strictEqual((yield* call("DELETE", revocation, { "x-api-key": bob.secret })).status, 404)
      const items = (yield* call("GET", "/v1/api-key", asAnn)).json().items
      const { key: _key, revoked: _revoked, ...shown } = made
      assert.deepStrictEqual(items, [shown])
      assert.strictEqual((yield* call("DELETE", revocation, asAnn)).json().revoked, true)
    })
  )

  it.effect("lets nobody in who has no grant for it", () =>
    Effect.gen(function* () {
      const reader = account("reader", "acme:list", "other:*")
      const { call, host } = yield* speaking({ accounts: [reader] })
      const asReader = { "x-api-key": reader.secret }
      assert.strictEqual((yield* call("POST", "/v1/api-key", asReader)).status, 403)
      assert.strictEqual((yield* call("DELETE", "/v1/api-key?key_id=x", asReader)).status, 403)
      assert.lengthOf(host.calls, 0)
      assert.strictEqual((yield* call("GET", "/v1/api-key", asReader)).status, 200)
    })
  )

  it.effect("takes no internal scope and no resource", () =>
    Effect.gen(function* () {
      const { call } = yield* speaking()
      for (const query of ["scopes=:whylabs_system", "resource_id=model-1"]) {
        const answer = yield* call("POST", `/v1/api-key?${query}`)
        assert.deepStrictEqual([answer.status, answer.json().type], [400, "IllegalArgument"])
      }
    })
  )

  it.effect("needs to know which organization is meant", () =>
    Effect.gen(function* () {
      const { call } = yield* speaking({ options: { organizations: { [organization]: "acme", "org-other": "other" } } })
      assert.strictEqual((yield* call("GET", "/v1/api-key")).status, 403)
      const named = yield* call("GET", "/v1/api-key", { "x-whylabs-organization": "org-other" })
      assert.strictEqual(named.status, 200)
      assert.strictEqual((yield* call("GET", "/v1/api-key", { "x-whylabs-organization": "org-else" })).status, 403)
    })
  )

  it.effect("validates keys of the store and of the gateway", () =>
    Effect.gen(function* () {
      const { call } = yield* speaking()
      const { key, keyId } = (yield* call("POST", `${keys}?user_id=ann`)).json()
      const validate = (secret: string) => call("GET", "/v1/api-key/validate", { "x-api-key": secret })
      assert.strictEqual((yield* validate(key)).status, 200)
      assert.strictEqual((yield* validate(root.secret)).status, 200)
      yield* call("DELETE", `${keys}?user_id=ann&key_id=${keyId}`)
      assert.deepStrictEqual([(yield* validate(key)).status, (yield* validate(key)).text], [403, ""])
    })
  )
})

describe("the options of the WhyLabs dialect", () => {
  it.effect("refuses what cannot work, by the name of the field", () =>
    Effect.gen(function* () {
      const host = makeHost({})
      for (const [wrong, field] of [
        [{ organizations: {} }, "dialects.whylabs.organizations"],
        [{ organizations: { "a/b": "acme" } }, "dialects.whylabs.organizations"],
        [{ scopes: { user: "read" } }, "dialects.whylabs.scopes.user"],
        [{ scopes: { ":user": "a", ":administrator": "a" } }, "dialects.whylabs.scopes.:administrator"],
        [{ scopes: { ":user": "a" }, defaultScopes: [":administrator"] }, "dialects.whylabs.defaultScopes"]
      ] as const) {
        const error = yield* Effect.flip(DialectWhyLabs.make({ ...options, ...wrong }, host))
        assert.strictEqual(error.field, field)
        assert.isString(error.fix)
      }
      assert.strictEqual((yield* DialectWhyLabs.make(options, host)).path, "/whylabs")
    })
  )
})
