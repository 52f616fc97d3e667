import { assert, describe, it } from "@effect/vitest"
import { keysPath, makeSongbird, start } from "./Songbird.ts"

describe("WhyLabs routing", () => {
  const unroutable: ReadonlyArray<readonly [string, string, Record<string, string>]> = [
    ["PUT", keysPath, {}],
    ["GET", "/v0/organizations//api-key", {}],
    ["GET", `/prefix${keysPath}`, {}],
    ["GET", "/v0/organizations/a+b/api-key", {}],
    ["GET", `${keysPath}/one/two`, {}],
    ["DELETE", `${keysPath}/aaaaaaaaaa`, {}],
    ["POST", `${keysPath}?user_id=u`, { "Content-Type": "application/x-www-form-urlencoded" }],
    ["DELETE", `${keysPath}?user_id=u&key_id=k`, { "Content-Type": "text/plain" }],
    ["GET", keysPath, { Accept: "application/*" }],
    ["GET", keysPath, { Accept: "text/html" }]
  ]

  it.each(unroutable)("answers %s %s %o with an empty 404 when a key is sent", async (method, path, headers) => {
    const { call } = makeSongbird()
    const answer = await call(method, path, headers)
    assert.strictEqual(answer.status, 404)
    assert.strictEqual(answer.text, "")
    assert.isNull(answer.headers.get("content-type"))
  })

  it("answers an unroutable request with 401 when no key header is sent, and 404 to any key, good or bad", async () => {
    const { send } = makeSongbird()
    assert.strictEqual((await send("GET", "/nowhere")).status, 401)
    assert.strictEqual((await send("GET", "/nowhere", { "X-API-Key": "bad" })).status, 404)
  })

  it("answers an unroutable request as the switch says", async () => {
    const { call } = makeSongbird({ switches: { unroutable: 403 } })
    assert.strictEqual((await call("GET", "/nowhere")).status, 403)
  })

  it("routes with JSON or no Content-Type, and with JSON, */* or no Accept", async () => {
    const { send, system } = makeSongbird()
    const status = async (headers: Record<string, string>) =>
      (await send("POST", `${keysPath}?user_id=u`, { "X-API-Key": system, ...headers })).status
    assert.strictEqual(await status({}), 200)
    assert.strictEqual(await status({ "Content-Type": "application/json; charset=utf-8", Accept: "*/*" }), 200)
    assert.strictEqual(await status({ Accept: "text/plain, application/json;q=0.9" }), 200)
  })

  it("does not route a text body that fetch labels text/plain by itself", async () => {
    const { send, system } = makeSongbird()
    assert.strictEqual((await send("POST", `${keysPath}?user_id=u`, { "X-API-Key": system }, "{}")).status, 404)
  })

  it("strips exactly one trailing slash", async () => {
    const { call } = makeSongbird()
    assert.strictEqual((await call("POST", `${keysPath}/?user_id=u`)).status, 200)
    assert.strictEqual((await call("GET", `${keysPath}//`)).status, 404)
  })

  it("takes every origin", async () => {
    const { emulator, system } = makeSongbird()
    const request = new Request(new URL(keysPath, "https://api.example:8443"), { headers: { "X-API-Key": system } })
    assert.strictEqual((await emulator.fetch(request)).status, 200)
  })
})

describe("WhyLabs response headers", () => {
  it("echoes X-Request-Id and repeats it in body A", async () => {
    const { call } = makeSongbird()
    const answer = await call("DELETE", `${keysPath}?user_id=u&key_id=k`, { "X-Request-Id": "mine-1" })
    assert.strictEqual(answer.headers.get("x-request-id"), "mine-1")
    assert.strictEqual(answer.json.requestId, "mine-1")
  })

  it("makes a UUID when no request id is sent", async () => {
    const { headers } = await makeSongbird().list()
    assert.match(
      headers.get("x-request-id") ?? "",
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
    )
  })

  it("adds the same four headers to every answer, errors included", async () => {
    const { call, send } = makeSongbird()
    for (const { headers } of [await call("GET", keysPath), await send("GET", keysPath), await call("GET", "/x")]) {
      assert.isNotNull(headers.get("x-request-id"))
      assert.strictEqual(headers.get("access-control-allow-origin"), "*")
      assert.match(headers.get("strict-transport-security") ?? "", /^max-age=\d+/)
      assert.strictEqual(headers.get("date"), new Date(start).toUTCString())
    }
  })
})
