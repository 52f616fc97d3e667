import { assert, describe, it } from "@effect/vitest"
import * as Arthur from "@keyfold/emulators/Arthur"
import { keysPath, makeArthur } from "./ArthurEngine.ts"

describe("using a created key on Arthur", () => {
  it("works at once", async () => {
    const { create, use } = makeArthur()
    assert.strictEqual(await use((await create()).json.key), 200)
  })

  it("goes on for 10 s from the acceptance that was cached, and is refused then", async () => {
    const { create, emulator, revoke, use } = makeArthur()
    const { id, key } = (await create()).json
    assert.strictEqual(await use(key), 200)
    emulator.clock.advance(4_000)
    await revoke(id)
    emulator.clock.advance(5_999)
    assert.strictEqual(await use(key), 200)
    emulator.clock.advance(1)
    assert.strictEqual(await use(key), 401)
  })

  it("is refused at once after a revocation when it was never used before", async () => {
    const { create, revoke, use } = makeArthur()
    const { id, key } = (await create()).json
    await revoke(id)
    assert.strictEqual(await use(key), 401)
  })

  it("is not refused for having been refused: only acceptance is cached", async () => {
    const { emulator, use } = makeArthur()
    const value = Arthur.makeSecret()
    assert.strictEqual(await use(value), 401)
    emulator.seed({ value })
    assert.strictEqual(await use(value), 200)
  })

  it("is cached by each worker for itself", async () => {
    const { create, revoke, use } = makeArthur({ workers: 2 })
    const { id, key } = (await create()).json
    assert.strictEqual(await use(key), 200)
    await revoke(id)
    assert.strictEqual(await use(key), 401)
    assert.strictEqual(await use(key), 200)
  })

  it("is forgotten when the process restarts", async () => {
    const { create, emulator, revoke, use } = makeArthur()
    const { id, key } = (await create()).json
    await use(key)
    await revoke(id)
    emulator.restart()
    assert.strictEqual(await use(key), 401)
  })

  it("follows a lag that is changed later", async () => {
    const { create, emulator, revoke, use } = makeArthur()
    const { id, key } = (await create()).json
    await use(key)
    await revoke(id)
    emulator.setLag({ authentication: 0 })
    assert.strictEqual(await use(key), 401)
  })

  it("is forbidden when the key has no roles", async () => {
    const { create, use } = makeArthur()
    assert.strictEqual(await use((await create({ roles: null })).json.key), 403)
  })

  it("works with a bare token from before July 2025", async () => {
    const { emulator, use } = makeArthur()
    const value = "A".repeat(43)
    const [seeded] = emulator.seed({ value })
    assert.strictEqual(await use(value), 200)
    assert.strictEqual(emulator.owns(value), seeded?.id)
  })

  it("needs a key", async () => {
    const answer = await makeArthur().send("GET", "/api/v2/tasks")
    assert.strictEqual(answer.status, 401)
    assert.strictEqual(answer.json.detail, "Requires authentication")
  })

  it("counts as a use when asked through the control surface", async () => {
    const { create, emulator, revoke } = makeArthur()
    const { id, key } = (await create()).json
    assert.isTrue(emulator.accepts(key))
    await revoke(id)
    assert.isTrue(emulator.accepts(key))
    emulator.clock.advance(10_000)
    assert.isFalse(emulator.accepts(key))
  })
})

describe("lag of Arthur's reads", () => {
  it("is none by default", () => {
    assert.deepStrictEqual(makeArthur().emulator.lag, { visibility: 0, revocation: 0, authentication: 10_000 })
  })

  it("hides a new key from list and get for as long as asked", async () => {
    const { create, emulator, get, list } = makeArthur({ lag: { visibility: 1_000 } })
    const { id } = (await create()).json
    assert.strictEqual((await list()).text, "[]")
    assert.strictEqual((await get(id)).status, 404)
    emulator.clock.advance(1_000)
    assert.strictEqual((await list()).json.length, 1)
  })

  it("shows a deactivated key as active for as long as asked", async () => {
    const { create, emulator, get, list, revoke } = makeArthur({ lag: { revocation: 1_000 } })
    const { id } = (await create()).json
    await revoke(id)
    assert.strictEqual((await list()).json.length, 1)
    assert.notProperty((await get(id)).json, "deactivated_at")
    emulator.clock.advance(1_000)
    assert.isFalse((await get(id)).json.is_active)
  })
})

