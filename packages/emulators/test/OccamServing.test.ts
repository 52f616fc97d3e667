import { assert, describe, it } from "@effect/vitest"
import { base, makeOccam, unknownId } from "./OccamServer.ts"

const json = { "Content-Type": "application/json" }

describe("Occam's routes", () => {
  it.each([
    ["GET", "/keys", "/keys/"],
    ["PUT", "/keys", "/keys/"],
    ["DELETE", `/keys/${unknownId}/`, `/keys/${unknownId}`],
    ["GET", `/keys/${unknownId}/usage/`, `/keys/${unknownId}/usage`]
  ])("redirects %s %s before it looks at any credential", async (method, path, target) => {
    const answer = await makeOccam().send(method, path)
    assert.strictEqual(answer.status, 307)
    assert.strictEqual(answer.text, "")
    assert.strictEqual(answer.headers.get("location"), base + target)
  })

  it("repeats a key of the query in the Location", async () => {
    const answer = await makeOccam().send("GET", "/auth/access-token/?key=canary-key")
    assert.strictEqual(answer.headers.get("location"), `${base}/auth/access-token?key=canary-key`)
  })

  it("may name http in the Location", async () => {
    const { emulator } = makeOccam({ switches: { redirectScheme: "http" } })
    const response = await emulator.fetch("https://occam.test/keys", { redirect: "manual" })
    assert.strictEqual(response.headers.get("location"), "http://occam.test/keys/")
  })

  it("may answer 404 to a wrong slash", async () => {
    const answer = await makeOccam({ switches: { wrongSlash: "notFound" } }).send("GET", "/keys")
    assert.strictEqual(answer.status, 404)
    assert.strictEqual(answer.text, '{"detail":"Not Found"}')
  })

  it("answers 404 to a path that does not exist", async () => {
    assert.strictEqual((await makeOccam().send("GET", "/agents")).text, '{"detail":"Not Found"}')
  })

  it.each([
    ["POST", "/keys/", "PUT"],
    ["DELETE", "/keys/", "PUT"],
    ["GET", `/keys/${unknownId}`, "DELETE"],
    ["PUT", "/auth/access-token", "POST"]
  ])("does not route %s %s: 405 with Allow", async (method, path, allow) => {
    const answer = await makeOccam().send(method, path)
    assert.strictEqual(answer.status, 405)
    assert.strictEqual(answer.text, '{"detail":"Method Not Allowed"}')
    assert.strictEqual(answer.headers.get("allow"), allow)
  })

  it("refuses a host that is not allowed in plain text, before anything else", async () => {
    const { emulator } = makeOccam({ allowedHosts: ["api.occam.test"] })
    const refused = await emulator.fetch(`${base}/keys/`)
    assert.strictEqual(refused.status, 400)
    assert.strictEqual(refused.headers.get("content-type"), "text/plain; charset=utf-8")
    assert.strictEqual(await refused.text(), "Invalid host header")
    assert.strictEqual((await emulator.fetch("https://api.occam.test:8443/keys/")).status, 401)
  })
})

