import { assert, describe, it } from "@effect/vitest"
import { keysPath, makeSongbird, organization, start } from "./Songbird.ts"

describe("WhyLabs v0 create", () => {
  it("answers 200 with the full key once, in the documented shape", async () => {
    const { create } = makeSongbird()
    const query = `user_id=user-123&expiration_time=${Date.UTC(2030, 0, 1)}&scopes=%3Auser&alias=nightly-batch`
    const { headers, json, status } = await create(query)
    const { key, keyId, ...rest } = json
    assert.strictEqual(status, 200)
    assert.strictEqual(headers.get("content-type"), "application/json")
    assert.match(key, /^[A-Za-z0-9]{10}\.[A-Za-z0-9]{53}:org-7Kd3mQ$/)
    assert.strictEqual(key.length, 75)
    assert.strictEqual(keyId, key.slice(0, 10))
    assert.deepStrictEqual<unknown>(rest, {
      orgId: organization,
      userId: "user-123",
      creationTime: "2026-03-14T09:26:53.58",
      expirationTime: "2030-01-01T00:00:00",
      scopes: [":user"],
      alias: "nightly-batch",
      revoked: false
    })
  })

  it("omits what is not set, except the alias, which comes back empty", async () => {
    const { json } = await makeSongbird().create("user_id=u")
    assert.sameMembers(Object.keys(json), ["key", "keyId", "orgId", "userId", "creationTime", "alias", "revoked"])
    assert.strictEqual(json.alias, "")
  })

  it("reads nothing from a body", async () => {
    const { emulator, send, system } = makeSongbird()
    const headers = { "X-API-Key": system, "Content-Type": "application/json" }
    const answer = await send("POST", keysPath, headers, JSON.stringify({ user_id: "u" }))
    assert.strictEqual(answer.status, 400)
    assert.strictEqual(answer.json._embedded.errors[0]?.message, "Required QueryValue [user_id] not specified")
    assert.strictEqual(emulator.keys().filter((key) => key.origin === "created").length, 0)
  })

  it("decodes + as a space and keeps percent-encoded text in alias and user", async () => {
    const { json } = await makeSongbird().create("user_id=a%2Bb%26c&alias=two+words%3A%20%C3%A9")
    assert.strictEqual(json.userId, "a+b&c")
    assert.strictEqual(json.alias, "two words: é")
  })

  it("takes repeated scopes as they are and collapses duplicates", async () => {
    const { json } = await makeSongbird().create("user_id=u&scopes=%3Auser&scopes=%3Aadministrator&scopes=%3Auser")
    assert.sameMembers([...json.scopes], [":user", ":administrator"])
    assert.strictEqual(json.scopes.length, 2)
  })

  it("splits a single comma-joined scopes value", async () => {
    const { json } = await makeSongbird().create("user_id=u&scopes=:user,:administrator")
    assert.sameMembers([...json.scopes], [":user", ":administrator"])
  })

  it("does not split commas once the parameter is repeated", async () => {
    const { json, status } = await makeSongbird().create("user_id=u&scopes=:user,:administrator&scopes=:user")
    assert.strictEqual(status, 400)
    assert.strictEqual(json.message, "Invalid scope provided: :user,:administrator")
  })

  it("refuses a present but empty scopes parameter as a bad scope", async () => {
    const { json, status } = await makeSongbird().create("user_id=u&scopes=")
    assert.strictEqual(status, 400)
    assert.strictEqual(json.type, "IllegalArgument")
    assert.match(json.message, /^Invalid scope provided: $/)
  })

  it("accepts the twelve scopes, internal ones included, and no other", async () => {
    const { create } = makeSongbird()
    assert.strictEqual((await create("user_id=u&scopes=:whylabs_system&scopes=:read_resource")).status, 200)
    assert.strictEqual((await create("user_id=u&scopes=:User")).status, 400)
    assert.strictEqual((await create("user_id=u&scopes=user")).status, 400)
  })

  it("refuses an expiration that is not an integer with body B, echoing path and query", async () => {
    const { json, status } = await makeSongbird().create("user_id=u&expiration_time=1.5")
    assert.strictEqual(status, 400)
    assert.strictEqual(json.message, "Bad Request")
    assert.deepStrictEqual(json._links, {
      self: { href: `${keysPath}?user_id=u&expiration_time=1.5`, templated: false }
    })
    assert.strictEqual(json._embedded.errors[0]?.path, "/expiration_time")
    assert.match(
      json._embedded.errors[0]?.message ?? "",
      /^Failed to convert argument \[expiration_time\] for value \[1\.5\] due to: /
    )
    assert.notProperty(json, "requestId")
    assert.notProperty(json, "type")
  })

  it("refuses the text None and numbers beyond 64 bits as expiration", async () => {
    const { create } = makeSongbird()
    for (const text of ["None", "1e13", "9223372036854775808", "%201"]) {
      const { json, status } = await create(`user_id=u&expiration_time=${text}`)
      assert.strictEqual(status, 400)
      assert.strictEqual(json._embedded.errors[0]?.path, "/expiration_time")
    }
  })

  it("treats an empty expiration as absent", async () => {
    const { json, status } = await makeSongbird().create("user_id=u&expiration_time=")
    assert.strictEqual(status, 200)
    assert.notProperty(json, "expirationTime")
  })

  it("accepts an expiration exactly 60 s ahead and refuses 1 ms less with body A", async () => {
    const { create } = makeSongbird()
    assert.strictEqual((await create(`user_id=u&expiration_time=${start + 60_000}`)).status, 200)
    const { headers, json, status } = await create(`user_id=u&expiration_time=${start + 59_999}`)
    assert.strictEqual(status, 400)
    assert.deepStrictEqual<unknown>(json, {
      message: "Invalid expiration time",
      requestId: headers.get("x-request-id") ?? "",
      type: "IllegalArgument"
    })
  })

  it("checks expiration, then organization, then limit, then scopes", async () => {
    const { create, emulator, settle } = makeSongbird()
    const past = "expiration_time=1577836800000"
    assert.strictEqual((await create(`user_id=u&${past}`, "org-unknown")).json.message, "Invalid expiration time")
    assert.strictEqual((await create("user_id=u&scopes=bad", "org-unknown")).status, 404)
    emulator.seed(...Array.from({ length: 25 }, (_, at) => ({ organization: "org-free", userId: `u${at}` })))
    settle()
    assert.strictEqual((await create("user_id=u&scopes=bad", "org-free")).json.message, "Key limit reached")
  })

  it("answers 404 with body A for unknown and deleted organizations alike", async () => {
    const { create } = makeSongbird()
    for (const id of ["org-unknown", "org-gone"]) {
      const { json, status } = await create("user_id=u", id)
      assert.strictEqual(status, 404)
      assert.strictEqual(json.message, `Resource Organization with ID ${id} not found.`)
      assert.strictEqual(json.type, "ResourceNotFound")
    }
  })

  it("limits a FREE organization to 25 unrevoked keys of all users, expired ones included, with a 400", async () => {
    const { create, emulator } = makeSongbird()
    emulator.seed(
      ...Array.from({ length: 24 }, (_, at) => ({ organization: "org-free", userId: `u${at % 3}`, expirationTime: 1 })),
      { organization: "org-free", userId: "u", revoked: true },
      { organization: "org-free", userId: "u", revoked: "unset" }
    )
    assert.strictEqual((await create("user_id=u", "org-free")).status, 200)
    emulator.clock.advance(200)
    const { json, status } = await create("user_id=u", "org-free")
    assert.strictEqual(status, 400)
    assert.strictEqual(json.message, "Key limit reached")
    assert.strictEqual(json.type, "IllegalArgument")
  })

  it("counts toward the limit from the lagging index", async () => {
    const { create, emulator } = makeSongbird()
    emulator.seed(...Array.from({ length: 24 }, () => ({ organization: "org-free", userId: "u" })))
    assert.strictEqual((await create("user_id=u", "org-free")).status, 200)
    assert.strictEqual((await create("user_id=u", "org-free")).status, 200)
  })

  it("puts no limit on a PAID organization", async () => {
    const { create, emulator } = makeSongbird()
    emulator.seed(...Array.from({ length: 30 }, () => ({ organization, userId: "u" })))
    assert.strictEqual((await create("user_id=u")).status, 200)
  })

  it("mints a new key on every call, equal parameters or not", async () => {
    const { create } = makeSongbird()
    const [first, second] = [await create("user_id=u&alias=a"), await create("user_id=u&alias=a")]
    assert.notStrictEqual(first.json.keyId, second.json.keyId)
  })

  it("commits a key whose user holds # and then fails to read it back, naming the key's hash", async () => {
    const { create, emulator, list, revoke, settle } = makeSongbird()
    const { json, status } = await create("user_id=a%23b")
    const [row] = emulator.keys().filter((key) => key.origin === "created")
    assert.strictEqual(status, 500)
    assert.strictEqual(json.message, "Internal Server Error")
    assert.match(json._embedded.errors[0]?.message ?? "", /^Internal Server Error: .*\b[0-9a-f]{64}$/)
    assert.strictEqual(row?.owner, "a#b")
    assert.strictEqual((await list()).status, 200)
    settle()
    assert.strictEqual((await list()).status, 500)
    assert.strictEqual((await list(`/${row?.id}`)).status, 500)
    assert.strictEqual((await revoke("a#b", row?.id ?? "")).status, 500)
    assert.strictEqual((await list("?user_id=other")).status, 200)
  })

  it("answers a blank user as the switch says, and stores nothing", async () => {
    const { create, emulator } = makeSongbird()
    assert.strictEqual((await create("user_id=%20")).status, 500)
    emulator.setSwitches({ blankUserId: 400 })
    assert.strictEqual((await create("user_id=")).json.type, "IllegalArgument")
    assert.strictEqual(emulator.keys().filter((key) => key.origin === "created").length, 0)
  })
})

