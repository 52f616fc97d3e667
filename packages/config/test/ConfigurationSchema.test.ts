import { assert, describe, it } from "@effect/vitest"
import * as Arthur from "@keyfold/arthur/Arthur"
import * as Configuration from "@keyfold/config/Configuration"
import * as ConfigurationSchema from "@keyfold/config/ConfigurationSchema"
import * as Occam from "@keyfold/occam/Occam"
import * as Sql from "@keyfold/sql/Sql"
import * as WhyLabs from "@keyfold/whylabs/WhyLabs"
import * as Effect from "effect/Effect"
import { parse } from "yaml"
import { judge } from "./SchemaJudge.ts"
import { folderWith } from "./TinyAdapter.ts"

const builtIn = { arthur: Arthur.adapter, occam: Occam.adapter, sql: Sql.adapter, whylabs: WhyLabs.adapter }
const schema = ConfigurationSchema.make(Object.values(builtIn))
const wrongIn = judge(schema)

const everything = `
$schema: ./node_modules/@keyfold/config/schema/keyfold.schema.json
default: local
adapters: [sql, whylabs, arthur, occam]
journal: { url: "sqlite:journal.db", secret: { file: ./secret }, busyTimeout: 3 seconds }
rotations:
  url: "postgres://ann@db.example/rotations"
  password: { env: P }
  takeOverAfter: 30s
  concurrency: 4
  sinks:
    file: { file: "./{tenant}/{name}.key" }
    env: { environmentFile: .env, variable: KEY }
    job: { ciEnvironmentFile: job.env, variable: KEY }
    cluster: { kubernetesSecret: s.yaml, name: ci, namespace: a, field: KEY, form: stringData }
    vault: { vault: team/ci, field: key, address: https://vault.example, token: { env: T }, mount: kv, keyId: metadata }
    feed: { command: [cat], confirms: keyId, within: 3s }
  probes: { api: { command: [./probe, --fast], within: 1s } }
  holderChecks: { web: { command: [./holder] } }
retry: { attempts: 3, initialDelay: 1 second, maximumDelay: 5 seconds, retryAfterCap: 9 seconds, budget: 1 minute }
budget: { requests: 5, per: 1 minute, reserved: 1 }
stores:
  local: { adapter: sql, url: "sqlite:a.db", pepper: { env: P }, previousPeppers: [{ env: Q }], tenant: a, rotation: [{ every: 90d, overlap: 24h, sink: env }] }
  monitoring:
    adapter: "@keyfold/whylabs"
    organization: org-1
    dialect: v1
    keyLimit: 3
    apiKey: { command: [pass, show], timeout: 1 second, refresh: 1 hour }
    defaults: { scopes: [write] }
    scopeMap: { write: [":write_data"] }
    require: { get: true }
    cursorSecret: { env: C }
    labelSecret: { env: L }
    retry: { attempts: 1 }
    budget: { requests: 9, per: 1 minute }
  guard:
    adapter: arthur
    baseUrl: https://arthur.example
    apiKey: { env: A }
    timeout: 3 seconds
    proxy: { env: PROXY }
    clientCertificate: { certificate: { file: c }, key: { file: k } }
  agents: { adapter: occam, username: ann, password: { env: O }, verifyByTokenExchange: true }
  cards: { adapter: occam, apiKey: { env: A }, shared: true, separateCredentials: true, labelSecret: { env: L } }
idle: 10 minutes
tenants:
  acme: local
  "dev-*": { store: local, defaults: { owner: dev }, require: { usage: true } }
  hooli: { store: cards, rotation: { every: 90d, overlap: 24h, sink: file, where: 'owner == "a"', probe: api } }
  globex: { store: guard, apiKey: { env: G }, retry: { attempts: 1 }, budget: { requests: 1, per: 1 second } }
  initech: { store: cards, apiKey: { file: ./i }, timeout: 3 seconds, scopeMap: { write: [] }, cursorSecret: { env: C } }
`

