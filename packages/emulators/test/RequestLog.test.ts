import { assert, describe, it } from "@effect/vitest"
import * as WhyLabs from "@keyfold/emulators/WhyLabs"
import { keysPath, makeSongbird, start } from "./Songbird.ts"

describe("the request log", () => {
  it("records what was sent, in order, with status, operation and caller", async () => {
    const { create, emulator, list, system } = makeSongbird()
    await create("user_id=u&scopes=%3Auser&scopes=%3Aadministrator")
    await list()
    const [first, second] = emulator.requests.all
    assert.strictEqual(first?.sequence, 1)
    assert.strictEqual(first?.time, start)
    assert.strictEqual(first?.method, "POST")
    assert.strictEqual(first?.path, keysPath)
    assert.deepStrictEqual(first?.query, [
      ["user_id", "u"],
      ["scopes", ":user"],
      ["scopes", ":administrator"]
    ])
    assert.deepStrictEqual(first?.headers, [
      ["accept", "application/json"],
      ["x-api-key", "<masked>"]
    ])
    assert.notProperty(first, "body")
    assert.strictEqual(first?.operation, "create")
    assert.strictEqual(first?.caller, system.slice(0, 10))
    assert.isTrue(first?.handled)
    assert.strictEqual(first?.status, 200)
    assert.strictEqual(first?.outcome, "answered")
    assert.strictEqual(second?.operation, "list")
  })

  it("counts by operation and clears", async () => {
    const { call, create, emulator, list } = makeSongbird()
    await create("user_id=u")
    await list()
    await call("GET", "/nowhere")
    assert.strictEqual(emulator.requests.count(), 3)
    assert.strictEqual(emulator.requests.count("list"), 1)
    assert.notProperty(emulator.requests.all[2], "operation")
    emulator.requests.clear()
    assert.deepStrictEqual(emulator.requests.all, [])
    await list()
    assert.strictEqual(emulator.requests.all[0]?.sequence, 4)
  })

  it("names no caller for a request that authentication refused", async () => {
    const { emulator, send } = makeSongbird()
    await send("GET", keysPath, { "X-API-Key": WhyLabs.makeCredential() })
    assert.notProperty(emulator.requests.all[0], "caller")
    assert.strictEqual(emulator.requests.all[0]?.status, 403)
  })

  it("gives copies that later requests do not change", async () => {
    const { emulator, list } = makeSongbird()
    emulator.delayNext(60_000)
    const pending = list()
    const before = emulator.requests.all
    emulator.clock.advance(60_000)
    await pending
    assert.strictEqual(before[0]?.outcome, "pending")
    assert.strictEqual(emulator.requests.all[0]?.outcome, "answered")
  })

  it("keeps the body as text", async () => {
    const { emulator, send, system } = makeSongbird()
    await send("POST", keysPath, { "X-API-Key": system }, '{"a":1}')
    assert.strictEqual(emulator.requests.all[0]?.body, '{"a":1}')
  })

  it("never shows a credential or an issued secret, wherever it is sent", async () => {
    const { create, emulator, send, system } = makeSongbird()
    const issued: string = (await create("user_id=u")).json.key
    const aws = JSON.stringify({
      AccessKeyId: "ASIA",
      SecretAccessKey: "aws-secret-canary",
      SessionToken: "aws-token-canary"
    })
    const odd = "an odd credential/with a canary"
    for (const secret of [system, issued, aws, odd, "aws-secret-canary", "aws-token-canary"]) {
      const encoded = encodeURIComponent(secret)
      const headers = { "X-API-Key": secret, "X-Note": `note ${secret}` }
      await send("POST", `/v0/${encoded}?${encoded}=${encoded}`, headers, `body ${secret} ${encoded}`)
      await send("GET", keysPath, {
        Authorization: `Bearer ${secret}`,
        Cookie: `X-API-Key=${secret}`,
        "X-Note": secret
      })
    }
    const log = JSON.stringify(emulator.requests.all)
    const fragments = [system.slice(11, 64), issued.slice(11, 64), "canary"]
    for (const fragment of fragments) assert.notInclude(log, fragment)
    assert.include(log, "<masked>")
  })

  it("keeps the newest 10,000 requests", async () => {
    const { emulator, send } = makeSongbird()
    for (let times = 0; times < 10_001; times++) await send("GET", "/nowhere")
    assert.strictEqual(emulator.requests.count(), 10_000)
    assert.strictEqual(emulator.requests.all[0]?.sequence, 2)
  })
})
