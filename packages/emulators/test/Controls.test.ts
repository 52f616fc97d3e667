import { assert, describe, it } from "@effect/vitest"
import * as WhyLabs from "@keyfold/emulators/WhyLabs"
import { base, keysPath, makeSongbird, organization, read, type Songbird } from "./Songbird.ts"

interface Failure {
  readonly name: string
  readonly message: string
  readonly cause: { readonly code: string }
}

const failureOf = (work: Promise<unknown>): Promise<Failure> =>
  work.then(
    () => assert.fail("expected a rejection"),
    (error) => error
  )
const created = ({ emulator }: Songbird) => emulator.keys().filter((key) => key.origin === "created")
const outcomes = ({ emulator }: Songbird) => emulator.requests.all.map((request) => request.outcome)

describe("failNext", () => {
  it("answers the given status, headers and body without running the handler", async () => {
    const songbird = makeSongbird()
    const failure = {
      status: 503,
      headers: { "Retry-After": "3" },
      body: "<html>busy</html>",
      contentType: "text/html"
    }
    songbird.emulator.failNext(failure)
    const answer = await songbird.create("user_id=u")
    assert.strictEqual(answer.status, 503)
    assert.strictEqual(answer.headers.get("retry-after"), "3")
    assert.strictEqual(answer.headers.get("content-type"), "text/html")
    assert.strictEqual(answer.text, "<html>busy</html>")
    assert.strictEqual(created(songbird).length, 0)
    assert.isFalse(songbird.emulator.requests.all[0]?.handled)
    assert.strictEqual((await songbird.create("user_id=u")).status, 200)
  })

  it("sends no Content-Type of its own", async () => {
    const { emulator, list } = makeSongbird()
    emulator.failNext({ status: 502, body: "bad gateway" })
    assert.isNull((await list()).headers.get("content-type"))
  })

  it("applies to as many requests as asked, and only to the operation named", async () => {
    const { create, emulator, list } = makeSongbird()
    emulator.failNext({ status: 504 }, { count: 2, operation: "create" })
    assert.strictEqual((await list()).status, 200)
    assert.strictEqual((await create("user_id=u")).status, 504)
    assert.strictEqual((await create("user_id=u")).status, 504)
    assert.strictEqual((await create("user_id=u")).status, 200)
  })

  it.each([
    ["refused", "ECONNREFUSED", "refused"],
    ["reset", "ECONNRESET", "reset"],
    ["timeoutBeforeAnswer", "UND_ERR_HEADERS_TIMEOUT", "timeout"]
  ] as const)("rejects %s like Node's fetch, before the handler ran", async (network, code, outcome) => {
    const songbird = makeSongbird()
    songbird.emulator.failNext({ network })
    const error = await failureOf(songbird.create("user_id=u"))
    assert.strictEqual(error.cause.code, code)
    assert.strictEqual(error.message, "fetch failed")
    assert.instanceOf(error, TypeError)
    assert.strictEqual(created(songbird).length, 0)
    assert.deepStrictEqual(outcomes(songbird), [outcome])
  })

  it("takes interventions in the order given and forgets them on clearInterventions", async () => {
    const { emulator, list } = makeSongbird()
    emulator.failNext({ status: 500 })
    emulator.failNext({ status: 503 })
    emulator.failNext({ status: 504 })
    assert.deepStrictEqual([(await list()).status, (await list()).status], [500, 503])
    emulator.clearInterventions()
    assert.strictEqual((await list()).status, 200)
  })

  it("refuses a status or a count that cannot be", () => {
    const { emulator } = makeSongbird()
    assert.throws(() => emulator.failNext({ status: 99 }), /failure\.status/)
    assert.throws(() => emulator.failNext({ status: 500 }, { count: 0 }), /count/)
  })
})