describe("the state of an Arthur emulator", () => {
  it("tells the truth without secrets", async () => {
    const { create, emulator, revoke } = makeArthur()
    const { id, key } = (await create({ description: "a" })).json
    emulator.setLag({ revocation: 60_000 })
    await revoke(id)
    assert.strictEqual(emulator.keys()[0]?.label, "a")
    assert.isTrue(emulator.keys()[0]?.revoked)
    assert.notInclude(JSON.stringify(emulator.keys()), key)
  })

  it("knows whose a secret is, also when revoked", async () => {
    const { create, emulator, revoke } = makeArthur()
    const { id, key } = (await create()).json
    await revoke(id)
    assert.strictEqual(emulator.owns(key), id)
    assert.isUndefined(emulator.owns(Arthur.makeSecret()))
  })

  it("takes seeds of every kind", () => {
    const { emulator } = makeArthur()
    const value = Arthur.makeSecret()
    const [first, second] = emulator.seed({ value, createdAt: 1, organization: "o" }, { deactivatedAt: 2 })
    assert.strictEqual(first?.id, atob(value).slice(0, 36))
    assert.strictEqual(first?.createdAt, 1)
    assert.strictEqual(first?.organization, "o")
    assert.isTrue(second?.revoked)
    assert.strictEqual(second?.deactivatedAt, 2)
    assert.strictEqual(second?.origin, "seeded")
  })

  it("names the option that is malformed, and never its secret value", () => {
    const { emulator } = makeArthur()
    const credentials = [{ kind: "master", value: "canary value" }] as const
    assert.throws(() => Arthur.make({ credentials }), TypeError, /^credentials\.value(?!.*canary)/)
    assert.throws(() => emulator.seed({ value: "canary" }), TypeError, /^value takes(?!.*canary)/)
    assert.throws(() => emulator.seed({ id: "x" }), /id takes a UUID/)
    assert.throws(() => emulator.seed({ id: crypto.randomUUID(), value: Arthur.makeSecret() }), /that value carries/)
    assert.throws(() => Arthur.make({ maxApiKeys: -1 }), /maxApiKeys/)
    assert.throws(() => Arthur.make({ workers: 0 }), /workers/)
    assert.throws(() => Arthur.make({ serverOffsetMinutes: 0.5 }), /serverOffsetMinutes/)
    assert.throws(() => Arthur.make({ lag: { visibility: -1 } }), /lag\.visibility/)
  })

  it("passes a proxy's failure on without running the handler", async () => {
    const { create, emulator } = makeArthur()
    emulator.failNext({ status: 502, body: "<html></html>", contentType: "text/html" }, { operation: "create" })
    assert.strictEqual((await create()).status, 502)
    assert.strictEqual(emulator.keys().length, 0)
  })

  it("commits a create whose answer is lost", async () => {
    const { create, emulator } = makeArthur()
    emulator.loseNextResponse({ operation: "create" })
    assert.strictEqual(await create({ description: "lost" }).catch(() => "lost"), "lost")
    assert.strictEqual(emulator.keys()[0]?.label, "lost")
  })
})

describe("the request log of an Arthur emulator", () => {
  it("names operation and caller", async () => {
    const { create, emulator, get, list, revoke, use } = makeArthur()
    const { id, key } = (await create()).json
    await get(id)
    await list()
    await use(key)
    await revoke(id)
    assert.deepStrictEqual(
      emulator.requests.all.map((request) => [request.operation, request.caller]),
      [
        ["create", "master"],
        ["get", "master"],
        ["list", "master"],
        ["use", id],
        ["revoke", "master"]
      ]
    )
  })

  it("never shows a credential or an issued secret, wherever it is sent", async () => {
    const { create, emulator, master, send } = makeArthur()
    const { key } = (await create()).json
    const jwt = Arthur.makeJwt()
    for (const secret of [master, key, jwt, "canary-token"]) {
      const path = `${keysPath}${encodeURIComponent(secret)}?note=${encodeURIComponent(secret)}`
      const headers = { Authorization: `Bearer ${secret}`, "X-Note": secret, "Content-Type": "application/json" }
      await send("POST", path, headers, JSON.stringify({ description: secret }))
      await send("GET", keysPath, { Cookie: `ACCESS_TOKEN=Bearer ${secret}`, "X-Note": `note ${secret}` })
    }
    const log = JSON.stringify(emulator.requests.all)
    for (const secret of [master, key, jwt, "canary"]) assert.notInclude(log, secret)
    assert.include(log, "<masked>")
  })
})
