import { assert, describe, it } from "@effect/vitest"
import * as WhyLabs from "@keyfold/emulators/WhyLabs"
import { keysPath, makeSongbird, organization, start } from "./Songbird.ts"

const identity = (token: string) =>
  JSON.stringify({ AccessKeyId: "ASIAEXAMPLE", SecretAccessKey: "aws-secret-value", SessionToken: token })

const caller = (scopes: ReadonlyArray<string>, id = organization, more = {}) => {
  const value = WhyLabs.makeCredential(id)
  return { value, credential: { kind: "caller", value, organization: id, scopes, ...more } as const }
}

describe("WhyLabs authentication", () => {
  it("answers 401 with an empty body, no Content-Type and no WWW-Authenticate when no key is sent", async () => {
    const { send } = makeSongbird()
    const { headers, status, text } = await send("GET", keysPath)
    assert.strictEqual(status, 401)
    assert.strictEqual(text, "")
    assert.isNull(headers.get("content-type"))
    assert.isNull(headers.get("www-authenticate"))
  })

  it("answers one and the same empty 403 to every credential it refuses", async () => {
    const expired = caller([":whylabs_system"], "0", { expirationTime: start - 1 })
    const weak = caller([":administrator"])
    const foreign = caller([":whylabs_system"])
    const halfInternal = caller([":whylabs_administrator"], "0")
    const parties = [expired, weak, foreign, halfInternal]
    const { emulator, send, system } = makeSongbird({ credentials: parties.map((party) => party.credential) })
    const revoked = WhyLabs.makeCredential()
    emulator.seed({ organization: "0", userId: "u", value: revoked, scopes: [":whylabs_system"], revoked: true })
    const values = [
      "",
      "short",
      WhyLabs.makeCredential(),
      `Bearer ${system}`,
      `${system}:extra`,
      system.slice(0, 63),
      "{not json}",
      identity("t"),
      revoked,
      ...parties.map((party) => party.value)
    ]
    for (const value of values) {
      const { headers, status, text } = await send("GET", keysPath, { "X-API-Key": value })
      assert.strictEqual(status, 403)
      assert.strictEqual(text, "")
      assert.isNull(headers.get("content-type"))
    }
  })

  it("takes the key bare or with any organization behind one colon", async () => {
    const { send, system } = makeSongbird()
    const bare = system.slice(0, 64)
    for (const value of [system, bare, `${bare}:org-whatever`, `${bare}:`]) {
      assert.strictEqual((await send("GET", keysPath, { "x-api-key": value })).status, 200)
    }
  })

  it("ignores Authorization", async () => {
    const { send, system } = makeSongbird()
    assert.strictEqual((await send("GET", keysPath, { Authorization: `Bearer ${system}` })).status, 401)
  })

  it("falls back to a cookie of the same name, and prefers the header even when it is empty", async () => {
    const { send, system } = makeSongbird()
    const cookie = `theme=dark; X-API-Key=${system}`
    assert.strictEqual((await send("GET", keysPath, { Cookie: cookie })).status, 200)
    assert.strictEqual((await send("GET", keysPath, { Cookie: cookie, "X-API-Key": "" })).status, 403)
    assert.strictEqual((await send("GET", keysPath, { Cookie: `x-api-key=${system}` })).status, 401)
  })

  it("accepts AWS session credentials by the recogniser and caches the acceptance for 15 minutes", async () => {
    let asked = 0
    const { emulator, send } = makeSongbird({
      credentials: [{ kind: "awsIdentity", accepts: ({ SessionToken }) => ++asked === 1 && SessionToken === "good" }]
    })
    const status = async (value: string) => (await send("GET", keysPath, { "X-API-Key": value })).status
    assert.strictEqual(await status(identity("good")), 200)
    emulator.clock.advance(15 * 60_000 - 1)
    assert.strictEqual(await status(identity("good")), 200)
    assert.strictEqual(asked, 1)
    emulator.clock.advance(1)
    assert.strictEqual(await status(identity("good")), 403)
    assert.strictEqual(await status('{"AccessKeyId":"a"}'), 403)
  })

  it("accepts a key until its expiration, exclusively", async () => {
    const party = caller([":whylabs_system"], "0", { expirationTime: start + 1_000 })
    const { emulator, send } = makeSongbird({ credentials: [party.credential] })
    const status = async () => (await send("GET", keysPath, { "X-API-Key": party.value })).status
    emulator.clock.advance(1_000)
    assert.strictEqual(await status(), 200)
    emulator.clock.advance(1)
    assert.strictEqual(await status(), 403)
  })

  it("lets a new key in and keeps a revoked one out at once, unless authentication lags", async () => {
    const { call, emulator, revoke, send, settle } = makeSongbird()
    const created = await call("POST", "/v0/organizations/0/api-key?user_id=ops&scopes=:whylabs_system")
    const { key, keyId } = created.json
    const status = async () => (await send("GET", keysPath, { "X-API-Key": key })).status
    emulator.setLag({ authentication: 50 })
    assert.strictEqual(await status(), 403)
    emulator.setLag({ authentication: 0 })
    assert.strictEqual(await status(), 200)
    settle()
    await revoke("ops", keyId, "0")
    assert.strictEqual(await status(), 403)
  })

  it("lets a system key revoke itself", async () => {
    const { call, system } = makeSongbird()
    const target = `/v0/organizations/0/api-key?user_id=system&key_id=${system.slice(0, 10)}`
    assert.strictEqual((await call("DELETE", target)).status, 200)
    assert.strictEqual((await call("DELETE", target)).status, 403)
  })

  it("lets customers call v0 for their own organization only when the switch says so", async () => {
    const party = caller([":administrator"])
    const { emulator, send } = makeSongbird({ credentials: [party.credential] })
    emulator.setSwitches({ customersMayCallV0: true })
    const headers = { "X-API-Key": party.value }
    assert.strictEqual((await send("GET", keysPath, headers)).status, 200)
    assert.strictEqual((await send("GET", "/v0/organizations/org-free/api-key", headers)).status, 403)
  })

  it("turns 401 and 403 into a redirect to / when Accept lists text/html", async () => {
    const { emulator, send } = makeSongbird()
    const accept = "text/html,application/xhtml+xml,*/*;q=0.8"
    for (const headers of [{ Accept: accept }, { Accept: accept, "X-API-Key": "bad" }]) {
      const answer = await send("GET", keysPath, headers)
      assert.strictEqual(answer.status, 303)
      assert.strictEqual(answer.headers.get("location"), "/")
      assert.strictEqual(answer.text, "")
    }
    const init = { headers: { Accept: accept }, redirect: "error" } as const
    const error = await emulator.fetch(`http://songbird.test${keysPath}`, init).catch((cause: unknown) => cause)
    assert.instanceOf(error, TypeError)
  })

  it("checks the caller before the parameters", async () => {
    const { send } = makeSongbird()
    assert.strictEqual((await send("POST", keysPath)).status, 401)
    assert.strictEqual((await send("POST", keysPath, { "X-API-Key": "bad" })).status, 403)
  })
})

