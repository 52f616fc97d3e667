import { assert, describe, it } from "@effect/vitest"
import { base, keysPath, makeArthur, unknownId } from "./ArthurEngine.ts"

const withoutUi = { switches: { bundledUi: false } }
const deactivate = `${keysPath}deactivate/${unknownId}`

describe("Arthur's routes without the bundled user interface", () => {
  it.each([
    ["GET", "/auth/api_keys", "/auth/api_keys/"],
    ["POST", "/auth/api_keys", "/auth/api_keys/"],
    ["DELETE", `${deactivate}/`, deactivate],
    ["GET", `${keysPath}${unknownId}/`, `${keysPath}${unknownId}`]
  ])("redirects %s %s with a 307, an empty body and an absolute Location", async (method, path, target) => {
    const answer = await makeArthur(withoutUi).call(method, path)
    assert.strictEqual(answer.status, 307)
    assert.strictEqual(answer.text, "")
    assert.strictEqual(answer.headers.get("location"), base + target)
  })

  it("redirects before it looks at any credential", async () => {
    assert.strictEqual((await makeArthur(withoutUi).send("GET", "/auth/api_keys")).status, 307)
  })

  it("keeps the query in the Location", async () => {
    const answer = await makeArthur(withoutUi).call("GET", "/auth/api_keys?page=2")
    assert.strictEqual(answer.headers.get("location"), `${base}/auth/api_keys/?page=2`)
  })

  it("names http in the Location when it does not trust its proxy", async () => {
    const { emulator } = makeArthur({ switches: { bundledUi: false, redirectScheme: "http" } })
    const response = await emulator.fetch("https://engine.test/auth/api_keys", { redirect: "manual" })
    assert.strictEqual(response.headers.get("location"), "http://engine.test/auth/api_keys/")
  })

  it("names the scheme it was called with otherwise", async () => {
    const { emulator } = makeArthur(withoutUi)
    const response = await emulator.fetch("https://engine.test/auth/api_keys", { redirect: "manual" })
    assert.strictEqual(response.headers.get("location"), "https://engine.test/auth/api_keys/")
  })

  it("answers 404 for a path that no slash mends", async () => {
    const answer = await makeArthur(withoutUi).call("DELETE", "/nowhere")
    assert.strictEqual(answer.status, 404)
    assert.strictEqual(answer.text, '{"detail":"Not Found"}')
  })
})

describe("Arthur's routes with the bundled user interface", () => {
  it("answers 404 to a GET without the slash", async () => {
    const answer = await makeArthur().call("GET", "/auth/api_keys")
    assert.strictEqual(answer.status, 404)
    assert.strictEqual(answer.text, '{"detail":"Not Found"}')
  })

  it.each([
    ["POST", "/auth/api_keys"],
    ["DELETE", `${deactivate}/`],
    ["DELETE", "/nowhere"]
  ])("answers 405 to %s %s", async (method, path) => {
    const answer = await makeArthur().call(method, path)
    assert.strictEqual(answer.status, 405)
    assert.strictEqual(answer.text, '{"detail":"Method Not Allowed"}')
  })

  it("is what an emulator emulates unless told otherwise", async () => {
    const { call, emulator } = makeArthur()
    assert.strictEqual((await call("GET", "/auth/api_keys")).status, 404)
    emulator.setSwitches({ bundledUi: false })
    assert.strictEqual((await call("GET", "/auth/api_keys")).status, 307)
  })
})

describe("Arthur's methods", () => {
  it.each([
    ["PUT", keysPath, "POST"],
    ["HEAD", keysPath, "POST"],
    ["DELETE", `${keysPath}${unknownId}`, "GET"],
    ["GET", deactivate, "DELETE"],
    ["POST", "/api/v2/tasks", "GET"]
  ])("does not route %s %s: 405 with Allow", async (method, path, allow) => {
    const answer = await makeArthur().call(method, path)
    assert.strictEqual(answer.status, 405)
    assert.strictEqual(answer.headers.get("allow"), allow)
  })

  it("says so in a string detail", async () => {
    assert.strictEqual((await makeArthur().call("PATCH", keysPath)).text, '{"detail":"Method Not Allowed"}')
  })

  it("takes the word deactivate for an id where an id belongs", async () => {
    assert.strictEqual((await makeArthur().call("GET", `${keysPath}deactivate`)).status, 400)
  })

  it("lets an encoded slash split a segment", async () => {
    assert.strictEqual((await makeArthur().call("GET", `${keysPath}a%2Fb`)).status, 404)
  })

  it("ignores any query", async () => {
    assert.strictEqual((await makeArthur().call("GET", `${keysPath}?page=2&page_size=1`)).text, "[]")
  })
})

describe("Arthur's answers", () => {
  it("sends JSON chunked and without length", async () => {
    const { headers } = await makeArthur().list()
    assert.strictEqual(headers.get("content-type"), "application/json")
    assert.strictEqual(headers.get("transfer-encoding"), "chunked")
    assert.isNull(headers.get("content-length"))
  })

  it("sends the date of emulator time", async () => {
    const { emulator, list } = makeArthur()
    emulator.clock.advance(1_000)
    assert.strictEqual((await list()).headers.get("date"), "Sat, 14 Mar 2026 09:26:54 GMT")
  })

  it("varies by origin when there is one", async () => {
    const { call } = makeArthur()
    assert.strictEqual(
      (await call("GET", keysPath, undefined, { Origin: "http://a.test" })).headers.get("vary"),
      "Origin"
    )
    assert.isNull((await call("GET", keysPath)).headers.get("vary"))
  })
})
