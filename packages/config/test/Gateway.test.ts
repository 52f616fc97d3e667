import { assert, describe, it } from "@effect/vitest"
import * as Configuration from "@keyfold/config/Configuration"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { join } from "node:path"
import { builtIn, canary, tells } from "./Refusals.ts"
import { folderWith } from "./TinyAdapter.ts"

const stores = `stores:
  local: { adapter: tiny, url: x, token: { env: TOKEN } }
`

describe("the gateway of the file", () => {
  it.effect("is read with its secrets, and its files stand in the file's folder", () =>
    Effect.gen(function* () {
      const text = `${stores}gateway:
  url: "sqlite:gateway.db"
  pepper: { env: PEPPER }
  port: 0
  cacheFor: 2 seconds
  tls: { certificate: tls/cert.pem, key: /keys/key.pem }
  limits: { caller: { requests: 5, within: 1 minute }, counted: database }
  jwt:
    - { issuer: "https://issuer.test", audience: [a, b], jwks: "https://issuer.test/keys" }
`
      const folder = yield* folderWith({ "keyfold.yaml": text })
      const env = { TOKEN: "t", PEPPER: "p", KEYFOLD_GATEWAY_HOST: "0.0.0.0" }
      const { gateway } = yield* Configuration.load({ folder, builtIn, env })
      if (gateway === undefined) return assert.fail("there is no gateway")
      const settings = yield* gateway.settings
      assert.strictEqual(Redacted.isRedacted(settings.pepper) ? Redacted.value(settings.pepper) : "", "p")
      assert.deepStrictEqual(settings.tls, { certificate: join(folder, "tls/cert.pem"), key: "/keys/key.pem" })
      assert.strictEqual(settings.host, "0.0.0.0")
      assert.strictEqual(Duration.toMillis(settings.limits?.caller?.within ?? 0), 60_000)
    }).pipe(Effect.scoped)
  )

  tells(
    "is judged member by member",
    `${stores}gateway:
  url: "sqlite:gateway.db"
  pepper: ${canary}
  port: 70000
  prot: 1
  limits: { counted: redis }
`,
    [
      "keyfold.yaml has 4 mistakes.",
      "keyfold.yaml:5:11  gateway.pepper",
      "  a secret is not written here; write { env: NAME }, { file: path } or { command: [program, argument] }.",
      "keyfold.yaml:6:9  gateway.port",
      "  expected a port from 0 to 65535, found the number 70000.",
      "keyfold.yaml:7:3  gateway.prot",
      `  not a known member. Did you mean "port"? Accepted: url, password, pepper, previousPeppers, busyTimeout, host, port, metrics, tls, jwt, cacheFor, trustedProxies, drain, shutdown, console, limits, dialects.`,
      "keyfold.yaml:8:22  gateway.limits.counted",
      `  expected "memory" or "database", found "redis".`
    ]
  )

  it.effect("is read with its dialects and their secrets", () =>
    Effect.gen(function* () {
      const text = `${stores}tenants: { acme: local }
gateway:
  url: "sqlite:gateway.db"
  pepper: { env: PEPPER }
  dialects:
    whylabs: { organizations: { org-1: acme }, owner: ann, scopes: { ":user": read }, defaultScopes: [":user"] }
    arthur:
      - { tenant: acme, roles: { ORG-ADMIN: admin, TASK-ADMIN: task } }
      - { tenant: acme, path: /arthur-two }
    occam: { tenant: acme, secret: { env: SIGNING }, accessTokenLife: 1 hour }
`
      const folder = yield* folderWith({ "keyfold.yaml": text })
      const env = { TOKEN: "t", PEPPER: "p", SIGNING: "s" }
      const { gateway } = yield* Configuration.load({ folder, builtIn, env })
      if (gateway === undefined) return assert.fail("there is no gateway")
      const { arthur, occam } = (yield* gateway.settings).dialects ?? {}
      assert.lengthOf(Array.isArray(arthur) ? arthur : [], 2)
      if (occam === undefined || !("secret" in occam)) return assert.fail("there is no Occam")
      assert.strictEqual(Redacted.isRedacted(occam.secret) ? Redacted.value(occam.secret) : "", "s")
      assert.strictEqual(Duration.toMillis(occam.accessTokenLife ?? 0), 3_600_000)
    }).pipe(Effect.scoped)
  )
})

