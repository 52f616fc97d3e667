import { assert, describe, it } from "@effect/vitest"
import { makeArthur, start, unknownId } from "./ArthurEngine.ts"

const created = "2026-03-14T09:26:53.589000"

describe("listing keys on Arthur", () => {
  it("answers a bare array of active keys, without secrets", async () => {
    const { create, list } = makeArthur()
    const { id } = (await create({ description: "a" })).json
    assert.deepStrictEqual<unknown>(JSON.parse((await list()).text), [
      { id, description: "a", is_active: true, created_at: created, message: "", roles: ["VALIDATION-USER"] }
    ])
  })

  it("answers an empty array when there are none", async () => {
    assert.strictEqual((await makeArthur().list()).text, "[]")
  })

  it("leaves deactivated keys out", async () => {
    const { create, list, revoke } = makeArthur()
    await revoke((await create()).json.id)
    assert.strictEqual((await list()).text, "[]")
  })

  it("shows the keys of every organization, and not whose they are", async () => {
    const { emulator, list } = makeArthur()
    emulator.seed({ organization: "tenant-a", roles: ["TENANT-USER"] })
    const { text, json } = await list()
    assert.deepStrictEqual(json[0]?.roles, ["TENANT-USER"])
    assert.notInclude(text, "tenant-a")
  })

  it.each([
    ["insertion", ["a", "b"]],
    ["newestFirst", ["b", "a"]]
  ] as const)("may come in the order %s", async (listOrder, expected) => {
    const { emulator, list } = makeArthur({ switches: { listOrder } })
    emulator.seed({ description: "a" }, { description: "b" })
    const items = [...(await list()).json]
    assert.deepStrictEqual<ReadonlyArray<string>>(
      items.map((item) => item.description),
      expected
    )
  })
})

describe("reading a key on Arthur", () => {
  it("answers a deactivated key too", async () => {
    const { create, emulator, get, revoke } = makeArthur()
    const { id } = (await create({ roles: [] })).json
    emulator.clock.advance(1_411)
    await revoke(id)
    assert.deepStrictEqual<unknown>(JSON.parse((await get(id)).text), {
      id,
      is_active: false,
      created_at: created,
      deactivated_at: "2026-03-14T09:26:55",
      message: "",
      roles: []
    })
  })

  it("never answers the secret", async () => {
    const { create, get } = makeArthur()
    const { id, key } = (await create()).json
    const { text } = await get(id)
    assert.notInclude(text, '"key"')
    assert.notInclude(text, key)
  })

  it.each([
    ["canonical", (id: string) => id],
    ["upper case", (id: string) => id.toUpperCase()],
    ["32 hex digits", (id: string) => id.replaceAll("-", "")],
    ["a URN", (id: string) => `urn:uuid:${id}`],
    ["braces", (id: string) => `%7B${id}%7D`]
  ])("takes the id in the spelling %s", async (_, spell) => {
    const { create, get } = makeArthur()
    const { id } = (await create()).json
    assert.strictEqual((await get(spell(id))).json.id, id)
  })

  it("answers 404 for an unknown id, in other words than for a wrong path", async () => {
    const { call, get } = makeArthur()
    const answer = await get(unknownId)
    assert.strictEqual(answer.status, 404)
    assert.strictEqual(answer.text, '{"detail":"API Key not found"}')
    assert.strictEqual((await call("GET", "/auth/api_key/x")).text, '{"detail":"Not Found"}')
  })

  it.each(["abc", "xyz", `${unknownId}0`, `{${unknownId.replaceAll("-", "")}}`])(
    "answers 400 for the id %s, which is no UUID",
    async (id) => {
      const answer = await makeArthur().get(id)
      assert.strictEqual(answer.status, 400)
      assert.include(answer.json.detail, "'type': 'uuid_parsing', 'loc': ('path', 'api_key_id')")
      assert.include(answer.json.detail, `'input': '${id}'`)
      assert.include(answer.json.detail, "GET /auth/api_keys/{api_key_id}")
    }
  )
})

