import { assert, describe, it } from "@effect/vitest"
import { keysPath, makeArthur } from "./ArthurEngine.ts"

const rolesPrinted =
  "'DEFAULT-RULE-ADMIN', 'TASK-ADMIN', 'VALIDATION-USER', 'ORG-AUDITOR', 'ORG-ADMIN' or 'TENANT-USER'"

describe("creating a key on Arthur", () => {
  it("answers 200 with the documented members in order", async () => {
    const answer = await makeArthur().create({ description: "billing worker", roles: ["VALIDATION-USER"] })
    assert.strictEqual(answer.status, 200)
    assert.deepStrictEqual(Object.keys(answer.json), [
      "id",
      "key",
      "description",
      "is_active",
      "created_at",
      "message",
      "roles"
    ])
    assert.isTrue(answer.json.is_active)
    assert.isAbove(answer.json.message.length, 40)
  })

  it("draws a version 4 id in lower case", async () => {
    const { id } = (await makeArthur().create()).json
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  it("makes a key of 108 characters, one of them padding, out of id and 43 random ones", async () => {
    const { id, key } = (await makeArthur().create()).json
    assert.match(key, /^[A-Za-z0-9]{107}=$/)
    const [carried, random, ...rest] = atob(key).split(":")
    assert.strictEqual(carried, id)
    assert.match(random ?? "", /^[A-Za-z0-9_-]{43}$/)
    assert.strictEqual(rest.length, 0)
  })

  it("makes a new key for every request", async () => {
    const { create, list } = makeArthur()
    const [first, second] = [await create({ description: "a" }), await create({ description: "a" })]
    assert.notStrictEqual(first.json.key, second.json.key)
    assert.strictEqual((await list()).json.length, 2)
  })

  it.each([
    ["an absent description", {}],
    ["a null description", { description: null }]
  ])("omits %s from the answer", async (_, body) => {
    assert.notProperty((await makeArthur().create(body)).json, "description")
  })

  it("stores an empty description as such", async () => {
    assert.strictEqual((await makeArthur().create({ description: "" })).json.description, "")
  })

  it("ignores unknown members", async () => {
    assert.strictEqual((await makeArthur().create({ expires_at: 1, colour: null })).status, 200)
  })

  it.each([
    ["U+0000", "a\u0000b"],
    ["a lone surrogate", "a\ud800b"]
  ])("fails on %s in the description under PostgreSQL, and makes no key", async (_, description) => {
    const { create, emulator } = makeArthur()
    const answer = await create({ description })
    assert.strictEqual(answer.status, 500)
    assert.strictEqual(answer.text, '{"detail":"Something went wrong."}')
    assert.strictEqual(emulator.keys().length, 0)
  })

  it("takes U+0000 in the description under SQLite", async () => {
    const answer = await makeArthur({ switches: { database: "sqlite" } }).create({ description: "a\u0000b" })
    assert.strictEqual(answer.json.description, "a\u0000b")
  })
})

describe("roles of a key on Arthur", () => {
  it.each([
    ["absent ones mean", {}, ["VALIDATION-USER"]],
    ["null means none:", { roles: null }, []],
    ["an empty list means none:", { roles: [] }, []],
    ["duplicates are kept:", { roles: ["TASK-ADMIN", "TASK-ADMIN"] }, ["TASK-ADMIN", "TASK-ADMIN"]]
  ])("%s %j gives %j", async (_, body, roles) => {
    assert.deepStrictEqual((await makeArthur().create(body)).json.roles, roles)
  })

  it("takes each assignable role", async () => {
    const roles = ["DEFAULT-RULE-ADMIN", "TASK-ADMIN", "VALIDATION-USER", "ORG-AUDITOR", "ORG-ADMIN"]
    assert.deepStrictEqual((await makeArthur().create({ roles })).json.roles, roles)
  })

  it("refuses TENANT-USER with a sentence of its own that names it and where to go", async () => {
    const answer = await makeArthur().create({ roles: ["TENANT-USER", "ORG-ADMIN"] })
    assert.strictEqual(answer.status, 400)
    assert.include(answer.json.detail, "['TENANT-USER']")
    assert.include(answer.json.detail, "signup")
    assert.notInclude(answer.json.detail, "validation error")
  })

  it("does not know TENANT-USER on a server from before May 2026", async () => {
    const { create } = makeArthur({ switches: { tenantUserRole: "unknown" } })
    assert.match((await create({ roles: ["TENANT-USER"] })).json.detail, /^1 validation error:/)
  })

  it.each(["ADMIN-KEY", "CHAT-USER", "validation-user", "", 5])("refuses %j as no assignable role", async (role) => {
    const answer = await makeArthur().create({ roles: [role] })
    assert.strictEqual(answer.status, 400)
    assert.include(answer.json.detail, "'type': 'enum', 'loc': ('body', 'roles', 0)")
  })
})

describe("the limit of active keys on Arthur", () => {
  const limit = '{"detail":"Maximum number of active keys reached"}'

  it("refuses at the limit with a fixed text", async () => {
    const { create } = makeArthur({ maxApiKeys: 1 })
    assert.strictEqual((await create()).status, 200)
    const answer = await create()
    assert.strictEqual(answer.status, 400)
    assert.strictEqual(answer.text, limit)
  })

  it("counts the keys of every organization", async () => {
    const { create, emulator } = makeArthur({ maxApiKeys: 1 })
    emulator.seed({ organization: "tenant-a", roles: ["TENANT-USER"] })
    assert.strictEqual((await create()).text, limit)
  })

  it("frees a slot by deactivation", async () => {
    const { create, revoke } = makeArthur({ maxApiKeys: 1 })
    await revoke((await create()).json.id)
    assert.strictEqual((await create()).status, 200)
  })

  it("is 1,000 unless told otherwise", async () => {
    const { create, emulator } = makeArthur()
    emulator.seed(...Array.from({ length: 999 }, () => ({})))
    assert.strictEqual((await create()).status, 200)
    assert.strictEqual((await create()).text, limit)
  })
})

describe("the body of a create on Arthur", () => {
  const bytes = new TextEncoder().encode("{}")

  it("is required", async () => {
    const answer = await makeArthur().call("POST", keysPath)
    assert.strictEqual(answer.status, 400)
    assert.include(answer.json.detail, "{'type': 'missing', 'loc': ('body',), 'msg': 'Field required', 'input': None}")
  })

  it("is not parsed without a content type", async () => {
    const { master, send } = makeArthur()
    const answer = await send("POST", keysPath, { Authorization: `Bearer ${master}` }, bytes)
    assert.strictEqual(answer.status, 400)
    assert.include(answer.json.detail, "'input': b'{}'")
  })

  it("is parsed without a content type by servers from before June 2026", async () => {
    const { master, send } = makeArthur({ switches: { strictContentType: false } })
    assert.strictEqual((await send("POST", keysPath, { Authorization: `Bearer ${master}` }, bytes)).status, 200)
  })

  it("is not parsed under a type that is not JSON, by any server", async () => {
    const { call, emulator } = makeArthur()
    assert.strictEqual((await call("POST", keysPath, {}, { "Content-Type": "text/plain" })).status, 400)
    emulator.setSwitches({ strictContentType: false })
    assert.strictEqual((await call("POST", keysPath, {}, { "Content-Type": "text/plain" })).status, 400)
  })

  it.each(["application/json; charset=utf-8", "application/vnd.acme+json"])("is parsed as %s", async (contentType) => {
    assert.strictEqual((await makeArthur().call("POST", keysPath, {}, { "Content-Type": contentType })).status, 200)
  })

  it.each([[[]], ["text"], [5], [true]])("has to be an object, not %j", async (body) => {
    const answer = await makeArthur().create(body)
    assert.strictEqual(answer.status, 400)
    assert.include(answer.json.detail, "'model_attributes_type'")
  })
})

describe("the validation text of Arthur", () => {
  it("counts, prints Python dicts that echo the input, and names the server's file and route", async () => {
    const { detail } = (await makeArthur().create({ description: { note: 'it\'s "secret"' }, roles: "x" })).json
    const lines = detail.split("\n")
    assert.deepStrictEqual(lines.slice(0, 4), [
      "2 validation errors:",
      "  {'type': 'string_type', 'loc': ('body', 'description'), 'msg': 'Input should be a valid string', " +
        "'input': {'note': 'it\\'s \"secret\"'}}",
      "  {'type': 'list_type', 'loc': ('body', 'roles'), 'msg': 'Input should be a valid list', 'input': 'x'}",
      ""
    ])
    assert.match(lines[4] ?? "", /^ {2}File "\/.+\.py", line \d+, in create_api_key$/)
    assert.strictEqual(lines[5], "    POST /auth/api_keys/")
  })

  it("is the bare list on older servers", async () => {
    const { create } = makeArthur({ switches: { validationText: "list" } })
    const { detail } = (await create({ description: null, roles: [null] })).json
    const complaint = `{'type': 'enum', 'loc': ('body', 'roles', 0), 'msg': "Input should be ${rolesPrinted}"`
    assert.strictEqual(detail, `[${complaint}, 'input': None, 'ctx': {'expected': "${rolesPrinted}"}}]`)
  })

  it("prints the other values as Python does", async () => {
    const description = [true, false, null, 1, 1.5, "a\\b\n\u0001é", "it's"]
    const { detail } = (await makeArthur().create({ description })).json
    assert.include(detail, `'input': [True, False, None, 1, 1.5, 'a\\\\b\\n\\x01é', "it's"]`)
  })

  it("tells where the JSON broke", async () => {
    const { master, send } = makeArthur()
    const headers = { Authorization: `Bearer ${master}`, "Content-Type": "application/json" }
    const { detail } = (await send("POST", keysPath, headers, '{"a":')).json
    assert.include(detail, "{'type': 'json_invalid', 'loc': ('body', 5), 'msg': 'JSON decode error', 'input': {}")
  })
})
