import { assert, describe, it } from "@effect/vitest"
import type * as Occam from "@keyfold/emulators/Occam"
import { email, makeOccam, unknownId, type Answer } from "./OccamServer.ts"

const outcome = ({ status, text }: Answer) => [status, text] as const
const notFound = [404, '{"detail":"API key not found"}'] as const
const internalError = [500, "Internal Server Error"] as const
const withSwitches = (switches: Partial<Occam.Switches>) => makeOccam({ switches })

describe("creating a key on Occam", () => {
  it("answers 200 with id and secret and nothing else", async () => {
    const answer = await makeOccam().create()
    assert.strictEqual(answer.status, 200)
    assert.deepStrictEqual(Object.keys(answer.json), ["uuid", "api_key"])
    assert.match(answer.json.uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.match(answer.json.api_key, /^sk-occam-[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$/)
  })

  it.each([
    ["random", false],
    ["uuid", true]
  ] as const)("draws the hex of the secret: %s", async (secretHex, same) => {
    const { api_key, uuid } = (await withSwitches({ secretHex }).create()).json
    assert.strictEqual(api_key === `sk-occam-${uuid.replaceAll("-", "")}`, same)
  })

  it("takes any name", async () => {
    const { create, items } = makeOccam()
    for (const name of ["", "ünï 🔑", "x".repeat(10_000)]) assert.strictEqual((await create(name)).status, 200)
    assert.strictEqual((await items())[1]?.name, "ünï 🔑")
  })

  it("ignores unknown members and the stray settings parameter", async () => {
    assert.strictEqual((await makeOccam().call("PUT", "/keys/?settings=1", { name: "a", scopes: [] })).status, 200)
  })

  it("works for a user that logged in", async () => {
    const { create, login } = makeOccam()
    assert.strictEqual((await create("a", (await login()).json.access_token)).status, 200)
  })
})

describe("a repeated name on Occam", () => {
  it("makes a second key", async () => {
    const { create, items } = makeOccam()
    assert.notStrictEqual((await create("a")).json.uuid, (await create("a")).json.uuid)
    assert.lengthOf(await items(), 2)
  })

  it("may return the first key, secret included", async () => {
    const { create, items } = withSwitches({ repeatedName: "returnsFirst" })
    assert.deepStrictEqual((await create("a")).json, (await create("a")).json)
    assert.lengthOf(await items(), 1)
  })

  it("may rotate the first key's secret", async () => {
    const { create, emulator } = withSwitches({ repeatedName: "rotates" })
    const [first, second] = [(await create("a")).json, (await create("a")).json]
    assert.strictEqual(first.uuid, second.uuid)
    assert.isFalse(emulator.accepts(first.api_key))
    assert.isTrue(emulator.accepts(second.api_key))
  })

  it.each([
    ["conflict", 409],
    ["badRequest", 400]
  ] as const)("may be refused: %s is %d", async (repeatedName, status) => {
    const { create, items } = withSwitches({ repeatedName })
    await create("a")
    const answer = await create("a")
    assert.strictEqual(answer.status, status)
    assert.strictEqual(answer.text, '{"detail":"API key with this name already exists"}')
    assert.lengthOf(await items(), 1)
  })

  it("is none of another user's business", async () => {
    const { create, tokenOfBob } = withSwitches({ repeatedName: "conflict" })
    await create("a")
    assert.strictEqual((await create("a", await tokenOfBob())).status, 200)
  })

  it.each([
    [false, 200],
    [true, 409]
  ])("of a deleted key: counting %s answers %d", async (deletedNamesCount, status) => {
    const { create, revoke } = withSwitches({ repeatedName: "conflict", deletedNamesCount })
    await revoke((await create("a")).json.uuid)
    assert.strictEqual((await create("a")).status, status)
  })
})

describe("the limit of keys on Occam", () => {
  it("is none unless told otherwise", async () => {
    const { create, emulator } = makeOccam()
    emulator.seed(...Array.from({ length: 5_000 }, () => ({ email, name: "a" })))
    assert.strictEqual((await create()).status, 200)
  })

  it.each([403, 400, 402, 409, 429] as const)("refuses with %d", async (limitStatus) => {
    const { create } = makeOccam({ maxKeys: 2, switches: { limitStatus } })
    assert.strictEqual((await create()).status, 200)
    assert.deepStrictEqual(outcome(await create()), [limitStatus, '{"detail":"API key limit reached"}'])
  })

  it("counts the live keys of one user", async () => {
    const { create, revoke, tokenOfBob } = makeOccam({ maxKeys: 2 })
    const { uuid } = (await create()).json
    assert.strictEqual((await create("a", await tokenOfBob())).status, 200)
    await revoke(uuid)
    assert.strictEqual((await create()).status, 200)
  })
})

describe("listing keys on Occam", () => {
  it("answers a bare array with the five members", async () => {
    const { create, items } = makeOccam()
    const { api_key, uuid } = (await create()).json
    assert.deepStrictEqual<unknown>(await items(), [
      {
        uuid,
        name: "nightly-sync",
        api_key: `sk-occam-****${api_key.slice(-4)}`,
        created: "2026-03-14T09:26:53.589000+00:00",
        last_used: null
      }
    ])
  })

  it("shows the credential itself, and the use that its exchange is", async () => {
    const items = [...(await makeOccam().list()).json]
    assert.lengthOf(items, 1)
    assert.strictEqual(items[0]?.last_used, "2026-03-14T09:26:53.589000+00:00")
  })

  it("may not count an exchange as a use", async () => {
    const { list } = withSwitches({ exchangeCountsAsUse: false })
    assert.isNull((await list()).json[0]?.last_used)
  })

  it("shows the calling user's keys only", async () => {
    const { create, list, tokenOfBob } = makeOccam()
    await create()
    assert.strictEqual((await list(await tokenOfBob())).text, "[]")
  })

  it.each([
    ["prefixAndLastFour", "sk-occam-****cdef"],
    ["lastFour", "...cdef"],
    ["firstFour", "sk-occam-0123..."],
    ["stars", "********"],
    ["clear", "sk-occam-01234567890140008000000000abcdef"]
  ] as const)("may hide keys as %s", async (mask, shown) => {
    const { emulator, items } = withSwitches({ mask })
    emulator.seed({ email, name: "a", value: "sk-occam-01234567890140008000000000abcdef" })
    assert.strictEqual((await items())[0]?.api_key, shown)
  })

  it.each([
    ["offset", "2026-03-14T09:26:53.589000+00:00"],
    ["zulu", "2026-03-14T09:26:53.589000Z"],
    ["none", "2026-03-14T09:26:53.589000"]
  ] as const)("may write created with zone %s", async (createdZone, created) => {
    const { create, items } = withSwitches({ createdZone })
    await create()
    assert.strictEqual((await items())[0]?.created, created)
  })

  it.each([
    ["offset", "2026-01-01T00:00:00+00:00"],
    ["zulu", "2026-01-01T00:00:00Z"],
    ["none", "2026-01-01T00:00:00"]
  ] as const)("may write last_used with zone %s", async (lastUsedZone, expected) => {
    const { emulator, items } = withSwitches({ lastUsedZone })
    emulator.seed({ email, name: "a", lastUsed: Date.UTC(2026, 0, 1) })
    assert.strictEqual((await items())[0]?.last_used, expected)
  })

  it.each([
    ["null", null],
    ["created", "2026-03-14T09:26:53.589000+00:00"],
    ["epoch", "1970-01-01T00:00:00+00:00"]
  ] as const)("may report a key that was never used as %s", async (neverUsed, expected) => {
    const { create, items } = withSwitches({ neverUsed })
    await create()
    assert.strictEqual((await items())[0]?.last_used, expected)
  })

  it("may leave last_used out for a key that was never used", async () => {
    const { create, emulator, items } = withSwitches({ neverUsed: "absent" })
    const { api_key } = (await create()).json
    assert.notProperty((await items())[0], "last_used")
    emulator.use(api_key)
    assert.property((await items())[0], "last_used")
  })

  it.each([
    [false, 0],
    [true, 1]
  ])("may include deleted keys: %s", async (listIncludesDeleted, count) => {
    const { create, items, revoke } = withSwitches({ listIncludesDeleted })
    await revoke((await create()).json.uuid)
    assert.lengthOf(await items(), count)
  })

  it.each([
    ["insertion", ["a", "b"]],
    ["newestFirst", ["b", "a"]]
  ] as const)("may come in the order %s", async (listOrder, expected) => {
    const { create, items } = withSwitches({ listOrder })
    await create("a")
    await create("b")
    const names = (await items()).map((item) => item.name)
    assert.deepStrictEqual<ReadonlyArray<string>>(names, expected)
  })
})

describe("deleting a key on Occam", () => {
  it.each([
    ["null", 200, "null", "application/json"],
    ["object", 200, "{}", "application/json"],
    ["empty", 200, "", null],
    ["noContent", 204, "", null]
  ] as const)("may answer %s", async (deleteBody, status, text, contentType) => {
    const { create, items, revoke } = withSwitches({ deleteBody })
    const answer = await revoke((await create()).json.uuid)
    assert.deepStrictEqual(outcome(answer), [status, text])
    assert.strictEqual(answer.headers.get("content-type"), contentType)
    assert.lengthOf(await items(), 0)
  })

  it("finds the key in upper case too", async () => {
    const { create, revoke } = makeOccam()
    assert.strictEqual((await revoke((await create()).json.uuid.toUpperCase())).status, 200)
  })

  it.each([
    [404, notFound],
    [200, [200, "null"]],
    [500, internalError]
  ] as const)("may answer %d to an unknown id", async (unknownDelete, expected) => {
    assert.deepStrictEqual(outcome(await withSwitches({ unknownDelete }).revoke(unknownId)), expected)
  })

  it.each([
    [404, notFound],
    [200, [200, "null"]],
    [500, internalError]
  ] as const)("may answer %d to a repetition", async (repeatedDelete, expected) => {
    const { create, revoke } = withSwitches({ repeatedDelete })
    const { uuid } = (await create()).json
    await revoke(uuid)
    assert.deepStrictEqual(outcome(await revoke(uuid)), expected)
  })

  it.each([
    [404, notFound],
    [500, internalError]
  ] as const)("may answer %d to what is no UUID", async (malformedUuid, expected) => {
    assert.deepStrictEqual(outcome(await withSwitches({ malformedUuid }).revoke("nope")), expected)
  })

  it("writes a 500 as plain text", async () => {
    const answer = await withSwitches({ unknownDelete: 500 }).revoke(unknownId)
    assert.strictEqual(answer.headers.get("content-type"), "text/plain; charset=utf-8")
  })

  it.each([
    ["unknown", 404],
    ["forbidden", 403]
  ] as const)("leaves another user's key alone: %s", async (foreignKey, status) => {
    const { create, emulator, revoke, tokenOfBob } = withSwitches({ foreignKey })
    const { uuid } = (await create()).json
    assert.strictEqual((await revoke(uuid, await tokenOfBob())).status, status)
    assert.isFalse(emulator.keys().find((key) => key.id === uuid)?.revoked)
  })

  it("locks out a caller that deletes its own credential once its token is gone", async () => {
    const { emulator, exchange, revoke } = makeOccam()
    const [credential] = emulator.keys()
    assert.strictEqual((await revoke(credential?.id ?? "")).status, 200)
    assert.strictEqual((await exchange()).status, 400)
  })
})

describe("usage of a key on Occam", () => {
  const example = { completedRequests: 120, successfulRequests: 117, failedRequests: 3 }

  it("is five zeros at first", async () => {
    const { create, usage } = makeOccam()
    assert.deepStrictEqual<unknown>(JSON.parse((await usage((await create()).json.uuid)).text), {
      completed_requests: 0,
      successful_requests: 0,
      failed_requests: 0,
      quota_usage_percentage: 0,
      requests_per_day: 0
    })
  })

  it("counts uses", async () => {
    const { create, emulator, usage } = makeOccam()
    const { api_key, uuid } = (await create()).json
    assert.isTrue(emulator.use(api_key))
    assert.isTrue(emulator.use(api_key, "failed"))
    const { completed_requests, failed_requests, successful_requests } = (await usage(uuid)).json
    assert.deepStrictEqual([completed_requests, successful_requests, failed_requests], [2, 1, 1])
  })

  it("does not count what is refused", async () => {
    const { create, emulator, revoke } = makeOccam({ switches: { usageOfDeleted: "reported" } })
    const { api_key, uuid } = (await create()).json
    await revoke(uuid)
    assert.isFalse(emulator.use(api_key))
    assert.notProperty(
      emulator.keys().find((key) => key.id === uuid),
      "lastUsed"
    )
  })

  it.each([
    ["percent", 2.4],
    ["fraction", 0.024]
  ] as const)("may tell the quota on the scale %s", async (quotaScale, expected) => {
    const { create, emulator, usage } = withSwitches({ quotaScale })
    const { uuid } = (await create()).json
    emulator.setUsage(uuid, example)
    assert.strictEqual((await usage(uuid)).json.quota_usage_percentage, expected)
  })

  it("spreads the requests over the days since creation, at least one", async () => {
    const { create, emulator, usage } = makeOccam()
    const { uuid } = (await create()).json
    emulator.setUsage(uuid, example)
    assert.strictEqual((await usage(uuid)).json.requests_per_day, 120)
    emulator.clock.advance(7 * 86_400_000)
    assert.strictEqual((await usage(uuid)).json.requests_per_day, 17.14)
  })

  it("goes on counting from the numbers set", async () => {
    const { create, emulator, usage } = makeOccam()
    const { api_key, uuid } = (await create()).json
    emulator.setUsage(uuid, example)
    emulator.use(api_key)
    assert.strictEqual((await usage(uuid)).json.completed_requests, 121)
  })

  it("reports rates as set, and leaves out what is set to null", async () => {
    const { create, emulator, usage } = makeOccam()
    const { uuid } = (await create()).json
    emulator.setUsage(uuid, { quotaUsagePercentage: 130.5, requestsPerDay: null, failedRequests: null })
    assert.deepStrictEqual<unknown>(JSON.parse((await usage(uuid)).text), {
      completed_requests: 0,
      successful_requests: 0,
      quota_usage_percentage: 130.5
    })
    emulator.setUsage(uuid, { failedRequests: 4 })
    assert.strictEqual((await usage(uuid)).json.failed_requests, 4)
  })

  it.each([
    [404, notFound],
    [500, internalError]
  ] as const)("may be %d for an unknown id", async (unknownUsage, expected) => {
    assert.deepStrictEqual(outcome(await withSwitches({ unknownUsage }).usage(unknownId)), expected)
  })

  it.each([
    [404, notFound],
    [500, internalError]
  ] as const)("may be %d for what is no UUID", async (malformedUuid, expected) => {
    assert.deepStrictEqual(outcome(await withSwitches({ malformedUuid }).usage("nope")), expected)
  })

  it.each([
    [404, 404],
    [500, 500],
    ["reported", 200]
  ] as const)("of a deleted key may be %s", async (usageOfDeleted, status) => {
    const { create, revoke, usage } = withSwitches({ usageOfDeleted })
    const { uuid } = (await create()).json
    await revoke(uuid)
    assert.strictEqual((await usage(uuid)).status, status)
  })

  it.each([
    ["unknown", 404],
    ["forbidden", 403]
  ] as const)("of another user's key is %s", async (foreignKey, status) => {
    const { create, tokenOfBob, usage } = withSwitches({ foreignKey })
    const { uuid } = (await create()).json
    assert.strictEqual((await usage(uuid, await tokenOfBob())).status, status)
  })
})
