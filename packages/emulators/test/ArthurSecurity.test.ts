import { assert, describe, it } from "@effect/vitest"
import * as Arthur from "@keyfold/emulators/Arthur"
import { keysPath, makeArthur, start, unknownId, type Answer } from "./ArthurEngine.ts"

const refusal = ({ json, status }: Answer) => [status, json.detail] as const
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })
const json = { "Content-Type": "application/json" }
const ingress = { switches: { ingressConfigured: true } }

const withIdentity = (roles: ReadonlyArray<string>, more: { readonly expiresAt?: number } = {}) => {
  const token = Arthur.makeJwt()
  const arthur = makeArthur({ ...ingress, credentials: [{ kind: "jwt", value: token, roles, userId: "ann", ...more }] })
  return { ...arthur, token, as: (method: string, path: string) => arthur.send(method, path, bearer(token)) }
}

describe("what Arthur takes for a token", () => {
  it.each([
    ["no header", {}],
    ["an empty header", { Authorization: "" }],
    ["another header", { "X-API-Key": "anything" }]
  ])("requires authentication of %s", async (_, headers) => {
    assert.deepStrictEqual(refusal(await makeArthur().send("GET", keysPath, headers)), [401, "Requires authentication"])
  })

  it.each(["some-token", "Basic some-token", "Bearer two parts", "Bearer"])(
    "calls %s bad credentials",
    async (value) => {
      const answer = await makeArthur().send("GET", keysPath, { Authorization: value })
      assert.deepStrictEqual(refusal(answer), [401, "Bad credentials"])
    }
  )

  it.each(["bearer", "BEARER", "Bearer  "])("takes the scheme %s in any case", async (scheme) => {
    const { master, send } = makeArthur()
    assert.strictEqual((await send("GET", keysPath, { Authorization: `${scheme} ${master}` })).status, 200)
  })

  it("compares the master key exactly", async () => {
    const { master, send } = makeArthur()
    for (const wrong of [master.slice(1), `${master}x`, master.toUpperCase()]) {
      assert.deepStrictEqual(refusal(await send("GET", keysPath, bearer(wrong))), [401, "Unauthorized"])
    }
  })

  it("takes a master key of any format", async () => {
    const { send } = makeArthur({ credentials: [{ kind: "master", value: "a.b!c" }] })
    assert.strictEqual((await send("GET", keysPath, bearer("a.b!c"))).status, 200)
  })

  it("refuses everything without credentials", async () => {
    const response = await Arthur.make().fetch(`http://engine.test${keysPath}`, { headers: bearer("anything") })
    assert.strictEqual(response.status, 401)
  })

  it("lets a stale cookie hide a good header", async () => {
    const { master, send } = makeArthur()
    const headers = { ...bearer(master), Cookie: "other=1; ACCESS_TOKEN=Bearer stale" }
    assert.deepStrictEqual(refusal(await send("GET", keysPath, headers)), [401, "Unauthorized"])
  })

  it("takes the master key from the cookie, scheme included", async () => {
    const { master, send } = makeArthur()
    assert.strictEqual((await send("GET", keysPath, { Cookie: `ACCESS_TOKEN="Bearer ${master}"` })).status, 200)
    const bare = await send("GET", keysPath, { Cookie: `ACCESS_TOKEN=${master}` })
    assert.deepStrictEqual(refusal(bare), [401, "Bad credentials"])
  })

  it("sends no WWW-Authenticate", async () => {
    assert.isNull((await makeArthur().send("GET", keysPath)).headers.get("www-authenticate"))
  })

  it("refuses a created key here, whatever its roles", async () => {
    const { create, send } = makeArthur()
    const { key } = (await create({ roles: ["ORG-ADMIN"] })).json
    assert.deepStrictEqual(refusal(await send("GET", keysPath, bearer(key))), [401, "Unauthorized"])
  })
})

