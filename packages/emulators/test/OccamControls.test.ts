import { assert, describe, it } from "@effect/vitest"
import * as Occam from "@keyfold/emulators/Occam"
import { email, makeOccam, password } from "./OccamServer.ts"

describe("the state of an Occam emulator", () => {
  it("tells the truth without secrets", async () => {
    const { create, emulator } = makeOccam()
    const { api_key, uuid } = (await create("a")).json
    const key = emulator.keys().at(-1)
    assert.deepInclude(key, { id: uuid, label: "a", owner: email, revoked: false, origin: "created" })
    assert.notInclude(JSON.stringify(emulator.keys()), api_key.slice(-32))
  })

  it("knows whose a secret is, also when deleted or rotated", async () => {
    const { create, emulator, revoke } = makeOccam({ switches: { repeatedName: "rotates" } })
    const { api_key, uuid } = (await create("a")).json
    await create("a")
    await revoke(uuid)
    assert.strictEqual(emulator.owns(api_key), uuid)
    assert.isUndefined(emulator.owns(Occam.makeCredential()))
  })

  it("takes seeds that can be used", async () => {
    const { emulator, exchange } = makeOccam()
    const value = Occam.makeCredential()
    const [live, deleted] = emulator.seed({ email, name: "a", value }, { email, name: "b", deleted: true })
    assert.strictEqual((await exchange(value)).status, 200)
    assert.strictEqual(emulator.owns(value), live?.id)
    assert.strictEqual(live?.origin, "seeded")
    assert.isTrue(deleted?.revoked)
  })

  it("takes new users and changed passwords", async () => {
    const { emulator, login } = makeOccam()
    emulator.setUser({ email: "eve@example.test", password: "secret" })
    assert.strictEqual((await login({ username: "eve@example.test", password: "secret" })).status, 200)
    emulator.setUser({ email, password: "new" })
    assert.strictEqual((await login({ username: email, password })).status, 400)
  })

  it("keeps a user's keys when the user is set again", () => {
    const { credential, emulator } = makeOccam()
    emulator.setUser({ email, keys: [credential] })
    assert.lengthOf(emulator.keys(), 1)
    assert.strictEqual(emulator.keys()[0]?.origin, "credential")
  })

  it("refuses everything without users", async () => {
    const response = await Occam.make().fetch(`http://occam.test/auth/access-token?key=${Occam.makeCredential()}`)
    assert.strictEqual(response.status, 400)
  })

  it("names the option that is malformed, and never its secret value", () => {
    const { emulator } = makeOccam()
    assert.throws(() => Occam.make({ users: [{ email, keys: ["canary"] }] }), TypeError, /^keys takes(?!.*canary)/)
    assert.throws(() => emulator.seed({ email, name: "a", value: "canary" }), TypeError, /^value takes(?!.*canary)/)
    assert.throws(() => Occam.make({ users: [{ email: "" }] }), /email/)
    assert.throws(() => emulator.seed({ email, name: "a", id: "x" }), /id takes a UUID/)
    assert.throws(() => emulator.setUsage("x", {}), /setUsage/)
    assert.throws(() => Occam.make({ accessTokenSeconds: 0 }), /accessTokenSeconds/)
    assert.throws(() => Occam.make({ refreshTokenSeconds: 0.5 }), /refreshTokenSeconds/)
    assert.throws(() => Occam.make({ maxKeys: -1 }), /maxKeys/)
    assert.throws(() => Occam.make({ quota: 0 }), /quota/)
  })

  it("answers a 429 with or without Retry-After when told to", async () => {
    const { emulator, exchange, list } = makeOccam()
    const { access_token } = (await exchange()).json
    emulator.failNext({ status: 429, headers: { "Retry-After": "7" } })
    emulator.failNext({ status: 429 })
    assert.strictEqual((await list(access_token)).headers.get("retry-after"), "7")
    assert.isNull((await list(access_token)).headers.get("retry-after"))
    assert.strictEqual((await list(access_token)).status, 200)
  })

  it("commits a create whose answer is lost", async () => {
    const { create, emulator } = makeOccam()
    emulator.loseNextResponse({ operation: "create" })
    assert.strictEqual(await create("lost").catch(() => "lost"), "lost")
    assert.strictEqual(emulator.keys().at(-1)?.label, "lost")
  })
})