describe("the schema of the configuration file", () => {
  it.effect("accepts what the file may say, as the file's own check does", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(wrongIn(parse(everything)), [])
      const folder = yield* folderWith({ "keyfold.yaml": everything })
      assert.deepStrictEqual(yield* Configuration.check({ folder, env: {}, builtIn, secrets: "later" }), [])
    })
  )

  it("refuses what is wrong in members of the file, of stores and of the adapters", () => {
    const wrong = (text: string) => wrongIn(parse(text))
    assert.deepStrictEqual(wrong("defalt: a\nstores: {}"), [" has defalt", ".stores minProperties"])
    assert.deepStrictEqual(wrong("default: a"), [" needs stores"])
    assert.deepStrictEqual(wrong("stores: { a: { url: x } }"), [".stores.a needs adapter"])
    const store = (text: string) => wrong(`stores: { a: { ${text} } }`)
    assert.deepStrictEqual(store(`adapter: sql, url: 3, peper: { env: P }`), [
      ".stores.a needs pepper",
      '.stores.a.url type "string"',
      ".stores.a has peper"
    ])
    assert.deepStrictEqual(store(`adapter: "@keyfold/occam", organization: x`), [".stores.a has organization"])
    assert.deepStrictEqual(store(`adapter: whylabs, apiKey: { env: A }, dialect: v2, keyLimit: 0`), [
      ".stores.a.dialect enum",
      ".stores.a.keyLimit minimum"
    ])
    for (const secret of ["literal", "{ env: A, file: b }", "{ command: [] }", "{ }", "{ env: A, refresh: 1 hour }"]) {
      const found = store(`adapter: arthur, baseUrl: x, apiKey: ${secret}`)
      // What tells an empty list apart is not among the keywords that the judge knows.
      assert.deepStrictEqual(found, secret.includes("[]") ? [] : [".stores.a.apiKey anyOf"])
    }
    assert.deepStrictEqual(
      [...new Set(store("adapter: sql, url: x, pepper: { env: P }, retry: { attempts: 0, tries: 1 }"))],
      [".stores.a.retry.attempts minimum", ".stores.a.retry has tries"]
    )
    const tenant = (text: string) => wrong(`{ tenants: { a: ${text} }, stores: { a: { adapter: x } } }`)
    for (const one of [
      "3",
      "[a]",
      "{ defaults: {} }",
      "{ store: a, apiKey: literal }",
      "{ store: a, retry: { tries: 1 } }"
    ]) {
      assert.deepStrictEqual(tenant(one), [".tenants.a anyOf"])
    }
    assert.deepStrictEqual(tenant("{ store: a, dialect: of another adapter, whatever: 3 }"), [])
    assert.deepStrictEqual(wrong("{ tenants: [a], stores: { a: { adapter: x } } }"), ['.tenants type "object"'])
    const journal = (text: string) => wrong(`{ journal: { ${text} }, stores: { a: { adapter: x } } }`)
    assert.deepStrictEqual(journal("url: x"), [".journal needs secret"])
    assert.deepStrictEqual(journal("adapter: sql, secret: { env: A }, pepper: 3"), [
      ".journal needs url",
      ".journal has pepper"
    ])
  })

  it("leaves adapters open that it does not know, but for the members of every store", () => {
    const wrong = (text: string) => wrongIn(parse(`stores: { a: { adapter: "@acme/keys", ${text} } }`))
    assert.deepStrictEqual(wrong("anything: 3"), [])
    assert.deepStrictEqual(wrong("defaults: { owner: 3 }, require: { usage: false }"), [
      '.stores.a.defaults.owner type "string"',
      ".stores.a.require.usage enum"
    ])
    assert.deepStrictEqual(wrongIn(parse(`{ journal: { adapter: other, x: 1 }, stores: { a: { adapter: x } } }`)), [])
  })

  it("explains members where an editor looks, and completes the names of adapters", () => {
    const text = JSON.stringify(schema)
    assert.notInclude(text, '"allOf":[{"description"')
    assert.include(text, '"description":"The store that is meant where none is named."')
    assert.include(text, '{"enum":["arthur","occam","sql","whylabs"]}')
  })
})
