import { assert, describe, it } from "@effect/vitest"
import { scan } from "@keyfold/canary/Canary"
import { DriverError } from "@keyfold/core/Driver"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import * as Effect from "effect/Effect"
import { ConfigurationError, Network, NotFound, UnexpectedError, type Secret } from "keyfold"
import { inspect } from "node:util"
import { collect, failure, keysOver, rejection } from "./PromiseKeys.ts"

const inOneHour = () => new Date(Date.now() + 3_600_000)

describe("a store's promises", () => {
  it("give plain objects: dates, milliseconds, and nothing where nothing is known", async () => {
    await using keys = await keysOver()
    const store = keys.forTenant("acme")
    const expiresAt = inOneHour()
    const { key, secret } = await store.create({ name: "ci", scopes: ["write"], expiresAt, owner: undefined })
    assert.deepStrictEqual(key.expiresAt, expiresAt)
    assert.instanceOf(key.createdAt, Date)
    assert.deepStrictEqual([key.name, key.scopes, key.status, "owner" in key], ["ci", ["write"], "active", false])
    assert.deepStrictEqual(await store.get(key.id), key)
    assert.deepStrictEqual(await store.identify(secret), { id: key.id })
    assert.isUndefined(await store.identify("no secret of theirs"))
    const verified = await store.verify(secret)
    assert.isTrue(verified.valid)
    const { lastUsedAt, ...usage } = await store.usage(key)
    assert.instanceOf(lastUsedAt, Date)
    assert.deepStrictEqual(usage, {
      id: key.id,
      precision: "exact",
      completedRequests: 1,
      successfulRequests: 1,
      failedRequests: 0,
      provider: {}
    })
    assert.deepStrictEqual(await store.listPage({ limit: 1 }), {
      keys: [await store.get(key)],
      completeness: { excluded: ["revoked"], hidden: [], lagMilliseconds: 0 }
    })
    assert.deepStrictEqual(await store.revoke(key), { id: key.id, effectiveWithinMilliseconds: 0 })
    assert.deepStrictEqual(await store.verify(secret.reveal()), { valid: false, reason: "revoked" })
    assert.deepStrictEqual(await collect(store.list()), [])
    assert.deepStrictEqual(await collect(store.list({ status: ["active", "revoked"] })), [key.id])
  })

  it("describe the store", async () => {
    await using keys = await keysOver()
    const { capabilities, ...described } = await keys.store().describe()
    assert.deepStrictEqual(described, { name: "memory", backend: "memory" })
    assert.deepStrictEqual(capabilities.revocationLag, { withinMilliseconds: 0, basis: "promised" })
    assert.deepStrictEqual(capabilities.consistency.settle, { withinMilliseconds: 0, basis: "promised" })
    assert.deepStrictEqual(Object.keys(capabilities).toSorted(), Object.keys(MemoryDriver.capabilities).toSorted())
  })

  it("know of a key that was seen that it was there, when the answer to its revocation got lost", async () => {
    const lost = new DriverError({ reason: new Network({}), sent: "maybe" })
    const gone = new DriverError({ reason: new NotFound({}), sent: "maybe" })
    const seen = { id: "k1", status: "active" }
    let sent = 0
    await using keys = await keysOver({
      revoke: () => Effect.suspend(() => Effect.fail(sent++ % 2 === 0 ? lost : gone))
    })
    const store = keys.forTenant("acme")
    assert.isTrue((await store.revoke(seen)).alreadyRevoked)
    assert.strictEqual((await failure(store.revoke("k2"))).reason._tag, "NotFound")
  })

  it("refuse what TypeScript would have refused, by its name, with nothing sent", async () => {
    const sent: Array<string> = []
    await using keys = await keysOver({
      create: () => Effect.sync(() => sent.push("create")).pipe(Effect.andThen(Effect.never))
    })
    const store = keys.forTenant("acme")
    const refused = async (spec: object, options: object = {}) => {
      const { attempts, reason } = await failure(store.create(spec, options))
      assert.strictEqual(attempts, 0)
      return reason._tag === "InvalidRequest" ? `${reason.field}: ${reason.problem}` : reason._tag
    }
    assert.deepStrictEqual(
      [
        await refused({ name: 7 }),
        await refused({ expiresAt: "2030-01-01" }),
        await refused({ expiresAt: new Date("soon") }),
        await refused({ scopes: "write" }),
        await refused({ expires: inOneHour() }),
        await refused({}, { operationId: "no spaces" }),
        await refused({}, { within: "5 minuets" }),
        await refused({}, { deliver: "ci.key" })
      ],
      [
        "name: expected a text",
        "expiresAt: expected a Date that is a time",
        "expiresAt: expected a Date that is a time",
        "scopes: expected a list of texts",
        "expires: not a member; accepted: name, owner, scopes, expiresAt, tags, provider",
        "operationId: expected 1 to 255 printable ASCII characters without spaces",
        'within: expected milliseconds, or a text such as "30 seconds"',
        "deliver: expected a function"
      ]
    )
    assert.deepStrictEqual(sent, [])
  })

  it("take lengths of time in milliseconds or as text", async () => {
    await using keys = await keysOver({ create: () => Effect.never })
    const store = keys.forTenant("acme")
    for (const within of [1, "1 millis"] as const) {
      const { reason } = await failure(store.create({}, { within }))
      assert.strictEqual(reason._tag, "OutcomeUnknown")
    }
  })
})

