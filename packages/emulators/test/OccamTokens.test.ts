import { assert, describe, it } from "@effect/vitest"
import * as Occam from "@keyfold/emulators/Occam"
import { email, makeOccam, password, startSeconds, type Answer } from "./OccamServer.ts"

const refusal = ({ json, status }: Answer) => [status, json.detail] as const
const day = 86_400

describe("exchanging an API key on Occam", () => {
  it("answers an access token and no refresh token", async () => {
    const { json, status } = await makeOccam().exchange()
    assert.strictEqual(status, 200)
    assert.deepStrictEqual(Object.keys(json), ["token_type", "access_token", "expires_at"])
    assert.strictEqual(json.token_type, "Bearer")
    assert.strictEqual(json.expires_at, startSeconds + day)
  })

  it("makes a token in the form of an HS256 JWT that carries its expiry", async () => {
    const [header = "", claims = "", signature = ""] = (await makeOccam().exchange()).json.access_token.split(".")
    assert.deepStrictEqual(JSON.parse(atob(header)), { alg: "HS256", typ: "JWT" })
    assert.strictEqual(JSON.parse(atob(claims)).exp, startSeconds + day)
    assert.lengthOf(signature, 43)
  })

  it.each([
    ["seconds", startSeconds + 600],
    ["milliseconds", (startSeconds + 600) * 1_000],
    ["lifetime", 600]
  ] as const)("tells the expiry in %s", async (expiresAt, expected) => {
    const { exchange } = makeOccam({ accessTokenSeconds: 600, switches: { expiresAt } })
    assert.strictEqual((await exchange()).json.expires_at, expected)
  })

  it("may leave out the type of the token", async () => {
    assert.notProperty((await makeOccam({ switches: { tokenType: "absent" } }).exchange()).json, "token_type")
  })

  it("takes a created key, percent-encoded or not", async () => {
    const { create, exchange } = makeOccam()
    const { api_key } = (await create()).json
    assert.strictEqual((await exchange(api_key)).status, 200)
  })

  it("refuses a wrong key like a wrong password", async () => {
    const answer = await makeOccam().exchange(Occam.makeCredential())
    assert.deepStrictEqual(refusal(answer), [400, "Incorrect email or password"])
  })

  it.each([401, 403, 404] as const)("may refuse a wrong key with %d", async (badKeyStatus) => {
    assert.strictEqual((await makeOccam({ switches: { badKeyStatus } }).exchange("wrong")).status, badKeyStatus)
  })

  it("refuses an empty key as wrong, not as missing", async () => {
    assert.strictEqual((await makeOccam().exchange("")).status, 400)
  })

  it("answers 422 without a key", async () => {
    const answer = await makeOccam().send("GET", "/auth/access-token")
    assert.deepStrictEqual<unknown>(refusal(answer), [
      422,
      [{ type: "missing", loc: ["query", "key"], msg: "Field required", input: null }]
    ])
  })

  it("refuses the key of a removed user", async () => {
    const { emulator, exchange } = makeOccam()
    emulator.removeUser(email)
    assert.strictEqual((await exchange()).status, 400)
  })
})

describe("logging in to Occam", () => {
  it("answers an access and a refresh token with their expiry", async () => {
    const { json, status } = await makeOccam().login()
    assert.strictEqual(status, 200)
    assert.strictEqual(json.expires_at, startSeconds + day)
    assert.strictEqual(json.refresh_token_expires_at, startSeconds + 28 * day)
    assert.isString(json.refresh_token)
  })

  it("tells both expiries in the unit of the switch", async () => {
    const { json } = await makeOccam({ switches: { expiresAt: "lifetime" } }).login()
    assert.deepStrictEqual([json.expires_at, json.refresh_token_expires_at], [day, 28 * day])
  })

  it.each([
    { username: email, password: "wrong" },
    { username: "nobody@example.test", password }
  ])("refuses %j in the same words", async (fields) => {
    assert.deepStrictEqual(refusal(await makeOccam().login(fields)), [400, "Incorrect email or password"])
  })

  it("refuses any password of a user that has none", async () => {
    const { login } = makeOccam({ users: [{ email }] })
    assert.strictEqual((await login({ username: email, password: "undefined" })).status, 400)
  })

  it("takes grant_type password and the optional fields", async () => {
    const fields = { grant_type: "password", scope: "", client_id: "a", client_secret: "b" }
    assert.strictEqual((await makeOccam().login({ username: email, password, ...fields })).status, 200)
  })

  it("answers 422 to another grant_type", async () => {
    const answer = await makeOccam().login({ username: email, password, grant_type: "client_credentials" })
    assert.strictEqual(answer.status, 422)
    assert.include(answer.text, '"loc":["body","grant_type"]')
  })

  it("answers 422 for each field that is missing or empty", async () => {
    const answer = await makeOccam().login({ username: "" })
    assert.strictEqual(answer.status, 422)
    assert.include(answer.text, '"loc":["body","username"]')
    assert.include(answer.text, '"loc":["body","password"]')
  })

  it("reads forms only", async () => {
    const body = JSON.stringify({ username: email, password })
    const headers = { "Content-Type": "application/json" }
    assert.strictEqual((await makeOccam().send("POST", "/auth/access-token", headers, body)).status, 422)
  })
})

