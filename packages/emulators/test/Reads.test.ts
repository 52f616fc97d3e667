import { assert, describe, it } from "@effect/vitest"
import { keysPath, makeSongbird, organization, start } from "./Songbird.ts"

const fixtures = [
  { organization, userId: "ann", keyId: "aaaaaaaaa1", alias: "one", scopes: [":user"], lastUsedTime: start - 5_000 },
  { organization, userId: "ann", keyId: "aaaaaaaaa3", revoked: true, lastUsedTime: start },
  { organization, userId: "ann", keyId: "aaaaaaaaa2", expirationTime: start - 1 },
  { organization, userId: "bob", keyId: "bbbbbbbbb1", revoked: "unset", resourceId: "model-1" }
] as const

const seeded = (options = {}) => {
  const songbird = makeSongbird(options)
  songbird.emulator.seed(...fixtures)
  return songbird
}
const ids = (json: { readonly items: ReadonlyArray<{ readonly keyId: string }> }) =>
  json.items.map((item) => item.keyId)

describe("WhyLabs v0 list", () => {
  it("leaves revoked keys out without a user and keeps expired ones and very old ones", async () => {
    const { json } = await seeded().list()
    assert.sameMembers(ids(json), ["aaaaaaaaa1", "aaaaaaaaa2", "bbbbbbbbb1"])
  })

  it("includes revoked keys with a user, in ascending order of key id", async () => {
    const { json } = await seeded().list("?user_id=ann")
    assert.deepStrictEqual(ids(json), ["aaaaaaaaa1", "aaaaaaaaa2", "aaaaaaaaa3"])
    assert.deepStrictEqual(
      json.items.map((item: { readonly revoked: boolean }) => item.revoked),
      [false, false, true]
    )
  })

  it("orders the list without a user differently", async () => {
    const { json } = await seeded().list()
    assert.notDeepEqual(ids(json), ids(json).toSorted())
  })

  it("gives lastUsedTime only without a user", async () => {
    const { list } = seeded()
    const without = (await list()).json.items.find((item: { keyId: string }) => item.keyId === "aaaaaaaaa1")
    const withUser = (await list("?user_id=ann")).json.items[0]
    assert.strictEqual(without?.lastUsedTime, "2026-03-14T09:26:48.58")
    assert.notProperty(withUser, "lastUsedTime")
  })

  it("gives an item of the documented shape, never with the secret", async () => {
    const { json } = await seeded().list("?user_id=ann")
    assert.deepStrictEqual<unknown>(json.items[0], {
      keyId: "aaaaaaaaa1",
      orgId: organization,
      userId: "ann",
      creationTime: "2026-03-14T09:26:53.58",
      scopes: [":user"],
      alias: "one",
      revoked: false
    })
  })

  it("omits revoked where a very old item has no such attribute, and carries resourceId", async () => {
    const { json } = await seeded().list("?user_id=bob")
    assert.notProperty(json.items[0], "revoked")
    assert.strictEqual(json.items[0]?.resourceId, "model-1")
  })

  it("answers an empty list for an unknown organization and an unknown user", async () => {
    const { list } = seeded()
    for (const answer of [await list("", "org-unknown"), await list("?user_id=nobody")]) {
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.text, '{"items":[]}')
    }
  })

  it("does not take an empty user for an absent one", async () => {
    assert.strictEqual((await seeded().list("?user_id=")).status, 500)
    assert.strictEqual((await seeded({ switches: { blankUserId: 400 } }).list("?user_id=")).status, 400)
  })

  it("sends explicit nulls when the switch says so", async () => {
    const { json } = await seeded({ switches: { explicitNulls: true, unsetAlias: "absent" } }).list("?user_id=bob")
    assert.strictEqual(json.items[0]?.alias, null)
    assert.strictEqual(json.items[0]?.lastUsedTime, null)
  })
})

describe("WhyLabs v0 get", () => {
  it("wraps the metadata in an object under key, with lastUsedTime and without the secret", async () => {
    const { json, status } = await seeded().get("aaaaaaaaa1")
    assert.strictEqual(status, 200)
    assert.strictEqual(json.key.keyId, "aaaaaaaaa1")
    assert.strictEqual(json.key.lastUsedTime, "2026-03-14T09:26:48.58")
    assert.notProperty(json.key, "key")
  })

  it("answers 200 {} for unknown, revoked and foreign ids", async () => {
    const { emulator, get } = seeded()
    emulator.seed({ organization: "org-free", userId: "u", keyId: "fffffffff1" })
    for (const id of ["zzzzzzzzzz", "aaaaaaaaa3", "fffffffff1"]) {
      const answer = await get(id)
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.text, "{}")
    }
    assert.strictEqual((await get("aaaaaaaaa1", "org-unknown")).text, "{}")
  })

  it("finds an expired key", async () => {
    assert.strictEqual((await seeded().get("aaaaaaaaa2")).json.key.keyId, "aaaaaaaaa2")
  })

  it("answers the list when the id is empty", async () => {
    const { call } = seeded()
    assert.property((await call("GET", `${keysPath}/`)).json, "items")
  })
})