describe("delivering", () => {
  it("hands the secret to a function and to nobody else", async () => {
    await using keys = await keysOver()
    const store = keys.forTenant("acme")
    const taken: Array<string> = []
    const delivered = await store.create(
      { name: "ci" },
      {
        deliver: async ({ key, secret }, { signal }) => {
          assert.isFalse(signal.aborted)
          taken.push(key.id, secret.reveal())
        }
      }
    )
    assert.deepStrictEqual(taken[0], delivered.key.id)
    assert.deepStrictEqual(Object.keys(delivered).toSorted(), ["holds", "key", "sink"])
    assert.strictEqual(delivered.holds, delivered.key.id)
    assert.isTrue((await store.verify(taken[1] ?? "")).valid)
  })

  it("revokes the key where the function fails, and says nothing of what it failed with", async () => {
    await using keys = await keysOver()
    const store = keys.forTenant("acme")
    let text = ""
    const deliver = async ({ secret }: { readonly secret: Secret }) => {
      text = secret.reveal()
      throw new Error(`cannot store ${text}`)
    }
    const error = await failure(store.create({ name: "ci" }, { deliver }))
    assert.isTrue(error.reason._tag === "NotDelivered" && error.reason.revoked)
    assert.deepStrictEqual(scan([["error", error]], [text]), [])
    assert.deepStrictEqual(await store.verify(text), { valid: false, reason: "revoked" })
  })
})

describe("what is rejected with", () => {
  it("is the store's own error, with the line of the call in its stack", async () => {
    await using keys = await keysOver()
    const error = await failure(keys.forTenant("acme").get("missing"))
    switch (error.reason._tag) {
      case "NotFound":
        break
      default:
        assert.fail(error.reason._tag)
    }
    assert.strictEqual(error.operation, "get")
    assert.match(error.stack ?? "", /^@keyfold\/core\/KeyStoreError: get on store "memory" \(memory\): NotFound/)
    assert.include(error.stack ?? "", "Promises.test.ts")
  })

  it("is a ConfigurationError for a tenant nobody configured", async () => {
    await using keys = await keysOver()
    const error = await rejection(keys.forTenant("globex").listPage())
    assert.instanceOf(error, ConfigurationError)
    assert.include(error instanceof ConfigurationError ? error.message : "", '"globex"')
    assert.include(error instanceof ConfigurationError ? (error.stack ?? "") : "", "Promises.test.ts")
  })

  it("shows of a defect where it was, and none of its text", async () => {
    const broken = (): never => {
      throw new Error("canary-in-a-defect\n    at canary-in-a-frame (a.ts:1:1)", { cause: "canary-in-a-cause" })
    }
    await using keys = await keysOver({ usage: () => Effect.sync(broken) })
    const error = await rejection(keys.forTenant("acme").usage("k1"))
    assert.instanceOf(error, UnexpectedError)
    assert.include(error instanceof Error ? (error.stack ?? "") : "", "at broken")
    assert.notInclude(inspect(error, { showHidden: true, depth: 9 }), "canary")
  })
})

describe("a secret", () => {
  it("shows in no result, however it is printed", async () => {
    await using keys = await keysOver()
    const store = keys.forTenant("acme")
    const issued = await store.create({ name: "ci" })
    const text = issued.secret.reveal()
    const results: Array<readonly [string, unknown]> = [
      ["issued", issued],
      ["secret", issued.secret],
      ["spread", { ...issued.secret }],
      ["text", String(issued.secret)],
      ["verified", await store.verify(issued.secret)],
      ["listed", await store.listPage()],
      ["rejected", await rejection(store.verify({ text } as unknown as Secret))]
    ]
    assert.deepStrictEqual(scan(results, [text]), [])
    assert.strictEqual(JSON.stringify({ secret: issued.secret }), '{"secret":"<secret>"}')
    assert.strictEqual(inspect(issued.secret), "<secret>")
  })

  it("is found by the scan where it is not wrapped", async () => {
    await using keys = await keysOver()
    const { secret } = await keys.forTenant("acme").create()
    assert.isAbove(scan([["revealed", { secret: secret.reveal() }]], [secret.reveal()]).length, 0)
  })
})
