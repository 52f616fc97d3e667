import { assert, describe, it } from "@effect/vitest"
import { keysPath as arthurKeys, makeArthur } from "./ArthurEngine.ts"
import { makeOccam } from "./OccamServer.ts"
import { base, keysPath, makeSongbird, organization, start, type Songbird } from "./Songbird.ts"

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
const names = (songbird: Songbird) => created(songbird).map((key) => key.label)

/** Sends a create and gives the response before its body is read. */
const post = ({ emulator, system }: Songbird, alias: string, signal?: AbortSignal) =>
  emulator.fetch(`${base}${keysPath}?user_id=u&alias=${alias}`, {
    method: "POST",
    headers: { "X-API-Key": system },
    ...(signal === undefined ? {} : { signal })
  })

describe("failNext", () => {
  it("runs the handler first when told to commit", async () => {
    const songbird = makeSongbird()
    songbird.emulator.failNext({ status: 502 }, { commit: true })
    assert.strictEqual((await songbird.create("user_id=u&alias=a")).status, 502)
    songbird.emulator.failNext({ network: "timeoutBeforeAnswer" }, { commit: true, operation: "create" })
    assert.strictEqual((await failureOf(post(songbird, "b"))).cause.code, "UND_ERR_HEADERS_TIMEOUT")
    assert.deepStrictEqual(names(songbird), ["a", "b"])
    assert.isTrue(songbird.emulator.requests.all[0]?.handled)
  })

  it("refuses to commit over a refused connection", () => {
    const { emulator } = makeSongbird()
    assert.throws(() => emulator.failNext({ network: "refused" }, { commit: true }), /commit takes false/)
  })
})

describe("abandonNext", () => {
  it("resets the connection at once and runs the handler when the time has come", async () => {
    const songbird = makeSongbird()
    songbird.emulator.abandonNext(5_000)
    assert.strictEqual((await failureOf(post(songbird, "late"))).cause.code, "ECONNRESET")
    await songbird.list()
    assert.deepStrictEqual(names(songbird), [])
    assert.isFalse(songbird.emulator.requests.all[0]?.handled)
    songbird.emulator.clock.advance(5_000)
    await songbird.list()
    assert.deepStrictEqual(names(songbird), ["late"])
    const [request] = songbird.emulator.requests.all
    assert.deepInclude(request, { handled: true, outcome: "reset", created: created(songbird).map((key) => key.id) })
  })
})