describe("WhyLabs v0 revoke", () => {
  it("answers the metadata with revoked true, without lastUsedTime and key", async () => {
    const { json, status } = await seeded().revoke("ann", "aaaaaaaaa1")
    assert.strictEqual(status, 200)
    assert.deepStrictEqual<unknown>(json, {
      keyId: "aaaaaaaaa1",
      orgId: organization,
      userId: "ann",
      creationTime: "2026-03-14T09:26:53.58",
      scopes: [":user"],
      alias: "one",
      revoked: true
    })
  })

  it("answers a second revoke like the first and leaves the key revoked", async () => {
    const { emulator, revoke, settle } = seeded()
    const first = await revoke("ann", "aaaaaaaaa1")
    settle()
    const second = await revoke("ann", "aaaaaaaaa1")
    assert.strictEqual(second.status, 200)
    assert.deepStrictEqual<unknown>(second.json, first.json)
    assert.isTrue(emulator.keys().find((key) => key.id === "aaaaaaaaa1")?.revoked)
  })

  it("answers one and the same 404 for an unknown id, a wrong user and a wrong organization", async () => {
    const { emulator, revoke } = seeded()
    const answers = [
      await revoke("ann", "zzzzzzzzzz"),
      await revoke("bob", "aaaaaaaaa1"),
      await revoke("Ann", "aaaaaaaaa1"),
      await revoke("ann", "aaaaaaaaa1", "org-free")
    ]
    for (const { json, status } of answers) {
      assert.strictEqual(status, 404)
      assert.strictEqual(json.type, "ResourceNotFound")
      assert.match(json.message, /^Resource ApiKey with ID [a-z0-9]{10} not found\.$/)
    }
    assert.isFalse(emulator.keys().find((key) => key.id === "aaaaaaaaa1")?.revoked)
  })

  it("needs user_id and key_id in the query, not in the path or a body", async () => {
    const { call } = seeded()
    const noUser = await call("DELETE", `${keysPath}?key_id=aaaaaaaaa1`)
    const noKey = await call("DELETE", `${keysPath}?user_id=ann`)
    assert.strictEqual(noUser.json._embedded.errors[0]?.message, "Required QueryValue [user_id] not specified")
    assert.strictEqual(noKey.json._embedded.errors[0]?.message, "Required QueryValue [key_id] not specified")
    assert.strictEqual((await call("DELETE", `${keysPath}/aaaaaaaaa1?user_id=ann`)).status, 404)
  })

  it("fails with 500 when two rows of one user share an id", async () => {
    const { emulator, revoke } = seeded()
    emulator.seed({ organization, userId: "ann", keyId: "aaaaaaaaa1" })
    assert.strictEqual((await revoke("ann", "aaaaaaaaa1")).status, 500)
  })
})

describe("index lag", () => {
  it("hides a new key from list, get and revoke until the lag has passed", async () => {
    const { create, emulator, get, list, revoke } = makeSongbird()
    const { keyId } = (await create("user_id=u")).json
    emulator.clock.advance(199)
    assert.strictEqual((await list()).text, '{"items":[]}')
    assert.strictEqual((await list("?user_id=u")).text, '{"items":[]}')
    assert.strictEqual((await get(keyId)).text, "{}")
    assert.strictEqual((await revoke("u", keyId)).status, 404)
    emulator.clock.advance(1)
    assert.deepStrictEqual(ids((await list()).json), [keyId])
    assert.strictEqual((await get(keyId)).json.key.keyId, keyId)
    assert.strictEqual((await revoke("u", keyId)).status, 200)
  })

  it("shows a revoked key as live until the lag has passed", async () => {
    const { emulator, get, list, revoke } = seeded()
    await revoke("ann", "aaaaaaaaa1")
    assert.strictEqual((await get("aaaaaaaaa1")).json.key.revoked, false)
    emulator.clock.advance(200)
    assert.strictEqual((await get("aaaaaaaaa1")).text, "{}")
    assert.isTrue((await list("?user_id=ann")).json.items[0]?.revoked)
  })

  it("follows setLag, each view by its own bound", async () => {
    const { create, emulator, get, revoke } = makeSongbird({ lag: { visibility: 0 } })
    const { keyId } = (await create("user_id=u")).json
    assert.strictEqual((await get(keyId)).json.key.keyId, keyId)
    await revoke("u", keyId)
    assert.strictEqual((await get(keyId)).json.key.keyId, keyId)
    emulator.setLag({ revocation: 0 })
    assert.strictEqual((await get(keyId)).text, "{}")
    assert.deepStrictEqual(emulator.lag, { visibility: 0, revocation: 0, authentication: 0 })
  })
})

describe("lastUsedTime", () => {
  it("appears only after a flush", async () => {
    const { emulator, get } = seeded()
    emulator.touch("aaaaaaaaa2")
    assert.notProperty((await get("aaaaaaaaa2")).json.key, "lastUsedTime")
    await emulator.flush()
    assert.strictEqual((await get("aaaaaaaaa2")).json.key.lastUsedTime, "2026-03-14T09:26:53.58")
  })

  it("is buffered by authentication and flushed for at most 25 keys at a time", async () => {
    const { emulator } = makeSongbird()
    const seeds = emulator.seed(...Array.from({ length: 30 }, () => ({ organization, userId: "u" })))
    for (const { id } of seeds) emulator.touch(id)
    const used = () => emulator.keys().filter((key) => key.lastUsedTime !== undefined).length
    await emulator.flush()
    assert.strictEqual(used(), 25)
    await emulator.flush()
    assert.strictEqual(used(), 30)
  })

  it("lets a flush that overlaps a revoke bring the key back, unless switched off", async () => {
    for (const [flushOverwritesRevoke, revoked] of [
      [true, false],
      [false, true]
    ] as const) {
      const { emulator, revoke } = seeded({ switches: { flushOverwritesRevoke } })
      emulator.touch("aaaaaaaaa1")
      await emulator.flush({ during: () => revoke("ann", "aaaaaaaaa1") })
      assert.strictEqual(emulator.keys().find((key) => key.id === "aaaaaaaaa1")?.revoked, revoked)
    }
  })
})