describe("times on the wire", () => {
  it.each([
    [Date.UTC(2099, 0, 1), "2099-01-01T00:00:00"],
    [Date.UTC(2099, 0, 1) + 100, "2099-01-01T00:00:00.1"],
    [Date.UTC(2099, 0, 1) + 120, "2099-01-01T00:00:00.12"],
    [Date.UTC(2099, 0, 1) + 123, "2099-01-01T00:00:00.123"],
    [Date.UTC(2099, 0, 1) + 3, "2099-01-01T00:00:00.003"],
    [Date.UTC(2099, 9, 10, 10, 10, 10), "2099-10-10T10:10:10"],
    [Date.UTC(10000, 0, 1), "+10000-01-01T00:00:00"]
  ])("writes %d as %s", async (milliseconds, text) => {
    const { json } = await makeSongbird().create(`user_id=u&expiration_time=${milliseconds}`)
    assert.strictEqual(json.expirationTime, text)
  })

  it("fails for the far future when the switch says so", async () => {
    const { create } = makeSongbird({ switches: { farFutureExpiration: "internalError" } })
    assert.strictEqual((await create(`user_id=u&expiration_time=${Date.UTC(10000, 0, 1)}`)).status, 500)
    assert.strictEqual((await create(`user_id=u&expiration_time=${Date.UTC(10000, 0, 1) - 1}`)).status, 200)
  })
})