const around = (dialects: string, tenants = "{ acme: many, globex: many, dev-one: many }") => `stores:
  many: { adapter: tiny, url: x, token: { env: TOKEN } }
tenants: ${tenants}
gateway:
  url: "sqlite:gateway.db"
  pepper: { env: TOKEN }
  dialects:
${dialects}`

describe("the dialects of the file", () => {
  tells(
    "ask for tenants that it has",
    around(`    whylabs: { organizations: { org-1: acme, org-2: globx }, owner: ann }
    arthur:
      - { tenant: globex }
      - { tenant: "dev-*", path: /two }
      - { tenant: dev-one, path: /three }
    occam: { tenant: initech, secret: { env: TOKEN } }
`),
    [
      "keyfold.yaml has 3 mistakes.",
      "keyfold.yaml:8:53  gateway.dialects.whylabs.organizations.org-2",
      `  no tenant has this name. Did you mean "globex"? Tenants: acme, globex, dev-one.`,
      "keyfold.yaml:11:19  gateway.dialects.arthur[1].tenant",
      "  a pattern is no tenant; name one, and mount the dialect once for each.",
      "keyfold.yaml:13:22  gateway.dialects.occam.tenant",
      "  no tenant has this name. Tenants: acme, globex, dev-one."
    ]
  )

  tells(
    "may ask for a tenant that a pattern covers",
    around("    arthur: [{ tenant: dev-7 }, { tenant: dev-, path: /two }]\n", '{ "dev-*": many }'),
    [
      "keyfold.yaml has 1 mistake.",
      "keyfold.yaml:8:43  gateway.dialects.arthur[1].tenant",
      "  no tenant has this name. Tenants: dev-*."
    ]
  )

  tells(
    "are on paths apart",
    around(`    arthur: [{ tenant: acme }, { tenant: globex }, { tenant: acme, path: /arthurs }]
    occam: { tenant: acme, path: /arthur/occam, secret: { env: TOKEN } }
`),
    [
      "keyfold.yaml has 2 mistakes.",
      "keyfold.yaml:8:32  gateway.dialects.arthur[1]",
      "  /arthur overlaps with /arthur of gateway.dialects.arthur[0]. Write a path for each.",
      "keyfold.yaml:9:34  gateway.dialects.occam.path",
      "  /arthur/occam overlaps with /arthur of gateway.dialects.arthur[0]. Write a path for each."
    ]
  )

  tells(
    "are on paths that the gateway does not serve itself, and on one at least",
    around(`    arthur: [{ tenant: acme, path: /v1 }, { tenant: globex, path: /docs/arthur }, { tenant: acme, path: /v10 }]
    occam: { tenant: acme, path: /console, secret: { env: TOKEN } }
    whylabs: []
`),
    [
      "keyfold.yaml has 4 mistakes.",
      "keyfold.yaml:8:36  gateway.dialects.arthur[0].path",
      "  /v1 is the gateway's own. Write another path; these are its own: /v1, /docs, /health, /ready, /openapi.json, /metrics, /console.",
      "keyfold.yaml:8:67  gateway.dialects.arthur[1].path",
      "  /docs is the gateway's own. Write another path; these are its own: /v1, /docs, /health, /ready, /openapi.json, /metrics, /console.",
      "keyfold.yaml:9:34  gateway.dialects.occam.path",
      "  /console is the gateway's own. Write another path; these are its own: /v1, /docs, /health, /ready, /openapi.json, /metrics, /console.",
      "keyfold.yaml:10:14  gateway.dialects.whylabs",
      "  the list is empty; write a mount, or leave the member out."
    ]
  )

  tells(
    "have the members of their kind, and secrets by reference that are there",
    around(`    arthur: { tenant: acme, path: arthur/, role: {} }
    occam:
      - { tenant: acme, secret: ${canary}, accessTokenLife: 0 seconds }
      - { tenant: acme, path: /two, secret: { env: NOWHERE } }
      - { tenant: acme, path: /three, secret: { command: [./sign], refresh: 1 hour } }
    datadog: {}
`),
    [
      "keyfold.yaml has 7 mistakes.",
      "keyfold.yaml:8:35  gateway.dialects.arthur.path",
      `  expected a path such as /whylabs, without a slash at its end, found "arthur/".`,
      "keyfold.yaml:8:44  gateway.dialects.arthur.role",
      `  not a known member. Did you mean "roles"? Accepted: path, tenant, owner, roles.`,
      "keyfold.yaml:10:33  gateway.dialects.occam[0].secret",
      "  a secret is not written here; write { env: NAME }, { file: path } or { command: [program, argument] }.",
      "keyfold.yaml:10:70  gateway.dialects.occam[0].accessTokenLife",
      `  expected a time from 1 second to 366 days, found "0 seconds".`,
      "keyfold.yaml:11:45  gateway.dialects.occam[1].secret",
      "  the environment variable NOWHERE is not set. Set it, or refer to another place.",
      "keyfold.yaml:12:77  gateway.dialects.occam[2].secret.refresh",
      "  what tokens are signed with must not change; remove it.",
      "keyfold.yaml:13:5  gateway.dialects.datadog",
      "  not a known member. Accepted: whylabs, arthur, occam."
    ]
  )

  tells(
    "use names that their protocols know",
    around(`    arthur: { tenant: acme, roles: { ORG-ADMIN: a, TASK-ADMIN: a, ORG-AUDITER: b } }
    whylabs:
      - { organizations: {}, owner: ann, scopes: { ":user": read }, defaultScopes: [":usr"] }
      - { organizations: { a/b: acme }, owner: ann, path: /two }
`),
    [
      "keyfold.yaml has 5 mistakes.",
      "keyfold.yaml:8:64  gateway.dialects.arthur.roles.TASK-ADMIN",
      "  another name has this scope. Give each name a scope of its own.",
      "keyfold.yaml:8:67  gateway.dialects.arthur.roles.ORG-AUDITER",
      `  the protocol has no such name here. Did you mean "ORG-AUDITOR"? Accepted: DEFAULT-RULE-ADMIN, TASK-ADMIN, VALIDATION-USER, ORG-AUDITOR, ORG-ADMIN.`,
      "keyfold.yaml:10:11  gateway.dialects.whylabs[0].organizations",
      "  names no organization; write the id that clients send and its tenant.",
      "keyfold.yaml:10:85  gateway.dialects.whylabs[0].defaultScopes[0]",
      `  the protocol has no such name here. Did you mean ":user"? Accepted: :user.`,
      "keyfold.yaml:11:28  gateway.dialects.whylabs[1].organizations.a/b",
      "  an id cannot have these characters; write it as clients send it, such as org-7Kd3mQ."
    ]
  )

  it.effect("are set by variables where there is one mount, and not where there is a list", () =>
    Effect.gen(function* () {
      const findingsOf = Effect.fnUntraced(function* (arthur: string, tenant: string) {
        const folder = yield* folderWith({ "keyfold.yaml": around(`    arthur: ${arthur}\n`) })
        const env = { TOKEN: "t", KEYFOLD_GATEWAY_DIALECTS_ARTHUR_TENANT: tenant }
        return (yield* Configuration.check({ folder, builtIn, env })).map(({ problem }) => problem)
      })
      assert.deepStrictEqual(yield* findingsOf("{ tenant: nobody }", "acme"), [])
      const [unknown] = yield* findingsOf("{ tenant: acme }", "nobody")
      assert.match(unknown ?? "", /^no tenant has this name/)
      const [lost] = yield* findingsOf("[{ tenant: acme }]", "acme")
      assert.match(lost ?? "", /a variable sets nothing in a list/)
    }).pipe(Effect.scoped)
  )
})