describe("answers that get lost, late or spoiled", () => {
  it("commits before it loses a response", async () => {
    const songbird = makeSongbird()
    songbird.emulator.loseNextResponse({ operation: "create" })
    const error = await failureOf(songbird.create("user_id=u&alias=lost"))
    assert.strictEqual(error.cause.code, "ECONNRESET")
    assert.deepStrictEqual(
      created(songbird).map((key) => key.label),
      ["lost"]
    )
    assert.isTrue(songbird.emulator.requests.all[0]?.handled)
    songbird.settle()
    assert.strictEqual((await songbird.list()).json.items[0]?.alias, "lost")
  })

  it("commits a delayed request at once and answers when the clock has covered the delay", async () => {
    const songbird = makeSongbird()
    songbird.emulator.delayNext(3_600_000)
    const pending = songbird.create("user_id=u")
    await songbird.list()
    assert.strictEqual(created(songbird).length, 1)
    assert.strictEqual(outcomes(songbird)[0], "pending")
    songbird.emulator.clock.advance(3_600_000)
    assert.strictEqual((await pending).status, 200)
  })

  it("commits a request after the delay even if its client gave up", async () => {
    const songbird = makeSongbird()
    const { emulator, system } = songbird
    emulator.delayNext(5_000, { commit: "after" })
    const controller = new AbortController()
    const init = { method: "POST", headers: { "X-API-Key": system }, signal: controller.signal }
    const pending = failureOf(emulator.fetch(`${base}${keysPath}?user_id=u`, init))
    await songbird.list()
    controller.abort()
    assert.strictEqual((await pending).name, "AbortError")
    assert.strictEqual(created(songbird).length, 0)
    emulator.clock.advance(5_000)
    await songbird.list()
    assert.strictEqual(created(songbird).length, 1)
    assert.strictEqual(outcomes(songbird)[0], "aborted")
  })

  it("answers late by the machine's timer too", async () => {
    const { emulator, list } = makeSongbird()
    emulator.delayNext(1)
    assert.strictEqual((await list()).status, 200)
  })

  it.each([
    [true, 1],
    [false, 0]
  ])("never answers a hanging request until it aborts; commit %s leaves %d key", async (commit, count) => {
    const songbird = makeSongbird()
    const { emulator, system } = songbird
    emulator.hangNext({ commit })
    const controller = new AbortController()
    const init = { method: "POST", headers: { "X-API-Key": system }, signal: controller.signal }
    const pending = failureOf(emulator.fetch(`${base}${keysPath}?user_id=u`, init))
    await songbird.list()
    assert.strictEqual(outcomes(songbird)[0], "pending")
    controller.abort()
    assert.strictEqual((await pending).name, "AbortError")
    assert.strictEqual(created(songbird).length, count)
  })

  it.each([
    ["truncated", "application/json"],
    ["html", "text/html"],
    ["empty", "application/json"],
    ["text", "application/json"]
  ] as const)("commits and answers 200 with a body that cannot be decoded: %s", async (garbling, contentType) => {
    const songbird = makeSongbird()
    songbird.emulator.garbleNext(garbling)
    const answer = await songbird.create("user_id=u")
    assert.strictEqual(answer.status, 200)
    assert.strictEqual(answer.headers.get("content-type"), contentType)
    assert.isUndefined(answer.json)
    assert.strictEqual(created(songbird).length, 1)
  })

  it("answers what the caller builds, with or without running the handler", async () => {
    const songbird = makeSongbird()
    songbird.emulator.answerNext(({ request }) => Response.json({ method: request.method }, { status: 418 }))
    assert.deepStrictEqual<unknown>((await songbird.create("user_id=u")).json, { method: "POST" })
    assert.strictEqual(created(songbird).length, 0)
    songbird.emulator.answerNext(async ({ proceed }) => new Response((await proceed()).body, { status: 201 }))
    assert.strictEqual((await songbird.create("user_id=u")).status, 201)
    assert.strictEqual(created(songbird).length, 1)
  })
})