describe("Arthur with ingress configured", () => {
  it("calls a wrong token bad credentials", async () => {
    const answer = await makeArthur(ingress).send("GET", keysPath, bearer("wrong"))
    assert.deepStrictEqual(refusal(answer), [401, "Bad credentials"])
  })

  it("calls a created key bad credentials", async () => {
    const { create, send } = makeArthur(ingress)
    const { key } = (await create()).json
    assert.deepStrictEqual(refusal(await send("GET", keysPath, bearer(key))), [401, "Bad credentials"])
  })

  it("calls the literal token undefined unauthorized", async () => {
    const answer = await makeArthur(ingress).send("GET", keysPath, bearer("undefined"))
    assert.deepStrictEqual(refusal(answer), [401, "Unauthorized"])
  })

  it("calls a badly signed identity token bad credentials", async () => {
    const answer = await makeArthur(ingress).send("GET", keysPath, bearer(Arthur.makeJwt()))
    assert.deepStrictEqual(refusal(answer), [401, "Bad credentials"])
  })

  it("calls an expired identity token bad credentials", async () => {
    const { as, emulator } = withIdentity(["ORG-ADMIN"], { expiresAt: start + 1_000 })
    assert.strictEqual((await as("GET", keysPath)).status, 200)
    emulator.clock.advance(1_000)
    assert.deepStrictEqual(refusal(await as("GET", keysPath)), [401, "Bad credentials"])
  })

  it("still takes the master key", async () => {
    assert.strictEqual((await makeArthur(ingress).list()).status, 200)
  })

  it.each([
    ["unreachable", "Unable to verify credentials"],
    ["unusable", "Something went wrong."]
  ] as const)("fails with 500 on any token that looks like a JWT when its key set is %s", async (jwks, text) => {
    const { emulator, send } = makeArthur(ingress)
    emulator.setSwitches({ jwks })
    assert.deepStrictEqual(refusal(await send("GET", keysPath, bearer("e30.e30.x"))), [500, text])
    assert.deepStrictEqual(refusal(await send("GET", keysPath, bearer("a.b.c"))), [401, "Bad credentials"])
  })

  it("takes an identity token only while it is configured", async () => {
    const { as, emulator } = withIdentity(["ORG-ADMIN"])
    assert.strictEqual((await as("GET", keysPath)).status, 200)
    emulator.setSwitches({ ingressConfigured: false })
    assert.deepStrictEqual(refusal(await as("GET", keysPath)), [401, "Unauthorized"])
  })
})

describe("the roles of Arthur's callers", () => {
  it("compares role names in upper case", async () => {
    assert.strictEqual((await withIdentity(["org-admin"]).as("GET", keysPath)).status, 200)
  })

  it("lets an auditor read", async () => {
    const { as } = withIdentity(["ORG-AUDITOR"])
    assert.strictEqual((await as("GET", keysPath)).status, 200)
    assert.strictEqual((await as("GET", keysPath + unknownId)).status, 404)
  })

  it("forbids an auditor to write", async () => {
    const { as, send, token } = withIdentity(["ORG-AUDITOR"])
    const deactivation = await as("DELETE", `${keysPath}deactivate/${unknownId}`)
    assert.deepStrictEqual(refusal(deactivation), [403, "Forbidden"])
    const creation = await send("POST", keysPath, { ...bearer(token), ...json }, "{}")
    assert.deepStrictEqual(refusal(creation), [403, "Forbidden"])
  })

  it("forbids a caller without a fitting role to read", async () => {
    assert.deepStrictEqual(refusal(await withIdentity(["TASK-ADMIN"]).as("GET", keysPath)), [403, "Forbidden"])
  })

  it("names the caller in the log, the refused one too", async () => {
    const { as, emulator } = withIdentity(["TASK-ADMIN"])
    await as("GET", keysPath)
    assert.strictEqual(emulator.requests.all[0]?.caller, "ann")
  })
})

describe("the order of Arthur's checks", () => {
  const badId = `${keysPath}not-a-uuid`

  it("refuses broken JSON before it misses a token", async () => {
    const answer = await makeArthur().send("POST", keysPath, json, "{")
    assert.strictEqual(answer.status, 400)
  })

  it("misses a token before it validates the body", async () => {
    const answer = await makeArthur().send("POST", keysPath, json, '{"roles":5}')
    assert.strictEqual(answer.status, 401)
  })

  it("misses a token before it looks at the type of a body", async () => {
    assert.strictEqual((await makeArthur().send("POST", keysPath, { "Content-Type": "text/plain" }, "x")).status, 401)
  })

  it("validates before it refuses a wrong token when there is no ingress", async () => {
    assert.strictEqual((await makeArthur().send("GET", badId, bearer("wrong"))).status, 400)
  })

  it("refuses a wrong token before it validates when there is ingress", async () => {
    assert.strictEqual((await makeArthur(ingress).send("GET", badId, bearer("wrong"))).status, 401)
  })

  it("validates before it looks at roles", async () => {
    const { send, token } = withIdentity(["TASK-ADMIN"])
    const answer = await send("POST", keysPath, { ...bearer(token), ...json }, '{"roles":["NONE"]}')
    assert.strictEqual(answer.status, 400)
  })

  it("looks at roles before it looks for the key", async () => {
    assert.strictEqual((await withIdentity(["TASK-ADMIN"]).as("GET", keysPath + unknownId)).status, 403)
  })
})