describe("cutNext", () => {
  it("commits, answers status and headers and half the body, then breaks the connection", async () => {
    const songbird = makeSongbird()
    songbird.emulator.cutNext()
    const response = await post(songbird, "cut")
    assert.strictEqual(response.status, 200)
    assert.strictEqual(response.headers.get("content-type"), "application/json")
    const reader = response.body?.getReader()
    const half = new TextDecoder().decode((await reader?.read())?.value)
    assert.match(half, /^\{"key":"/)
    assert.notInclude(half, "}")
    const error = await failureOf(reader?.read() ?? Promise.resolve())
    assert.instanceOf(error, TypeError)
    assert.deepInclude(error, { message: "terminated" })
    assert.strictEqual(error.cause.code, "ECONNRESET")
    assert.deepStrictEqual(names(songbird), ["cut"])
    assert.deepInclude(songbird.emulator.requests.all[0], { outcome: "cut", status: 200 })
  })

  it("lets nobody read the whole text", async () => {
    const songbird = makeSongbird()
    songbird.emulator.cutNext({ operation: "list" })
    await songbird.create("user_id=u")
    assert.strictEqual((await failureOf(songbird.list())).message, "terminated")
  })

  it("loses an answer that has no body", async () => {
    const { create, emulator, revoke } = makeArthur()
    const { id } = (await create()).json
    emulator.cutNext({ operation: "revoke" })
    assert.strictEqual((await failureOf(revoke(id))).cause.code, "ECONNRESET")
    assert.isTrue(emulator.keys()[0]?.revoked)
    assert.strictEqual(emulator.requests.all[1]?.outcome, "reset")
  })
})

describe("trickleNext", () => {
  it("answers status and headers at once and the body in pieces as time passes", async () => {
    const songbird = makeSongbird()
    songbird.emulator.trickleNext(8_000)
    const response = await post(songbird, "slow")
    assert.strictEqual(response.status, 200)
    assert.deepStrictEqual(names(songbird), ["slow"])
    const reader = response.body?.getReader()
    const pieces: Array<string> = []
    const decoder = new TextDecoder()
    for (let second = 1; second <= 8; second++) {
      const reading = reader?.read()
      let arrived = false
      void reading?.then(() => (arrived = true))
      songbird.emulator.clock.advance(999)
      await songbird.list()
      assert.isFalse(arrived)
      songbird.emulator.clock.advance(1)
      pieces.push(decoder.decode((await reading)?.value))
    }
    assert.isTrue((await reader?.read())?.done)
    assert.isTrue(pieces.every((piece) => piece.length > 0))
    assert.strictEqual(JSON.parse(pieces.join("")).alias, "slow")
  })

  it("gives the whole answer to a reader that waits, and nothing to wait for without a body", async () => {
    const { create, emulator, revoke } = makeArthur()
    emulator.trickleNext(8)
    const { id } = (await create({ description: "größe ☃" })).json
    emulator.trickleNext(3_600_000)
    assert.strictEqual((await revoke(id)).status, 204)
  })

  it("breaks off with the signal's reason", async () => {
    const songbird = makeSongbird()
    const controller = new AbortController()
    songbird.emulator.trickleNext(3_600_000)
    const reading = (await post(songbird, "slow", controller.signal)).text()
    controller.abort()
    assert.strictEqual((await failureOf(reading)).name, "AbortError")
  })
})

describe("duplicateNext", () => {
  it("makes two keys of one create at once, and answers the first", async () => {
    const songbird = makeSongbird()
    songbird.emulator.duplicateNext(0)
    const { keyId } = (await songbird.create("user_id=u&alias=twin")).json
    assert.deepStrictEqual(names(songbird), ["twin", "twin"])
    const [first, second] = created(songbird).map((key) => key.id)
    assert.strictEqual(keyId, first)
    assert.notStrictEqual(second, first)
    assert.deepStrictEqual<unknown>(songbird.emulator.requests.all[0]?.created, [first, second])
  })

  it("delivers again later, after the client has its answer", async () => {
    const songbird = makeSongbird()
    songbird.emulator.duplicateNext(5_000)
    assert.strictEqual((await songbird.create("user_id=u&alias=twin")).status, 200)
    assert.lengthOf(names(songbird), 1)
    songbird.emulator.clock.advance(5_000)
    await songbird.list()
    assert.lengthOf(names(songbird), 2)
  })

  it("answers the second delivery when told to", async () => {
    const songbird = makeSongbird()
    songbird.emulator.duplicateNext(5_000, { answer: "second" })
    const pending = songbird.create("user_id=u")
    await songbird.list()
    assert.lengthOf(names(songbird), 1)
    songbird.emulator.clock.advance(5_000)
    assert.strictEqual((await pending).json.keyId, created(songbird)[1]?.id)
  })

  it("answers nothing when told to, and delivers again all the same", async () => {
    const songbird = makeSongbird()
    songbird.emulator.duplicateNext(5_000, { answer: "none" })
    assert.strictEqual((await failureOf(post(songbird, "twin"))).cause.code, "ECONNRESET")
    assert.lengthOf(names(songbird), 1)
    songbird.emulator.clock.advance(5_000)
    await songbird.list()
    assert.lengthOf(names(songbird), 2)
  })

  it("leaves both keys with secrets of their own on every backend", async () => {
    const arthur = makeArthur()
    arthur.emulator.duplicateNext(0, { answer: "second" })
    const second = (await arthur.create({ description: "twin" })).json
    assert.deepStrictEqual(
      arthur.emulator.keys().map(({ label, revoked }) => [label, revoked]),
      [
        ["twin", false],
        ["twin", false]
      ]
    )
    assert.strictEqual(arthur.emulator.owns(second.key), arthur.emulator.keys()[1]?.id)
    await arthur.revoke(second.id)
    assert.deepStrictEqual(
      arthur.emulator.keys().map((key) => key.revoked),
      [false, true]
    )
    const occam = makeOccam()
    occam.emulator.duplicateNext(0, { operation: "create" })
    const { api_key, uuid } = (await occam.create("twin")).json
    const twins = occam.emulator.keys().filter((key) => key.label === "twin")
    assert.strictEqual(occam.emulator.owns(api_key), uuid)
    assert.deepStrictEqual(
      twins.map((key) => key.id),
      occam.emulator.requests.all[1]?.created
    )
    assert.strictEqual(uuid, twins[0]?.id)
  })
})

describe("staleNext", () => {
  it("serves one list from the state as of that long ago, the next one from the present", async () => {
    const songbird = makeSongbird({ lag: { visibility: 0, revocation: 0 } })
    const aliases = async () => (await songbird.list()).json.items.map((item) => item.alias)
    const { keyId } = (await songbird.create("user_id=u&alias=old")).json
    songbird.emulator.clock.advance(5_000)
    await songbird.create("user_id=u&alias=new")
    await songbird.revoke("u", keyId)
    songbird.emulator.staleNext(4_999, { operation: "list" })
    songbird.emulator.staleNext(5_001, { operation: "list" })
    assert.deepStrictEqual(await aliases(), ["old"])
    assert.deepStrictEqual(await aliases(), [])
    assert.deepStrictEqual(await aliases(), ["new"])
  })

  it("does not make a read fresher than the lag in force", async () => {
    const songbird = makeSongbird({ lag: { visibility: 1_000 } })
    await songbird.create("user_id=u")
    songbird.emulator.clock.advance(999)
    songbird.emulator.staleNext(0)
    assert.lengthOf((await songbird.list()).json.items, 0)
    songbird.emulator.clock.advance(1)
    assert.lengthOf((await songbird.list()).json.items, 1)
  })

  it("does not touch authentication", async () => {
    const { create, emulator, send } = makeSongbird()
    const { key } = (await create("user_id=u")).json
    emulator.staleNext(10_000)
    assert.strictEqual((await send("GET", "/v1/api-key/validate", { "X-API-Key": key })).status, 200)
  })

  it("works on Arthur and Occam too", async () => {
    const arthur = makeArthur()
    const { id } = (await arthur.create()).json
    arthur.emulator.staleNext(1_000, { count: 2 })
    assert.lengthOf((await arthur.list()).json, 0)
    assert.strictEqual((await arthur.get(id)).status, 404)
    assert.lengthOf((await arthur.list()).json, 1)
    const occam = makeOccam()
    await occam.create("a")
    occam.emulator.staleNext(1_000, { operation: "list" })
    assert.lengthOf(await occam.items(), 0)
    assert.lengthOf(await occam.items(), 1)
  })
})

describe("a clock that is off", () => {
  it("shifts what WhyLabs writes and checks, and no lag", async () => {
    const songbird = makeSongbird()
    const { create, emulator, list } = songbird
    emulator.clock.skew(-3_600_000)
    assert.strictEqual(emulator.clock.wall(), start - 3_600_000)
    assert.strictEqual(emulator.clock.now(), start)
    const answer = await create(`user_id=u&expiration_time=${start}`)
    assert.strictEqual(answer.json.creationTime, new Date(start - 3_600_000).toISOString().replace(/0Z$|Z$/, ""))
    assert.strictEqual(answer.headers.get("date"), new Date(start - 3_600_000).toUTCString())
    assert.lengthOf((await list()).json.items, 0)
    emulator.clock.advance(200)
    assert.lengthOf((await list()).json.items, 1)
    emulator.clock.skew(0)
    assert.strictEqual((await create(`user_id=u&expiration_time=${start}`)).status, 400)
  })

  it("is off for one request only with skewNext, its Date included", async () => {
    const { create, emulator } = makeSongbird()
    const soon = start + 120_000
    emulator.skewNext(60_001)
    assert.strictEqual((await create(`user_id=u&expiration_time=${soon}`)).status, 400)
    emulator.skewNext(-1_000)
    const answer = await create(`user_id=u&expiration_time=${soon}`)
    assert.strictEqual(answer.status, 200)
    assert.strictEqual(answer.headers.get("date"), new Date(start - 1_000).toUTCString())
    assert.strictEqual((await create("user_id=u")).headers.get("date"), new Date(start).toUTCString())
  })

  it("ends a WhyLabs key at the server's time", async () => {
    const { call, create, emulator, send } = makeSongbird()
    const { key } = (await create(`user_id=u&expiration_time=${start + 120_000}`)).json
    const validate = () => send("GET", "/v1/api-key/validate", { "X-API-Key": key })
    assert.strictEqual((await validate()).status, 200)
    emulator.clock.skew(120_001)
    assert.strictEqual((await validate()).status, 403)
    assert.strictEqual((await call("GET", keysPath)).status, 200)
  })

  it("shifts deactivation and start times on Arthur", async () => {
    const { create, emulator, get, revoke } = makeArthur()
    const { id } = (await create()).json
    emulator.skewNext(-3_600_000, { operation: "revoke" })
    await revoke(id)
    const revoked = (await get(id)).json
    assert.strictEqual(revoked.deactivated_at, revoked.created_at.replace("T09", "T08"))
    emulator.clock.skew(-3_600_000)
    emulator.restart()
    assert.strictEqual((await create()).json.created_at, revoked.deactivated_at)
  })

  it("shifts creation times and the life of tokens on Occam", async () => {
    const { create, emulator, exchange, items, list } = makeOccam()
    const token = (await exchange()).json.access_token
    emulator.skewNext(-3_600_000, { operation: "create" })
    await create("early", token)
    await create("now", token)
    const [early, now] = await items()
    assert.strictEqual(early?.created, now?.created.replace("T09", "T08"))
    emulator.clock.skew(86_400_000)
    assert.strictEqual((await list(token)).status, 401)
  })

  it("moves no delay", async () => {
    const songbird = makeSongbird()
    songbird.emulator.clock.skew(3_600_000)
    songbird.emulator.delayNext(3_600_000)
    const pending = songbird.create("user_id=u")
    await songbird.list()
    songbird.emulator.clock.advance(3_599_999)
    await songbird.list()
    assert.strictEqual(outcomes(songbird)[0], "pending")
    songbird.emulator.clock.advance(1)
    assert.strictEqual((await pending).status, 200)
  })

  it("refuses what is no time", () => {
    const { emulator } = makeSongbird()
    assert.throws(() => emulator.clock.skew(Number.NaN), /clock\.skew takes milliseconds/)
    assert.throws(() => emulator.skewNext(Infinity), /skewNext takes milliseconds/)
    assert.throws(() => emulator.trickleNext(-1), /trickleNext takes milliseconds of 0 or more/)
    for (const control of ["abandonNext", "duplicateNext", "staleNext"] as const) {
      assert.throws(() => emulator[control](-1), new RegExp(`${control} takes`))
    }
  })
})

describe("queues", () => {
  it("serve the new faults in the order asked for, by count and operation, until they are cleared", async () => {
    const songbird = makeSongbird()
    const { emulator } = songbird
    emulator.abandonNext(1, { operation: "list" })
    emulator.duplicateNext(0, { operation: "create", count: 2 })
    emulator.cutNext({ operation: "create", count: 2 })
    await songbird.create("user_id=u")
    await songbird.create("user_id=u")
    await failureOf(songbird.create("user_id=u"))
    assert.lengthOf(names(songbird), 5)
    emulator.clearInterventions()
    await songbird.create("user_id=u")
    await songbird.list()
    assert.deepStrictEqual(outcomes(songbird), ["answered", "answered", "cut", "answered", "answered"])
  })

  it("delay an answer that is cut, too", async () => {
    const songbird = makeSongbird()
    songbird.emulator.delayNext(1_000)
    songbird.emulator.cutNext()
    const pending = failureOf(songbird.create("user_id=u"))
    await songbird.list()
    assert.deepStrictEqual(outcomes(songbird), ["pending", "answered"])
    songbird.emulator.clock.advance(1_000)
    assert.strictEqual((await pending).message, "terminated")
  })
})

describe("the log option", () => {
  it("keeps as many of the newest requests as it says", async () => {
    const { emulator, list } = makeSongbird({ log: 3 })
    for (let times = 0; times < 8; times++) await list()
    assert.deepStrictEqual(
      emulator.requests.all.map(({ sequence }) => sequence),
      [6, 7, 8]
    )
    assert.strictEqual(emulator.requests.count("list"), 3)
  })

  it("keeps nothing with 0, and the emulator works as ever", async () => {
    const { create, emulator } = makeArthur({ log: 0 })
    emulator.loseNextResponse()
    await failureOf(create())
    assert.strictEqual((await create()).status, 200)
    assert.lengthOf(emulator.keys(), 2)
    assert.deepStrictEqual(emulator.requests.all, [])
    assert.strictEqual(emulator.requests.count(), 0)
  })

  it("refuses what is no number of requests", () => {
    assert.throws(() => makeOccam({ log: -1 }), /log takes how many requests/)
    assert.throws(() => makeArthur({ log: 0.5 }), /log takes/)
  })

  it("masks the credential of every one of many tokens", async () => {
    const { emulator, exchange, list } = makeOccam()
    for (let times = 0; times < 20; times++) {
      const { access_token } = (await exchange()).json
      await list(access_token)
      assert.notInclude(JSON.stringify(emulator.requests.all), access_token)
    }
    assert.strictEqual(emulator.requests.count("list"), 20)
  })
})

describe("the requests that created keys", () => {
  it("name them in the log, also when the answer was a failure", async () => {
    const songbird = makeSongbird()
    assert.strictEqual((await songbird.create("user_id=a%23b")).status, 500)
    await songbird.create("user_id=u")
    await songbird.call("GET", `/v0/organizations/${organization}/api-key?user_id=u`)
    assert.deepStrictEqual(
      songbird.emulator.requests.all.map((request) => request.created),
      [...created(songbird).map((key) => [key.id]), undefined]
    )
    const arthur = makeArthur()
    const { id } = (await arthur.call("POST", arthurKeys, {})).json
    assert.deepStrictEqual(arthur.emulator.requests.all[0]?.created, [id])
  })
})
