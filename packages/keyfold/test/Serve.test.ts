import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { keyfold, keyfoldUntil, localStore, temporaryFolder } from "./Keyfold.ts"

const tenants = `stores:
  local: { adapter: sql, url: 'sqlite:data/keyfold.db', pepper: { file: ./secrets/pepper } }
tenants:
  acme: local
`

const gateway = `gateway:
  url: "sqlite:data/gateway.db"
  pepper: { file: ./secrets/pepper }
  port: 0
`

const folderWith = (text: string) =>
  Effect.tap(localStore, (folder) => Effect.promise(() => writeFile(join(folder, "keyfold.yaml"), text)))

const list = (url: string, key: string) =>
  Effect.promise(() => fetch(`${url}/v1/tenants/acme/keys`, { headers: { authorization: `Bearer ${key.trim()}` } }))

describe("keyfold serve", () => {
  it.live("serves the tenants of the file to callers with keys of the gateway", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith(`${tenants}${gateway}`)
      const first = yield* keyfold(["gateway", "init"], { folder })
      assert.match(first.stdout, /^kf_\w+\n$/)
      assert.include(first.stderr, "*:*")
      const again = yield* keyfold(["gateway", "init"], { folder })
      assert.strictEqual(again.code, 2)
      assert.include(again.stderr, "the first key was made before")
      const reader = yield* keyfold(["gateway", "caller", "--grant", "acme:get", "--json"], { folder })
      const { secret } = JSON.parse(reader.stdout) as { secret: string }
      const output = yield* keyfoldUntil(["serve", "--json"], "\n", { folder })
      const { url } = JSON.parse(output) as { url: string }
      assert.strictEqual((yield* list(url, first.stdout)).status, 200)
      assert.strictEqual((yield* list(url, secret)).status, 403)
      assert.strictEqual((yield* list(url, "made-up")).status, 401)
    }).pipe(Effect.scoped)
  )

  it.live("speaks the dialects of the file, and refuses one whose tenant is not there", () =>
    Effect.gen(function* () {
      const speaking = (tenant: string) => `${tenants}${gateway}  dialects: { arthur: { tenant: ${tenant} } }\n`
      const folder = yield* folderWith(speaking("acme"))
      const first = yield* keyfold(["gateway", "init"], { folder })
      const output = yield* keyfoldUntil(["serve", "--json"], "\n", { folder })
      const { url } = JSON.parse(output) as { url: string }
      const ask = (method: string, key: string) =>
        Effect.promise(async () => {
          const headers = { authorization: `Bearer ${key.trim()}`, "content-type": "application/json" }
          const body = method === "POST" ? { body: JSON.stringify({ description: "nightly" }) } : {}
          const response = await fetch(`${url}/arthur/auth/api_keys/`, { method, headers, ...body })
          return { status: response.status, text: await response.text() }
        })
      const made = yield* ask("POST", first.stdout)
      assert.strictEqual(made.status, 200, made.text)
      const listed = yield* ask("GET", first.stdout)
      assert.strictEqual(listed.status, 200)
      assert.include(listed.text, '"description":"nightly"')
      assert.strictEqual((yield* ask("GET", "made-up")).status, 401)
      yield* Effect.promise(() => writeFile(join(folder, "keyfold.yaml"), speaking("acm")))
      const refused = yield* keyfold(["serve"], { folder })
      assert.strictEqual(refused.code, 2)
      assert.include(refused.stderr, 'Did you mean "acme"?')
    }).pipe(Effect.scoped)
  )

  it.live("makes a first configuration ready in three commands, and serves its console", () =>
    Effect.gen(function* () {
      const [folder, home] = [yield* temporaryFolder, yield* temporaryFolder]
      const setting = { folder, environment: { HOME: home } }
      const { stdout } = yield* keyfold(["init"], setting)
      assert.match(stdout, /Or in a browser: .*gateway init && .*serve\n$/)
      const first = yield* keyfold(["gateway", "init"], setting)
      assert.match(first.stdout, /^kf_\w+\n$/)
      assert.match(
        first.stderr,
        /^Added the member gateway and the tenant main to .*keyfold\.yaml\.\nWrote .*gateway-pepper-/
      )
      assert.match(first.stderr, /Next: .*serve/)
      const served = yield* keyfoldUntil(["serve", "--port", "0"], "/docs", setting)
      const [, url = ""] = /The console is at (http\S+)\//.exec(served) ?? []
      const page = yield* Effect.promise(() => fetch(url).then((response) => response.text()))
      assert.include(page, "Sign in")
      const headers = { authorization: `Bearer ${first.stdout.trim()}` }
      const listed = yield* Effect.promise(() => fetch(`${url}/v1/tenants/main/rotations`, { headers }))
      assert.strictEqual(listed.status, 200)
    }).pipe(Effect.scoped)
  )

  it.live("tells what to do where the file says nothing of a gateway, and refuses a caller who may do nothing", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith(tenants)
      for (const args of [["serve"], ["gateway", "caller", "--grant", "acme:list"]]) {
        const refused = yield* keyfold(args, { folder })
        assert.strictEqual(refused.code, 2)
        assert.include(refused.stderr, "keyfold gateway init writes what is missing")
      }
      assert.strictEqual((yield* keyfold(["serve", "--store", "local"], { folder })).code, 2)
      const whole = yield* folderWith(`${tenants}${gateway}`)
      assert.strictEqual((yield* keyfold(["gateway", "caller"], { folder: whole })).code, 2)
      const stray = yield* keyfold(["gateway", "caller", "--grant", "acme:read"], { folder: whole })
      assert.include(stray.stderr, '"acme:read" is no grant')
    }).pipe(Effect.scoped)
  )
})