describe("fetch", () => {
  it("takes a string, a URL or a Request, with init over it", async () => {
    const { emulator, system } = makeSongbird()
    const headers = { "X-API-Key": system }
    const address = `${base}${keysPath}`
    assert.strictEqual((await emulator.fetch(address, { headers })).status, 200)
    assert.strictEqual((await emulator.fetch(new URL(address), { headers })).status, 200)
    assert.strictEqual((await emulator.fetch(new Request(address, { headers }))).status, 200)
    assert.strictEqual((await emulator.fetch(new Request(address), { headers, method: "PUT" })).status, 404)
  })

  it("rejects at once with the signal's reason, without being seen, when the signal is aborted already", async () => {
    const { emulator } = makeSongbird()
    const error = await failureOf(emulator.fetch(base, { signal: AbortSignal.abort() }))
    assert.strictEqual(error.name, "AbortError")
    const reason = new Error("mine")
    assert.strictEqual<unknown>(
      await failureOf(emulator.fetch(new Request(base), { signal: AbortSignal.abort(reason) })),
      reason
    )
    assert.strictEqual(emulator.requests.count(), 0)
  })
})

describe("state", () => {
  it("knows the owner of a secret in every spelling, and of nothing else", async () => {
    const { create, emulator } = makeSongbird()
    const { key, keyId } = (await create("user_id=u")).json
    assert.strictEqual(emulator.owns(key), keyId)
    assert.strictEqual(emulator.owns(key.slice(0, 64)), keyId)
    assert.isUndefined(emulator.owns(WhyLabs.makeCredential()))
    assert.isUndefined(emulator.owns("nonsense"))
  })

  it("gives snapshots without secrets, ahead of any lag", async () => {
    const { create, emulator } = makeSongbird()
    const { key, keyId } = (await create("user_id=u&alias=a")).json
    assert.strictEqual(emulator.keys().at(-1)?.id, keyId)
    assert.notInclude(JSON.stringify(emulator.keys()), key.slice(11, 64))
  })

  it("authenticates a seeded key whose value is given", async () => {
    const { emulator, send } = makeSongbird()
    const value = WhyLabs.makeCredential(organization)
    const [seeded] = emulator.seed({ organization, userId: "u", value })
    assert.strictEqual(seeded?.id, value.slice(0, 10))
    assert.strictEqual((await send("GET", "/v1/api-key/validate", { "X-API-Key": value })).status, 200)
  })

  it("keeps the state of two emulators apart", async () => {
    const [first, second] = [makeSongbird(), makeSongbird()]
    await first.create("user_id=u")
    assert.strictEqual(created(second).length, 0)
    assert.strictEqual((await second.send("GET", keysPath, { "X-API-Key": first.system })).status, 403)
  })

  it("names the option that is malformed, and never its secret value", () => {
    const malformed = { credentials: [{ kind: "system", value: "canary-value" }] } as const
    assert.throws(() => WhyLabs.make(malformed), TypeError, /^value takes a key of 10 letters or digits(?!.*canary)/)
    assert.throws(() => WhyLabs.make({ organizations: [{ id: "acme" }] }), /organization\.id takes "org-"/)
    assert.throws(() => WhyLabs.make({ lag: { visibility: -1 } }), /lag\.visibility/)
  })

  it("tells time as base plus what was advanced, forward only", () => {
    let time = 1_000
    const { clock } = WhyLabs.make({ clock: () => time })
    clock.advance(500)
    time += 1
    assert.strictEqual(clock.now(), 1_501)
    assert.throws(() => clock.advance(-1), /clock\.advance/)
  })

  it("starts with one free organization when none is given", async () => {
    const value = WhyLabs.makeCredential()
    const emulator = WhyLabs.make({ credentials: [{ kind: "system", value }] })
    const path = "/v0/organizations/org-local/api-key?user_id=u"
    const answer = await read(await emulator.fetch(base + path, { method: "POST", headers: { "X-API-Key": value } }))
    assert.strictEqual(answer.json.orgId, "org-local")
  })
})
