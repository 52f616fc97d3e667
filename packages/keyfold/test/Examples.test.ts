/** Runs the examples of docs/promise-api.md as they are printed there, each over an embedded store of its own. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { open } from "keyfold"
import { appendFileSync } from "node:fs"
import { join } from "node:path"
import { localStore } from "./Keyfold.ts"

interface Answer {
  readonly status: number
  readonly text: string
}

type Send = (method: "GET" | "POST" | "DELETE", path: string, body?: object) => Promise<Answer>

/** Makes a key, sees it listed, withdraws it, and sees it gone. */
const tryOut = async (send: Send): Promise<{ readonly secret: string }> => {
  const created = await send("POST", "/keys", { name: "ci" })
  assert.strictEqual(created.status, 201, created.text)
  const { key, secret }: { key: { id: string; name: string }; secret: string } = JSON.parse(created.text)
  assert.strictEqual(key.name, "ci")
  assert.isAtLeast(secret.length, 20)
  assert.include((await send("GET", "/keys")).text, key.id)
  const revoked = await send("DELETE", `/keys/${key.id}`)
  assert.deepStrictEqual([revoked.status, JSON.parse(revoked.text).id], [200, key.id])
  assert.notInclude((await send("GET", "/keys")).text, key.id)
  const missing = await send("DELETE", "/keys/no-such-key")
  assert.strictEqual(missing.status, 404, missing.text)
  assert.deepStrictEqual(JSON.parse(missing.text).reason, "NotFound")
  return { secret }
}

const tenant = () => "acme"

describe("the examples of the Promise API", () => {
  const scope = Scope.makeUnsafe()
  const before = process.env["KEYFOLD_CONFIG"]

  beforeAll(async () => {
    const folder = await Effect.runPromise(Scope.provide(localStore, scope))
    const file = join(folder, "keyfold.yaml")
    appendFileSync(file, "tenants: { acme: local, globex: local }\n")
    process.env["KEYFOLD_CONFIG"] = file
  })

  afterAll(async () => {
    if (before === undefined) delete process.env["KEYFOLD_CONFIG"]
    else process.env["KEYFOLD_CONFIG"] = before
    await Effect.runPromise(Scope.close(scope, Exit.void))
  })

  it("replace a key, and save its secret", async () => {
    const { explain, replace } = await import("../examples/program.ts")
    const saved: Array<string> = []
    const save = async (name: string, secret: string) => void saved.push(`${name}=${secret.length > 20}`)
    const first = await replace("globex", save)
    const second = await replace("globex", save)
    assert.deepStrictEqual(saved, [`globex/${first.id}=true`, `globex/${second.id}=true`])
    await using keys = await open()
    const store = keys.forTenant("globex")
    assert.deepStrictEqual([(await store.get(first)).status, (await store.get(second)).status], ["revoked", "active"])
    const refused = await replace("globex", () => Promise.reject(new Error("full"))).catch(explain)
    assert.strictEqual(refused, "not saved, and revoked again")
    const unknown = await replace("nobody", save).catch(explain)
    assert.match(typeof unknown === "string" ? unknown : "", /^mend the configuration: .*"nobody"/)
  })

  it("run in Express, until it is stopped", async () => {
    const { start } = await import("../examples/express.ts")
    const { server, stop } = await start(0, (request) => request.get("x-tenant") ?? "")
    const address = server.address()
    const port = typeof address === "object" ? address?.port : undefined
    const sendAs =
      (name: string): Send =>
      async (method, path, body) => {
        const response = await fetch(`http://127.0.0.1:${port}${path}`, {
          method,
          headers: { "content-type": "application/json", "x-tenant": name, connection: "close" },
          ...(body === undefined ? {} : { body: JSON.stringify(body) })
        })
        return { status: response.status, text: await response.text() }
      }
    await tryOut(sendAs("acme"))
    assert.strictEqual((await sendAs("acme")("POST", "/keys", { name: 7 })).status, 400)
    assert.strictEqual((await sendAs("nobody")("GET", "/keys")).status, 403)
    await stop()
  })

  it("run in Fastify", async () => {
    const { makeApp } = await import("../examples/fastify.ts")
    const app = await makeApp(tenant)
    await tryOut(async (method, url, body) => {
      const { payload, statusCode } = await app.inject({ method, url, ...(body === undefined ? {} : { body }) })
      return { status: statusCode, text: payload }
    })
    await app.close()
  })

  it("run in Hono, where the keys open a door", async () => {
    const { makeApp } = await import("../examples/hono.ts")
    await using keys = await open()
    const app = makeApp(keys, tenant)
    const { secret } = await tryOut(async (method, path, body) => {
      const response = await app.request(path, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) })
      })
      return { status: response.status, text: await response.text() }
    })
    const enter = async (presented: string) =>
      (await app.request("/reports/today", { headers: { authorization: `Bearer ${presented}` } })).status
    const issued = await keys.forTenant("acme").create()
    assert.deepStrictEqual(
      [await enter(issued.secret.reveal()), await enter(secret), await enter("nonsense")],
      [200, 401, 401]
    )
  })

  it("run as a Lambda handler", async () => {
    const { handler } = await import("../examples/lambda.ts")
    const event = { requestContext: { authorizer: { lambda: { tenant: "acme" } } } }
    const context = { getRemainingTimeInMillis: () => 30_000 } as Parameters<typeof handler>[1]
    await tryOut(async (method, path, body) => {
      const id = path.split("/")[2]
      const { body: text = "", statusCode = 0 } = await handler(
        {
          ...event,
          routeKey: `${method} ${id === undefined ? path : "/keys/{id}"}`,
          pathParameters: { id },
          body: JSON.stringify(body)
        } as unknown as Parameters<typeof handler>[0],
        context
      )
      return { status: statusCode, text }
    })
  })
})
