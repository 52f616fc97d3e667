import { assert, describe, it } from "@effect/vitest"
import * as WhyLabs from "@keyfold/emulators/WhyLabs"
import { makeSongbird, organization, start } from "./Songbird.ts"

const setup = (scopes: ReadonlyArray<string> = [":administrator"], id = organization) => {
  const value = WhyLabs.makeCredential(id)
  const songbird = makeSongbird({ credentials: [{ kind: "caller", value, organization: id, scopes }] })
  const ask = (method: string, rest = "", headers: Record<string, string> = {}) =>
    songbird.send(method, `/v1/api-key${rest}`, { "X-API-Key": value, Accept: "application/json", ...headers })
  return { ...songbird, value, callerId: value.slice(0, 10), ask }
}

describe("WhyLabs v1", () => {
  it("creates for the caller's organization, owned by the calling key's id", async () => {
    const { ask, callerId } = setup()
    const { json, status } = await ask("POST", "?alias=a&scopes=:user&resource_id=model-1")
    assert.strictEqual(status, 200)
    assert.match(json.key, /^[A-Za-z0-9]{10}\.[A-Za-z0-9]{53}:org-7Kd3mQ$/)
    assert.strictEqual(json.orgId, organization)
    assert.strictEqual(json.userId, callerId)
    assert.strictEqual(json.resourceId, "model-1")
  })

  it("lists every unrevoked key of the organization with five fields at most", async () => {
    const { ask, callerId, emulator } = setup()
    emulator.seed(
      { organization, userId: "u", keyId: "aaaaaaaaa1", alias: "a", scopes: [":user"], expirationTime: start },
      { organization, userId: "u", keyId: "aaaaaaaaa2", revoked: true }
    )
    const { json } = await ask("GET")
    assert.sameMembers(
      json.items.map((item: { readonly keyId: string }) => item.keyId),
      [callerId, "aaaaaaaaa1"]
    )
    assert.deepInclude<unknown>([...json.items], {
      keyId: "aaaaaaaaa1",
      orgId: organization,
      expirationTime: "2026-03-14T09:26:53.58",
      scopes: [":user"],
      alias: "a"
    })
  })

  it("revokes the caller's own creations only", async () => {
    const { ask, emulator, settle } = setup()
    emulator.seed({ organization, userId: "someone", keyId: "aaaaaaaaa1" })
    const { keyId } = (await ask("POST")).json
    settle()
    const foreign = await ask("DELETE", "?key_id=aaaaaaaaa1")
    assert.strictEqual(foreign.status, 404)
    assert.strictEqual(foreign.json.message, "Resource ApiKey with ID aaaaaaaaa1 not found.")
    const own = await ask("DELETE", `?key_id=${keyId}`)
    assert.strictEqual(own.status, 200)
    assert.isTrue(own.json.revoked)
    assert.notProperty(own.json, "key")
    assert.strictEqual((await ask("DELETE")).status, 400)
  })

  it("refuses creates for an organization that pays nothing", async () => {
    const { ask } = setup([":administrator"], "org-free")
    const { json, status } = await ask("POST")
    assert.strictEqual(status, 400)
    assert.match(json.message, /^Cannot create API keys for this organization/)
    assert.strictEqual(json.type, "IllegalArgument")
  })

  it("takes the ten external scopes and applies the 60-second rule", async () => {
    const { ask } = setup()
    assert.strictEqual(
      (await ask("POST", "?scopes=:whylabs_system")).json.message,
      "Invalid scope provided: :whylabs_system"
    )
    assert.strictEqual((await ask("POST", `?expiration_time=${start}`)).json.message, "Invalid expiration time")
    assert.strictEqual((await ask("POST", "?expiration_time=soon")).json._embedded.errors[0]?.path, "/expiration_time")
  })

  it("refuses a resource the organization does not have, when its resources are given", async () => {
    const { ask, emulator } = setup()
    emulator.setOrganization({ id: organization, tier: "PAID", resources: ["model-1"] })
    assert.strictEqual((await ask("POST", "?resource_id=model-1")).status, 200)
    assert.strictEqual((await ask("POST", "?resource_id=model-2")).status, 404)
  })

  it("needs an administrator for all but validate", async () => {
    for (const [scope, status] of [
      [":user", 403],
      [":account_administrator", 200]
    ] as const) {
      const { ask } = setup([scope])
      assert.strictEqual((await ask("GET")).status, status)
      assert.strictEqual((await ask("POST")).status, status)
      assert.strictEqual((await ask("GET", "/validate")).status, 200)
    }
  })

  it("validates a key with 200, an invalid one with an empty 403 and no key with 401", async () => {
    const { ask, send } = setup([])
    const valid = await ask("GET", "/validate", { "X-Request-Id": "r-1" })
    assert.deepStrictEqual<unknown>(valid.json, { requestId: "r-1" })
    const invalid = await send("GET", "/v1/api-key/validate", { "X-API-Key": WhyLabs.makeCredential() })
    assert.strictEqual(invalid.status, 403)
    assert.strictEqual(invalid.text, "")
    assert.strictEqual((await send("GET", "/v1/api-key/validate")).status, 401)
  })

  it("refuses a customer that names another organization, and lets a super-administrator name one", async () => {
    const { ask, call } = setup()
    assert.strictEqual((await ask("GET", "", { "X-WHYLABS-ORGANIZATION": "org-free" })).status, 403)
    const created = await call("POST", "/v1/api-key?alias=a", { "X-WHYLABS-ORGANIZATION": organization })
    assert.strictEqual(created.json.orgId, organization)
    assert.strictEqual((await call("GET", "/v1/api-key")).status, 400)
  })

  it("has no get by id", async () => {
    assert.strictEqual((await setup().ask("GET", "/aaaaaaaaa1")).status, 404)
  })
})
