import { assert, describe, it } from "@effect/vitest"
import * as Gateway from "@keyfold/gateway/Gateway"
import * as SqlDatabase from "@keyfold/sql/SqlDatabase"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import { SignJWT, exportJWK, generateKeyPair } from "jose"
import { fieldsOf, visitor } from "./ConsoleVisitor.ts"
import { asking, database, make, stores } from "./World.ts"

const issuer = "https://issuer.test"

describe("a session of the console", () => {
  it.effect("has a cookie that no other host can set and that is only sent encrypted, where the browser comes so", () =>
    Effect.gen(function* () {
      const { admin, fetch } = yield* make()
      const { get, jar, setCookies, signIn } = visitor(fetch, "https://gateway.test")
      yield* signIn(admin)
      assert.match(setCookies[0] ?? "", /^__Host-keyfold-console=[\w-]{43}; /)
      for (const attribute of ["Secure", "HttpOnly", "SameSite=Strict", "Path=/"])
        assert.include(setCookies[0], attribute)
      assert.notInclude(setCookies[0], "Domain")
      assert.include((yield* get("/")).seen, "Whose keys do you want to see?")
      const plain = visitor(fetch)
      for (const [name, value] of jar) plain.jar.set(name.replace("__Host-", "__host-"), value)
      assert.include((yield* plain.get("/")).seen, "Sign in")
    }).pipe(Effect.scoped)
  )

  it.live("is of HTTPS where a trusted proxy says so, and nobody else", () =>
    Effect.gen(function* () {
      const { opened } = yield* stores
      const at = yield* database
      const key = Redacted.value((yield* Gateway.init(at)).secret)
      const backends = Gateway.fromKeyStores(opened, false)
      const cookieAt = Effect.fnUntraced(function* (trustedProxies: ReadonlyArray<string>) {
        const { url } = yield* Gateway.serve({ backends, database: at, port: 0, trustedProxies })
        const forwarded = {
          "x-forwarded-for": "203.0.113.9",
          "x-forwarded-proto": "https",
          "x-forwarded-host": "keys.example"
        }
        return yield* Effect.promise(async () => {
          const answer = await fetch(`${url}/console/sign-in`, {
            method: "POST",
            redirect: "manual",
            headers: { ...forwarded, origin: "https://keys.example" },
            body: new URLSearchParams({ key })
          })
          return [answer.status, answer.headers.get("set-cookie")?.split("=")[0]]
        })
      }, Effect.scoped)
      assert.deepStrictEqual(yield* cookieAt(["127.0.0.1"]), [303, "__Host-keyfold-console"])
      assert.deepStrictEqual(yield* cookieAt([]), [403, undefined])
    }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))
  )

  it.effect("is not begun with a token, which is good for programs only", () =>
    Effect.gen(function* () {
      const { privateKey, publicKey } = yield* Effect.promise(() => generateKeyPair("ES256"))
      const jwk = yield* Effect.promise(() => exportJWK(publicKey))
      const jwks = { keys: [{ ...jwk, kid: "one", alg: "ES256" }] }
      const { ask, fetch } = yield* make({ jwt: [{ issuer, audience: "keyfold", jwks }] })
      const token = yield* Effect.promise(() =>
        new SignJWT({ scope: "acme:list" })
          .setProtectedHeader({ alg: "ES256", kid: "one" })
          .setIssuer(issuer)
          .setAudience("keyfold")
          .setSubject("ci")
          .setExpirationTime(600)
          .sign(privateKey)
      )
      assert.strictEqual((yield* ask("GET /v1/tenants/acme/keys", { key: token })).status, 200)
      const { jar, signIn } = visitor(fetch)
      const refused = yield* signIn(token)
      assert.deepStrictEqual([refused.status, jar.size], [401, 0])
      assert.include(refused.seen, "Tokens are for programs.")
    }).pipe(Effect.scoped)
  )

  it.effect("leaves nothing in the log or the database that would let somebody in", () => {
    const lines: Array<string> = []
    const logger = Logger.make(({ fiber, message }) => {
      lines.push(JSON.stringify([message, fiber.getRef(References.CurrentLogAnnotations)]))
    })
    const layer = Layer.merge(Logger.layer([logger]), Layer.succeed(References.MinimumLogLevel, "All"))
    return Effect.gen(function* () {
      const { admin, at, fetch } = yield* make()
      const { get, jar, post, signIn } = visitor(fetch)
      yield* signIn(admin)
      const fields: Readonly<Record<string, string>> = {
        ...fieldsOf(yield* get("/console/new?tenant=acme")),
        name: "in-the-form"
      }
      const created = yield* post("/console/new", fields)
      const secret = /id="secret" value="([^"]+)"/.exec(created.text)?.[1] ?? "none"
      yield* get("/console/keys?tenant=acme&owner=in-the-query")
      const text = lines.join("\n")
      assert.match(text, /POST \/console\/new 201 \d+ ms/)
      assert.match(text, /"keyfold.actor":"key:\w+"/)
      const [token = ""] = jar.values()
      const seal = fields["seal"] ?? "none"
      for (const hidden of [admin, token, secret, seal, "in-the-form", "in-the-query"]) assert.notInclude(text, hidden)
      const sql = yield* SqlDatabase.open({ url: at.url })
      const rows = JSON.stringify(yield* sql`SELECT * FROM keyfold_gateway_sessions`)
      assert.match(rows, /"actor":"key:/)
      assert.notInclude(rows, token)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.live("gets a page, too, for a form that is too long", () =>
    Effect.gen(function* () {
      const { opened } = yield* stores
      const at = yield* database
      const backends = Gateway.fromKeyStores(opened, false)
      const { url } = yield* Gateway.serve({ backends, database: at, port: 0, limits: { bodyBytes: 1024 } })
      const answer = yield* asking(fetch, url)("POST /console/sign-in", {
        headers: { "content-type": "application/x-www-form-urlencoded", origin: url },
        body: `key=${"x".repeat(2000)}`
      })
      assert.strictEqual(answer.status, 413)
      assert.include(answer.text, "The form is too long.")
    }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))
  )
})