describe("refreshing tokens on Occam", () => {
  it("answers a new pair", async () => {
    const { list, login, refresh } = makeOccam()
    const first = (await login()).json
    const second = (await refresh(first.refresh_token)).json
    assert.notStrictEqual(second.refresh_token, first.refresh_token)
    assert.strictEqual((await list(second.access_token)).status, 200)
  })

  it("takes a refresh token once", async () => {
    const { login, refresh } = makeOccam()
    const { refresh_token } = (await login()).json
    await refresh(refresh_token)
    assert.deepStrictEqual(refusal(await refresh(refresh_token)), [400, "Refresh token already used"])
  })

  it("refuses an expired refresh token", async () => {
    const { emulator, login, refresh } = makeOccam({ refreshTokenSeconds: 60 })
    const { refresh_token } = (await login()).json
    emulator.clock.advance(60_000)
    assert.deepStrictEqual(refusal(await refresh(refresh_token)), [400, "Refresh token expired"])
  })

  it("does not find an unknown refresh token", async () => {
    assert.deepStrictEqual(refusal(await makeOccam().refresh("nothing")), [404, "Refresh token not found"])
  })

  it.each([[undefined], [5], [null]])("answers 422 to the refresh token %s", async (token) => {
    const answer = await makeOccam().refresh(token)
    assert.strictEqual(answer.status, 422)
    assert.include(answer.text, '"loc":["body","refresh_token"]')
  })
})

describe("access tokens on Occam", () => {
  it("work until they expire", async () => {
    const { emulator, exchange, list } = makeOccam({ accessTokenSeconds: 60 })
    const { access_token } = (await exchange()).json
    emulator.clock.advance(59_000)
    assert.strictEqual((await list(access_token)).status, 200)
    emulator.clock.advance(1_000)
    assert.deepStrictEqual(refusal(await list(access_token)), [401, "Token expired"])
  })

  it("may expire in the template's words", async () => {
    const switches = { expiredText: "template" } as const
    const { emulator, exchange, list } = makeOccam({ accessTokenSeconds: 60, switches })
    const { access_token } = (await exchange()).json
    emulator.clock.advance(60_000)
    assert.deepStrictEqual(refusal(await list(access_token)), [401, "Token invalid: Signature has expired"])
  })

  it.each([
    ["nonsense", "Token invalid: Not enough segments"],
    ["a.b.c", "Token invalid: Signature verification failed"]
  ])("are refused when they are %s, without WWW-Authenticate", async (token, text) => {
    const answer = await makeOccam().list(token)
    assert.deepStrictEqual(refusal(answer), [401, text])
    assert.isNull(answer.headers.get("www-authenticate"))
  })

  it.each([
    ["no header", {}],
    ["another scheme", { Authorization: "Basic abc" }],
    ["a bare token", { Authorization: "abc" }],
    ["an API key in a header of its own", { "X-API-Key": "abc" }]
  ])("are missed, with WWW-Authenticate, when there is %s", async (_, headers) => {
    const answer = await makeOccam().send("GET", "/keys/", headers)
    assert.deepStrictEqual(refusal(answer), [401, "Not authenticated"])
    assert.strictEqual(answer.headers.get("www-authenticate"), "Bearer")
  })

  it("are the only credential of the key routes: an API key is no token", async () => {
    const { credential, list } = makeOccam()
    assert.strictEqual((await list(credential)).status, 401)
  })

  it("take the scheme in any case", async () => {
    const { exchange, send } = makeOccam()
    const { access_token } = (await exchange()).json
    assert.strictEqual((await send("GET", "/keys/", { Authorization: `bEARER ${access_token}` })).status, 200)
  })

  it("are refused when the user is removed", async () => {
    const { emulator, exchange, list } = makeOccam()
    const { access_token } = (await exchange()).json
    emulator.removeUser(email)
    assert.deepStrictEqual(refusal(await list(access_token)), [401, "User removed"])
  })

  it("are refused after the signing key changed, and refresh tokens are not", async () => {
    const { emulator, list, login, refresh } = makeOccam()
    const { access_token, refresh_token } = (await login()).json
    emulator.rotateSigningKey()
    assert.deepStrictEqual(refusal(await list(access_token)), [401, "Token invalid: Signature verification failed"])
    assert.strictEqual((await refresh(refresh_token)).status, 200)
  })

  it("live on when the key they came from is deleted", async () => {
    const { create, exchange, list, revoke } = makeOccam()
    const { api_key, uuid } = (await create()).json
    const { access_token } = (await exchange(api_key)).json
    await revoke(uuid)
    assert.strictEqual((await list(access_token)).status, 200)
    assert.strictEqual((await exchange(api_key)).status, 400)
  })

  it("may die with the key they came from, and only with that", async () => {
    const { create, exchange, list, login, revoke } = makeOccam({ switches: { deletedKeyTokens: "refused" } })
    const { api_key, uuid } = (await create()).json
    const derived = (await exchange(api_key)).json.access_token
    const own = (await login()).json.access_token
    await revoke(uuid)
    assert.strictEqual((await list(derived)).status, 401)
    assert.strictEqual((await list(own)).status, 200)
  })
})