describe("validation on Occam", () => {
  it.each([
    [{}, { type: "missing", loc: ["body", "name"], msg: "Field required", input: {} }],
    [{ name: 5 }, { type: "string_type", loc: ["body", "name"], msg: "Input should be a valid string", input: 5 }],
    [
      { name: null },
      { type: "string_type", loc: ["body", "name"], msg: "Input should be a valid string", input: null }
    ],
    [null, { type: "missing", loc: ["body"], msg: "Field required", input: null }]
  ])("answers 422 and an array to the body %j", async (body, complaint) => {
    const answer = await makeOccam().call("PUT", "/keys/", body)
    assert.strictEqual(answer.status, 422)
    assert.deepStrictEqual<unknown>(answer.json.detail, [complaint])
  })

  it("answers 422 to a body that is missing", async () => {
    const answer = await makeOccam().call("PUT", "/keys/")
    assert.deepStrictEqual<unknown>(answer.json.detail, [
      { type: "missing", loc: ["body"], msg: "Field required", input: null }
    ])
  })

  it("answers 422 to a body that is no object", async () => {
    const answer = await makeOccam().call("PUT", "/keys/", ["a"])
    assert.include(answer.text, '"type":"model_attributes_type","loc":["body"]')
  })

  it("may answer the documented members only", async () => {
    const answer = await makeOccam({ switches: { validationMembers: "documented" } }).create(5)
    assert.deepStrictEqual<unknown>(answer.json.detail, [
      { loc: ["body", "name"], msg: "Input should be a valid string", type: "string_type" }
    ])
  })

  it("may add a url", async () => {
    assert.match((await makeOccam({ switches: { validationMembers: "url" } }).create(5)).text, /"url":"https:/)
  })

  it("answers 422 to broken JSON before it misses a token", async () => {
    const answer = await makeOccam().send("PUT", "/keys/", json, "{")
    assert.strictEqual(answer.status, 422)
    assert.include(answer.text, '"type":"json_invalid"')
  })

  it("misses a token before it validates JSON that parses", async () => {
    assert.strictEqual((await makeOccam().send("PUT", "/keys/", json, "{}")).status, 401)
  })

  it.each([
    [false, 200],
    [true, 422]
  ])("parses a body without a content type unless strict: %s is %d", async (strictContentType, status) => {
    const { exchange, send } = makeOccam({ switches: { strictContentType } })
    const headers = { Authorization: `Bearer ${(await exchange()).json.access_token}` }
    const answer = await send("PUT", "/keys/", headers, new TextEncoder().encode('{"name":"a"}'))
    assert.strictEqual(answer.status, status)
  })

  it("echoes a body of another type as text", async () => {
    const { exchange, send } = makeOccam()
    const headers = { Authorization: `Bearer ${(await exchange()).json.access_token}`, "Content-Type": "text/plain" }
    assert.include((await send("PUT", "/keys/", headers, "canary")).text, '"input":"canary"')
  })
})

describe("lag on Occam", () => {
  it("is none by default", () => {
    assert.deepStrictEqual(makeOccam().emulator.lag, { visibility: 0, revocation: 0, authentication: 0 })
  })

  it("hides a new key from list and usage for as long as asked", async () => {
    const { create, emulator, items, usage } = makeOccam({ lag: { visibility: 1_000 } })
    const { uuid } = (await create()).json
    assert.lengthOf(await items(), 0)
    assert.strictEqual((await usage(uuid)).status, 404)
    emulator.clock.advance(1_000)
    assert.lengthOf(await items(), 1)
    assert.strictEqual((await usage(uuid)).status, 200)
  })

  it("lists a deleted key for as long as asked", async () => {
    const { create, emulator, items, revoke } = makeOccam({ lag: { revocation: 1_000 } })
    await revoke((await create()).json.uuid)
    assert.lengthOf(await items(), 1)
    emulator.clock.advance(1_000)
    assert.lengthOf(await items(), 0)
  })

  it("does not list a deleted key again for deleting it again", async () => {
    const { create, emulator, items, revoke } = makeOccam({
      lag: { revocation: 1_000 },
      switches: { repeatedDelete: 200 }
    })
    const { uuid } = (await create()).json
    await revoke(uuid)
    emulator.clock.advance(1_000)
    await revoke(uuid)
    assert.lengthOf(await items(), 0)
  })

  it("exchanges a key late and a deleted one still for as long as asked", async () => {
    const { create, emulator, revoke } = makeOccam({ lag: { authentication: 1_000 } })
    const { api_key, uuid } = (await create()).json
    assert.isFalse(emulator.accepts(api_key))
    emulator.clock.advance(1_000)
    assert.isTrue(emulator.accepts(api_key))
    await revoke(uuid)
    assert.isTrue(emulator.accepts(api_key))
    emulator.clock.advance(1_000)
    assert.isFalse(emulator.accepts(api_key))
  })
})