describe("the request log of an Occam emulator", () => {
  const logOf = ({ emulator }: ReturnType<typeof makeOccam>) => JSON.stringify(emulator.requests.all)

  it("names operation and caller", async () => {
    const { create, emulator, list, login, refresh, revoke, usage } = makeOccam()
    const { access_token, refresh_token } = (await login()).json
    const { uuid } = (await create("a", access_token)).json
    await list(access_token)
    await usage(uuid, access_token)
    await revoke(uuid, access_token)
    await refresh(refresh_token)
    assert.deepStrictEqual(
      emulator.requests.all.map((request) => request.operation),
      ["login", "create", "list", "usage", "revoke", "refresh"]
    )
    assert.isTrue(emulator.requests.all.every((request) => request.caller === email))
  })

  it("names the exchange, whose caller is the key's user", async () => {
    const { emulator, exchange } = makeOccam()
    await exchange()
    assert.deepInclude(emulator.requests.all[0], { operation: "exchange", caller: email, status: 200 })
  })

  it.each(["sk-occam-0123456789abcdef", "canary-in-the-query", "x"])("masks the key %s of the query", async (key) => {
    const { emulator, exchange } = makeOccam()
    await exchange(key)
    assert.deepStrictEqual(emulator.requests.all[0]?.query, [["key", "<masked>"]])
  })

  it("masks a key that was sent in the query wherever else it is sent", async () => {
    const occam = makeOccam()
    const headers = { Referer: "http://a.test/?k=canary%20key", "X-Note": "canary key" }
    await occam.send("GET", "/auth/access-token?key=canary%20key", headers)
    await occam.send("GET", "/canary%20key")
    assert.notInclude(logOf(occam), "canary")
  })

  it("masks a password in a form, and keeps the rest", async () => {
    const { emulator, login } = makeOccam()
    await login({ grant_type: "password", username: email, password: "pw", client_secret: "cs" })
    assert.strictEqual(
      emulator.requests.all[0]?.body,
      "grant_type=password&username=ann%40example.test&password=<masked>&client_secret=<masked>"
    )
  })

  it("masks a password that was sent in a form wherever it is sent later", async () => {
    const occam = makeOccam()
    await occam.login({ username: email, password: "canary & horse" })
    await occam.send("GET", "/keys/", { "X-Note": "canary & horse" })
    assert.notInclude(logOf(occam), "canary")
  })

  it("masks a refresh token in JSON", async () => {
    const { emulator, login, refresh } = makeOccam()
    await refresh((await login()).json.refresh_token)
    assert.strictEqual(emulator.requests.all[1]?.body, '{"refresh_token":"<masked>"}')
  })

  it.each([
    '{"refresh_token": "canary',
    '{"refresh_token": "a\\"canary"',
    '{"refresh_token":canary}',
    '{ "a": 1, "password" : "canary" '
  ])("masks a secret in JSON that is broken: %s", async (body) => {
    const occam = makeOccam()
    await occam.send("POST", "/auth/refresh-token", { "Content-Type": "application/json" }, body)
    assert.notInclude(logOf(occam), "canary")
    assert.include(logOf(occam), "<masked>")
  })

  it("masks a password in a form that is sent in parts", async () => {
    const occam = makeOccam()
    const form = new FormData()
    form.append("password", "canary")
    form.append("username", email)
    await occam.send("POST", "/auth/access-token", {}, form)
    assert.notInclude(logOf(occam), "canary")
    assert.include(logOf(occam), email)
  })

  it("never shows a token or an issued secret, wherever it is sent", async () => {
    const occam = makeOccam()
    const { create, credential, login, send } = occam
    const { access_token, refresh_token } = (await login()).json
    const { api_key } = (await create("a", access_token)).json
    await occam.refresh(refresh_token)
    for (const secret of [credential, api_key, access_token, refresh_token]) {
      const headers = { Authorization: `Bearer ${secret}`, Cookie: `a=${secret}`, "X-Note": `note ${secret}` }
      await send("PUT", `/${secret}?note=${secret}`, headers, `body ${secret}`)
    }
    const log = logOf(occam)
    const secrets = [credential.slice(9), api_key.slice(9), access_token.slice(-43), refresh_token]
    for (const secret of secrets) assert.notInclude(log, secret)
  })
})
