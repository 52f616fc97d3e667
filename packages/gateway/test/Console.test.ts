import { assert, describe, it } from "@effect/vitest"
import * as Gateway from "@keyfold/gateway/Gateway"
import * as SqlDatabase from "@keyfold/sql/SqlDatabase"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { fieldsOf, linksOf, visitor } from "./ConsoleVisitor.ts"
import { database, make, stores } from "./World.ts"

/** A gateway, and its administrator at the console. */
const opened = Effect.gen(function* () {
  const world = yield* make()
  const person = visitor(world.fetch)
  yield* person.signIn(world.admin)
  return { ...world, ...person }
})

/** Creates a key by the form. */
const creating = Effect.fnUntraced(function* (
  { get, post }: ReturnType<typeof visitor>,
  tenant: string,
  written: Readonly<Record<string, string>>
) {
  const form = yield* get(`/console/new?tenant=${tenant}`)
  const fields = { ...fieldsOf(form), ...written }
  return { fields, page: yield* post("/console/new", fields) }
})

const secretOn = (text: string): string => /id="secret" value="([^"]+)"/.exec(text)?.[1] ?? ""

describe("the console", () => {
  it.effect("shows a form to who is not signed in, on every page, and comes back to the page", () =>
    Effect.gen(function* () {
      const { admin, fetch } = yield* make()
      const { get, post, signIn } = visitor(fetch)
      const home = yield* get("/")
      assert.strictEqual(home.status, 200)
      assert.include(home.seen, "Sign in")
      for (const page of ["keys", "key", "new", "revoke"]) {
        const away = yield* get(`/console/${page}?tenant=acme`)
        assert.strictEqual(away.status, 303)
        assert.strictEqual(away.headers.get("location"), `/?to=%2Fconsole%2F${page}%3Ftenant%3Dacme`)
      }
      const asked = yield* get("/?to=%2Fconsole%2Fkeys%3Ftenant%3Dacme")
      const back = yield* post("/console/sign-in", { ...fieldsOf(asked), key: admin })
      assert.strictEqual(back.headers.get("location"), "/console/keys?tenant=acme")
      for (const to of ["https://elsewhere.test/", "//elsewhere.test", "/console/../docs", "javascript:alert(1)"]) {
        const away = yield* post("/console/sign-in", { to, key: admin })
        assert.strictEqual(away.headers.get("location"), "/")
      }
      const refused = yield* signIn("kf_0123456789abcdef_0123456789abcdef0123456789abcdef_000000")
      assert.strictEqual(refused.status, 401)
      assert.isNull(refused.headers.get("www-authenticate"))
      assert.include(refused.seen, "The key is not valid.")
    }).pipe(Effect.scoped)
  )

  it.effect("keeps a session in a cookie that no script and no other site gets, and never the key", () =>
    Effect.gen(function* () {
      const { admin, fetch } = yield* make()
      const { get, setCookies, signIn } = visitor(fetch)
      const answer = yield* signIn(admin)
      assert.strictEqual(answer.status, 303)
      const [cookie = ""] = setCookies
      assert.match(cookie, /^keyfold-console=[\w-]{43}; /)
      for (const attribute of ["HttpOnly", "SameSite=Strict", "Path=/"]) assert.include(cookie, attribute)
      assert.notInclude(cookie, "Secure")
      const home = yield* get("/")
      assert.include(home.seen, "acme")
      assert.notInclude(answer.text + home.text + setCookies.join(), admin)
    }).pipe(Effect.scoped)
  )

  it.effect(
    "ends a session when it is asked to, after half an hour without use, after eight hours, and with its key",
    () =>
      Effect.gen(function* () {
        const { at, caller, get, jar, post, signIn, admin, fetch } = yield* opened
        const sql = yield* SqlDatabase.open({ url: at.url })
        // As if so long had gone by; a clock that runs would have the gateway's store write its counts every second.
        const pass = (minutes: number) =>
          sql`UPDATE keyfold_gateway_sessions SET seen_at = seen_at - ${minutes * 60_000}, ends_at = ends_at - ${minutes * 60_000}`
        const copied = visitor(fetch)
        for (const [name, value] of jar) copied.jar.set(name, value)
        const isIn = (person: Pick<ReturnType<typeof visitor>, "get">) =>
          Effect.map(person.get("/console/keys?tenant=acme"), ({ status }) => status === 200)
        assert.isTrue(yield* isIn(copied))
        const out = yield* post("/console/sign-out", fieldsOf(yield* get("/")))
        assert.strictEqual(out.status, 303)
        assert.strictEqual(jar.size, 0)
        assert.isFalse(yield* isIn(copied), "a copy of the cookie is worth nothing afterwards")
        yield* signIn(admin)
        for (const isStill of [true, true, false]) {
          yield* pass(isStill ? 29 : 30)
          assert.strictEqual(yield* isIn({ get }), isStill)
        }
        yield* signIn(admin)
        for (let half = 0; half < 19; half++) {
          yield* pass(25)
          assert.isTrue(yield* isIn({ get }))
        }
        yield* pass(5)
        assert.isFalse(yield* isIn({ get }))
        yield* signIn(yield* caller("acme:list"))
        assert.isTrue(yield* isIn({ get }))
        const callers = yield* Gateway.callers(at)
        const { keys } = yield* callers.listPage()
        const own = keys.find(({ scopes }) => scopes[0] === "acme:list")
        if (own === undefined) return assert.fail("the caller's key is not listed")
        yield* callers.revoke(own)
        assert.isFalse(yield* isIn({ get }))
      }).pipe(Effect.scoped)
  )

  it.effect("shows a secret once, lists the key, and makes no second one of the same form", () =>
    Effect.gen(function* () {
      const world = yield* opened
      const { ask, get, post, rich } = world
      const written = { name: "nightly", owner: "ada", scopes: "read, write", expires: "2030-01-31" }
      const { fields, page } = yield* creating(world, "acme", written)
      assert.strictEqual(page.status, 201, page.seen)
      const secret = secretOn(page.text)
      const key = world.admin
      const verified = yield* ask("POST /v1/tenants/acme/verify", { key, body: { secret } })
      assert.strictEqual(verified.json["valid"], true)
      const listed = yield* get("/console/keys?tenant=acme")
      assert.include(listed.seen, "nightly")
      const [address = ""] = linksOf(listed, "nightly")
      const shown = yield* get(address)
      for (const word of ["nightly", "ada", "read", "write", "2030-01-31 00:00"]) assert.include(shown.seen, word)
      const again = yield* post("/console/new", fields)
      assert.strictEqual(again.status, 409)
      assert.include(again.seen, "Already created")
      assert.deepStrictEqual(linksOf(again, "<code>"), [address])
      const other = yield* post("/console/new", { ...fields, name: "other" })
      assert.strictEqual(other.status, 422)
      assert.strictEqual(rich.creates, 1)
      for (const { text } of [listed, shown, again, other]) assert.notInclude(text, secret)
    }).pipe(Effect.scoped)
  )

  it.effect("says at its field what a form has wrong, keeps what was written, and counts once all the same", () =>
    Effect.gen(function* () {
      const world = yield* opened
      const { fields, page } = yield* creating(world, "acme", { name: "kept", expires: "2030-13-40" })
      assert.strictEqual(page.status, 400)
      assert.match(page.text, /id="expires"[^>]*aria-describedby="expires-hint expires-wrong"\s+aria-invalid="true"/)
      assert.include(page.text, 'value="kept"')
      assert.strictEqual(fieldsOf(page)["once"], fields["once"])
      const past = yield* world.post("/console/new", { ...fields, expires: "1960-01-01" })
      assert.strictEqual(past.status, 422)
      assert.include(past.text, 'aria-invalid="true"')
      const mended = yield* world.post("/console/new", { ...fields, expires: "" })
      assert.strictEqual(mended.status, 201)
      assert.strictEqual(world.rich.creates, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("revokes what was confirmed, with the caller and its reason in the audit", () =>
    Effect.gen(function* () {
      const world = yield* opened
      yield* creating(world, "acme", { name: "old" })
      const [address = ""] = linksOf(yield* world.get("/console/keys?tenant=acme"), "Revoke")
      const asked = yield* world.get(address)
      assert.include(asked.seen, "Revoke this key?")
      const fields = fieldsOf(asked)
      assert.strictEqual(fields["sure"], "yes", "the box is there, and not checked")
      assert.notMatch(asked.text, /id="sure"[^>]*checked/)
      const unsure = yield* world.post("/console/revoke", { ...fields, sure: "" })
      assert.strictEqual(unsure.status, 400)
      const done = yield* world.post("/console/revoke", { ...fields, sure: "yes", reason: "left the company" })
      assert.strictEqual(done.status, 303)
      const after = yield* world.get(done.headers.get("location") ?? "")
      assert.include(after.seen, "is revoked")
      assert.include(after.seen, "This tenant has no keys yet.")
      const forged = yield* world.get("/console/keys?tenant=acme&revoked=another&seal=AAAA")
      assert.notInclude(forged.seen, "is revoked")
      const entries = yield* Stream.runCollect(world.audit.entries({ tenant: "acme" }))
      assert.deepStrictEqual(
        entries.map(({ operation, outcome, reason }) => [operation, outcome, reason]),
        [
          ["create", "begun", undefined],
          ["create", "done", undefined],
          ["revoke", "begun", "left the company"],
          ["revoke", "done", "left the company"]
        ]
      )
      const callers = yield* Effect.flatMap(Gateway.callers(world.at), (store) => store.listPage())
      const [administrator] = callers.keys
      assert.isTrue(entries.every(({ actor }) => actor === `key:${administrator?.id}`))
    }).pipe(Effect.scoped)
  )

  it.effect("changes nothing for a form of another site, or of another session", () =>
    Effect.gen(function* () {
      const world = yield* opened
      const given: Readonly<Record<string, string>> = fieldsOf(yield* world.get("/console/new?tenant=acme"))
      const { seal = "", ...others } = given
      const unsealed = { ...others, name: "x" }
      const fields = { ...unsealed, seal }
      const strangers = visitor(world.fetch)
      yield* strangers.signIn(world.admin)
      const theirs = fieldsOf(yield* strangers.get("/console/new?tenant=acme"))
      const tries = [
        world.post("/console/new", fields, { origin: "http://elsewhere.test" }),
        world.post("/console/new", fields, { origin: "null" }),
        world.post("/console/new", fields, {}),
        world.post("/console/new", fields, { origin: "http://gateway.test", "sec-fetch-site": "same-site" }),
        world.post("/console/new", fields, { origin: "http://gateway.test", "sec-fetch-site": "cross-site" }),
        world.post("/console/new", unsealed),
        world.post("/console/new", { ...fields, seal: theirs["seal"] ?? "" }),
        world.post("/console/sign-in", { key: world.admin }, { "sec-fetch-site": "cross-site" })
      ]
      for (const { headers, status } of yield* Effect.all(tries)) {
        assert.strictEqual(status, 403)
        assert.deepStrictEqual(headers.getSetCookie(), [])
      }
      const json = { origin: "http://gateway.test", "content-type": "application/json" }
      assert.strictEqual((yield* world.post("/console/new", fields, json)).status, 400)
      const out = yield* world.post("/console/sign-out", {})
      assert.strictEqual(out.status, 403)
      assert.strictEqual(world.rich.creates, 0)
      const own = yield* world.post("/console/new", fields, { "sec-fetch-site": "same-origin" })
      assert.strictEqual(own.status, 201)
    }).pipe(Effect.scoped)
  )

  it.effect("offers and does what the grants allow, and nothing else", () =>
    Effect.gen(function* () {
      const { ask, admin, caller, fetch } = yield* make()
      for (const tenant of ["acme", "globex"]) {
        yield* ask(`POST /v1/tenants/${tenant}/keys`, { key: admin, body: { name: `of ${tenant}` } })
      }
      const reader = visitor(fetch)
      yield* reader.signIn(yield* caller("acme:list"))
      const home = yield* reader.get("/")
      assert.include(home.seen, "acme")
      assert.notInclude(home.seen, "globex")
      const listed = yield* reader.get("/console/keys?tenant=acme")
      assert.include(listed.seen, "of acme")
      assert.notMatch(listed.text, /\/console\/(new|revoke|key\?|rotat)/)
      const seal = fieldsOf(listed)["seal"] ?? ""
      const id = /class="id mono"\s*><bdi>([^<]+)/.exec(listed.text)?.[1] ?? ""
      const once = "a".repeat(24)
      const tries = [
        [403, reader.get("/console/new?tenant=acme")],
        [403, reader.get(`/console/key?tenant=acme&id=${id}`)],
        [403, reader.get(`/console/revoke?tenant=acme&id=${id}`)],
        [403, reader.post("/console/new", { seal, once, tenant: "acme", name: "x" })],
        [403, reader.post("/console/revoke", { seal, tenant: "acme", id, sure: "yes" })],
        [404, reader.get("/console/keys?tenant=globex")],
        [404, reader.get("/console/keys?tenant=nobody")],
        [404, reader.post("/console/revoke", { seal, tenant: "globex", id, sure: "yes" })]
      ] as const
      for (const [expected, answer] of tries) assert.strictEqual((yield* answer).status, expected)
      const withoutId = (text: string) => text.replace(/req_[\w-]+/g, "")
      const [foreign, missing] = [
        yield* reader.get("/console/keys?tenant=globex"),
        yield* reader.get("/console/keys?tenant=nobody")
      ]
      assert.strictEqual(withoutId(foreign.text), withoutId(missing.text))
      assert.strictEqual(((yield* ask("GET /v1/tenants/acme/keys", { key: admin })).json["keys"] as []).length, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("lists a page at a time, by owner and state", () =>
    Effect.gen(function* () {
      const { admin, ask, get } = yield* opened
      for (let index = 0; index < 53; index++) {
        const owner = index % 5 === 0 ? "ada" : "bob"
        yield* ask("POST /v1/tenants/acme/keys", { key: admin, body: { name: `key ${index}`, owner } })
      }
      const first = yield* get("/console/keys?tenant=acme")
      const [next = ""] = linksOf(first, "Next page")
      const second = yield* get(next)
      const rows = (text: string) => text.split('<th role="rowheader"').length - 1
      assert.deepStrictEqual([rows(first.text), rows(second.text)], [50, 3])
      assert.deepStrictEqual(linksOf(second, "Next page"), [])
      assert.strictEqual(linksOf(second, "First page").length, 1)
      const owned = yield* get("/console/keys?tenant=acme&owner=ada&status=active")
      assert.strictEqual(rows(owned.text), 11)
      assert.include(owned.text, 'value="ada"')
      assert.match(owned.text, /<option value="active"\s+selected>/)
      assert.strictEqual((yield* get("/console/keys?tenant=acme&cursor=made-up")).status, 422)
    }).pipe(Effect.scoped)
  )

  it.effect("writes what others named as text, wherever it stands", () =>
    Effect.gen(function* () {
      const { admin, ask, get } = yield* opened
      const hostile = `"><script src=//x.test></script>'<img src=x onerror=alert(1)>&amp;`
      const body = { name: hostile, owner: hostile, scopes: [hostile], tags: { [hostile]: hostile } }
      const created = yield* ask("POST /v1/tenants/acme/keys", { key: admin, body })
      const { id } = created.json["key"] as { id: string }
      const about = `tenant=acme&id=${encodeURIComponent(id)}&owner=${encodeURIComponent(hostile)}`
      const inQuery = encodeURIComponent(hostile)
      const pages = [
        `/console/keys?tenant=acme&owner=${inQuery}`,
        `/console/key?${about}`,
        `/console/revoke?${about}`,
        `/console/new?tenant=${inQuery}`,
        `/?to=${inQuery}`,
        `/console/keys?tenant=acme&revoked=${inQuery}&seal=${inQuery}`
      ]
      for (const path of pages) {
        const { text } = yield* get(path)
        assert.notInclude(text, "<script src=//x.test>", path)
        assert.notInclude(text, "<img src=x", path)
        assert.strictEqual(text.split("<script").length, 2, path)
      }
      assert.include((yield* get(pages[1] ?? "")).seen, hostile)
    }).pipe(Effect.scoped)
  )

  it.effect("never says that a key is unused where that is not known", () =>
    Effect.gen(function* () {
      const { opened: backends } = yield* stores
      for (const tenant of ["poor", "acme"]) {
        const spec = { name: `key of ${tenant}`, owner: "ada" }
        yield* Effect.scoped(Effect.flatMap(backends.forTenant(tenant), (store) => store.create(spec)))
      }
      yield* TestClock.adjust("200 days")
      const at = yield* database
      const { secret } = yield* Gateway.init(at)
      const { fetch } = yield* Gateway.handler({ backends: Gateway.fromKeyStores(backends, false), database: at })
      const { get, signIn } = visitor(fetch)
      yield* signIn(Redacted.value(secret))
      const unmeasured = yield* get("/console/keys?tenant=poor")
      assert.include(unmeasured.seen, "not measured here")
      assert.include(unmeasured.seen, "memory does not say when keys are used")
      const counted = yield* get("/console/keys?tenant=acme")
      assert.include(counted.seen, "none known every use is counted")
      for (const { seen } of [unmeasured, counted]) {
        assert.include(seen, "old created")
        assert.notMatch(seen, /unused|never used/i)
      }
      const [address = ""] = linksOf(unmeasured, "key of poor")
      assert.include((yield* get(address)).seen, "Use is not measured here.")
    }).pipe(Effect.scoped)
  )

  it.effect("says on every page that it may load and be framed by nothing, and keeps it out of caches", () =>
    Effect.gen(function* () {
      const { get } = yield* opened
      for (const path of [
        "/",
        "/console/keys?tenant=acme",
        "/console/keys?tenant=nobody",
        "/console/new?tenant=acme"
      ]) {
        const { headers } = yield* get(path)
        const policy = headers.get("content-security-policy") ?? ""
        for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"]) {
          assert.include(policy, part)
        }
        assert.notMatch(policy, /unsafe|http|\*/)
        assert.strictEqual(headers.get("cache-control"), "no-store")
        assert.strictEqual(headers.get("referrer-policy"), "same-origin")
        assert.strictEqual(headers.get("x-frame-options"), "DENY")
      }
    }).pipe(Effect.scoped)
  )

  it.effect("shares none of its paths with a route of the program's own, unless it is switched off", () =>
    Effect.gen(function* () {
      const route = (path: `/${string}`): Gateway.Route => ({
        method: "GET",
        path,
        handle: () => Effect.succeed(new Response("mine"))
      })
      for (const path of ["/", "/console/mine"] as const) {
        const routes = () => Effect.succeed([route(path)])
        const error = yield* Effect.flip(make({ routes }))
        assert.match(error.message, /gateway\.routes: the path \S+ is the console's/)
        const { ask } = yield* make({ routes, console: false })
        assert.strictEqual((yield* ask(`GET ${path}`)).text, "mine")
      }
    }).pipe(Effect.scoped)
  )

  it.effect("is not there where it is switched off", () =>
    Effect.gen(function* () {
      const { fetch } = yield* make({ console: false })
      const { get, post } = visitor(fetch)
      for (const path of ["/", "/console/keys?tenant=acme", "/console/style.css"]) {
        assert.strictEqual((yield* get(path)).status, 404)
      }
      assert.strictEqual((yield* post("/console/sign-in", { key: "x" })).status, 404)
    }).pipe(Effect.scoped)
  )
})