describe("WhyLabs rate limit", () => {
  const rateLimit = { capacity: 2, refillPerMinute: 5 }

  it("answers 429 with a bare sentence under a JSON label, without Retry-After", async () => {
    const { list } = makeSongbird({ rateLimit })
    await list()
    await list()
    const { headers, json, status, text } = await list()
    assert.strictEqual(status, 429)
    assert.strictEqual(headers.get("content-type"), "application/json")
    assert.strictEqual(text, "Too many requests. Please try again later.")
    assert.isUndefined(json)
    assert.isNull(headers.get("retry-after"))
  })

  it("refills one token per 12 s at 5 per minute, per organization of the path", async () => {
    const { emulator, list } = makeSongbird({ rateLimit })
    const status = async (id?: string) => (await list("", id)).status
    assert.deepStrictEqual(
      [await status(), await status(), await status(), await status("org-free")],
      [200, 200, 429, 200]
    )
    emulator.clock.advance(11_999)
    assert.strictEqual(await status(), 429)
    emulator.clock.advance(1)
    assert.strictEqual(await status(), 200)
  })

  it("comes before parameter binding and takes no token from a refused request", async () => {
    const { call, send } = makeSongbird({ rateLimit })
    for (let times = 0; times < 5; times++) await send("POST", keysPath, { "X-API-Key": "bad" })
    assert.strictEqual((await call("POST", keysPath)).status, 400)
    assert.strictEqual((await call("POST", keysPath)).status, 400)
    assert.strictEqual((await call("POST", keysPath)).status, 429)
  })

  it("does not apply to AWS identities", async () => {
    const { send } = makeSongbird({ rateLimit, credentials: [{ kind: "awsIdentity", accepts: () => true }] })
    for (let times = 0; times < 4; times++) {
      assert.strictEqual((await send("GET", keysPath, { "X-API-Key": identity("t") })).status, 200)
    }
  })
})