describe("times on Arthur", () => {
  it("reports the start of the process as every key's creation", async () => {
    const { create, emulator, list } = makeArthur()
    await create()
    emulator.clock.advance(86_400_000)
    await create()
    const items = [...(await list()).json]
    assert.deepStrictEqual(
      items.map((item) => item.created_at),
      [created, created]
    )
  })

  it("starts anew for later keys when the process restarts", async () => {
    const { create, emulator, get } = makeArthur()
    const before = (await create()).json.id
    emulator.clock.advance(60_000)
    emulator.restart()
    assert.strictEqual((await create()).json.created_at, "2026-03-14T09:27:53.589000")
    assert.strictEqual((await get(before)).json.created_at, created)
  })

  it.each([
    [-300, "2026-03-14T04:26:53.589000"],
    [330, "2026-03-14T14:56:53.589000"]
  ])("is the server's wall clock without zone, here %d minutes from UTC", async (serverOffsetMinutes, expected) => {
    const { create, get, revoke } = makeArthur({ serverOffsetMinutes })
    const { created_at, id } = (await create()).json
    assert.strictEqual(created_at, expected)
    await revoke(id)
    assert.strictEqual((await get(id)).json.deactivated_at, expected)
  })

  it("omits a fraction of zero", async () => {
    const { create } = makeArthur({ clock: () => start - 589 })
    assert.strictEqual((await create()).json.created_at, "2026-03-14T09:26:53")
  })
})

describe("deactivating a key on Arthur", () => {
  it("answers 204 with neither body nor content type", async () => {
    const { create, revoke } = makeArthur()
    const answer = await revoke((await create()).json.id)
    assert.strictEqual(answer.status, 204)
    assert.strictEqual(answer.text, "")
    assert.isNull(answer.headers.get("content-type"))
    assert.isNull(answer.headers.get("transfer-encoding"))
  })

  it("may answer 200 and the key, as documented", async () => {
    const { create, revoke } = makeArthur({ switches: { deactivateAnswer: "object" } })
    const { id } = (await create()).json
    const answer = await revoke(id)
    assert.strictEqual(answer.status, 200)
    assert.deepInclude(answer.json, { id, is_active: false, deactivated_at: created, message: "" })
  })

  it("answers 204 again and moves the time", async () => {
    const { create, emulator, get, revoke } = makeArthur()
    const { id } = (await create()).json
    await revoke(id)
    emulator.clock.advance(2_000)
    assert.strictEqual((await revoke(id)).status, 204)
    assert.strictEqual((await get(id)).json.deactivated_at, "2026-03-14T09:26:55.589000")
  })

  it("answers 404 for an unknown id", async () => {
    const answer = await makeArthur().revoke(unknownId)
    assert.strictEqual(answer.status, 404)
    assert.strictEqual(answer.text, '{"detail":"API Key not found"}')
  })

  it("answers 400 for what is no UUID, naming its own route", async () => {
    const answer = await makeArthur().revoke("nope")
    assert.strictEqual(answer.status, 400)
    assert.include(answer.json.detail, "DELETE /auth/api_keys/deactivate/{api_key_id}")
  })
})

describe("a failing database under Arthur", () => {
  it("makes every operation a 500 with a fixed text", async () => {
    const { create, emulator, get, list, revoke } = makeArthur({ switches: { database: "down" } })
    for (const answer of [await create(), await list(), await get(unknownId), await revoke(unknownId)]) {
      assert.strictEqual(answer.status, 500)
      assert.strictEqual(answer.text, '{"detail":"Something went wrong."}')
    }
    assert.strictEqual(emulator.keys().length, 0)
  })

  it("shows its password on servers from before November 2025", async () => {
    const { list } = makeArthur({ switches: { database: "downAndLeaking" } })
    const answer = await list()
    assert.strictEqual(answer.status, 500)
    assert.match(answer.json.detail, /:\/\/.+:.+@/)
  })
})
