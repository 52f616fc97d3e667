import { assert, describe, it } from "@effect/vitest"
import * as Configuration from "@keyfold/config/Configuration"
import * as Effect from "effect/Effect"
import { builtIn, canary, refusal, tells } from "./Refusals.ts"
import { folderWith } from "./TinyAdapter.ts"

describe("the syntax", () => {
  tells(
    "of YAML is told with its line and without quoting it",
    `stores:\n  local:\n    adapter: tiny\n    token: "${canary}\n    url: x\n`,
    [
      "keyfold.yaml has 1 mistake.",
      "keyfold.yaml:6:1",
      "  something is missing: a colon, a comma, a closing quote, bracket or brace."
    ]
  )

  tells(
    "refuses tabs and custom tags",
    `stores:\n  local:\n    adapter: tiny\n    token: !env ${canary}\n    url: x\n\tdefault: x\n`,
    [
      "keyfold.yaml has 2 mistakes.",
      "keyfold.yaml:4:12",
      "  a tag is not known here; a secret is written { env: NAME }.",
      "keyfold.yaml:6:1",
      "  a tab indents this line; use spaces."
    ]
  )

  tells(
    "of JSON is told the same way",
    `{\n\t"stores": {\n\t\t"local": { "adapter": "tiny" "url": "x" }\n\t}\n}\n`,
    [
      "keyfold.json has 1 mistake.",
      "keyfold.json:3:32",
      "  something stands here that does not belong; is a comma, a quote or a bracket missing before it?"
    ],
    "keyfold.json"
  )

  tells("of an empty file is told as what is missing", "", [
    "keyfold.yaml has 1 mistake.",
    "keyfold.yaml:1:1",
    "  expected a mapping, found nothing."
  ])

  tells(
    "lets a name stand once",
    `stores:\n  local: { adapter: tiny, url: x, token: { env: TOKEN } }\n  local:\n    adapter: tiny\n    url: x\n    url: y\n    token: { env: TOKEN }\n`,
    [
      "keyfold.yaml has 2 mistakes.",
      "keyfold.yaml:3:3  stores.local",
      "  this name is there twice in one mapping; remove or rename one.",
      "keyfold.yaml:6:5  stores.local.url",
      "  this name is there twice in one mapping; remove or rename one."
    ]
  )
})

describe("an alias", () => {
  it.effect("stands for what it names, and a mistake in it is told where it was written", () =>
    Effect.gen(function* () {
      const text = (limit: number) =>
        `stores:\n  a: &a { adapter: tiny, url: x, token: { env: TOKEN }, limit: ${limit} }\n  b: *a\n`
      const folder = yield* folderWith({ "keyfold.yaml": text(3) })
      const { stores } = yield* Configuration.load({ folder, builtIn, env: { TOKEN: canary } })
      assert.deepStrictEqual([...stores.keys()], ["a", "b"])
      const places = (yield* refusal(text(0))).split("\n").filter((line) => line.startsWith("keyfold.yaml:"))
      assert.deepStrictEqual(places, ["keyfold.yaml:2:64  stores.a.limit", "keyfold.yaml:2:64  stores.b.limit"])
    })
  )

  it.effect("cannot unfold to fill the memory", () =>
    Effect.gen(function* () {
      const level = (index: number) =>
        `l${index}: &l${index} [${Array(9)
          .fill(`*l${index - 1}`)
          .join(", ")}]`
      const levels = Array.from({ length: 9 }, (_, index) => level(index + 1))
      const message = yield* refusal(["l0: &l0 [x]", ...levels, "stores: {}", ""].join("\n"))
      assert.include(message, "the aliases unfold to too much.")
    })
  )
})

describe("a member", () => {
  tells(
    "that is not known is told with the nearest right spelling, and without its value",
    `stores:\n  local:\n    adapter: tiny\n    url: x\n    tokne: ${canary}\n    token: { env: TOKEN }\n    defalts: {}\n`,
    [
      "keyfold.yaml has 2 mistakes.",
      "keyfold.yaml:5:5  stores.local.tokne",
      `  not a known member. Did you mean "token"? Accepted: adapter, defaults, scopeMap, require, cursorSecret, labelSecret, retry, budget, rotation, shared, separateCredentials, url, token, backups, dialect, limit, timeout, proxy.`,
      "keyfold.yaml:7:5  stores.local.defalts",
      `  not a known member. Did you mean "defaults"? Accepted: adapter, defaults, scopeMap, require, cursorSecret, labelSecret, retry, budget, rotation, shared, separateCredentials, url, token, backups, dialect, limit, timeout, proxy.`
    ]
  )

  tells(
    "of the wrong type is told with what was found and what is accepted",
    `
stores:
  local:
    adapter: tiny
    url: 5
    token: { env: TOKEN }
    dialect: frist
    limit: 12
    timeout: soon
    defaults: { owner: [a], scopes: write }
    require: { usages: true, expiry: yes }
`,
    [
      "keyfold.yaml has 8 mistakes.",
      "keyfold.yaml:5:10  stores.local.url",
      "  expected text, found the number 5.",
      "keyfold.yaml:7:14  stores.local.dialect",
      `  expected "first" or "second", found "frist". Did you mean "first"?`,
      "keyfold.yaml:8:12  stores.local.limit",
      "  expected a value between 1 and 9, found the number 12.",
      "keyfold.yaml:9:14  stores.local.timeout",
      `  expected a length of time such as "30 seconds", found "soon".`,
      "keyfold.yaml:10:24  stores.local.defaults.owner",
      "  expected text, found a list.",
      "keyfold.yaml:10:37  stores.local.defaults.scopes",
      `  expected a list, found "write".`,
      "keyfold.yaml:11:16  stores.local.require.usages",
      `  not a known member. Did you mean "usage"? Accepted: get, usage, exactUsage, verify, identify, listRevoked, getRevoked, expiry, scopes, owners, tags, revokeAny, safeCreate, nativePagination.`,
      "keyfold.yaml:11:38  stores.local.require.expiry",
      `  expected true, found "yes".`
    ]
  )

  tells(
    "that is needed and missing is told at the mapping that lacks it",
    `stores:\n  local:\n    adapter: tiny\n  other: {}\ndefalt: local\n`,
    [
      "keyfold.yaml has 4 mistakes.",
      "keyfold.yaml:2:3  stores.local.url",
      "  missing; expected text.",
      "keyfold.yaml:2:3  stores.local.token",
      "  missing; expected a reference to a secret: { env: NAME }, { file: path } or { command: [program, argument] }.",
      "keyfold.yaml:4:3  stores.other.adapter",
      "  missing; expected the name of an adapter.",
      "keyfold.yaml:5:1  defalt",
      `  not a known member. Did you mean "default"? Accepted: stores, default, journal, rotations, gateway, adapters, retry, budget, tenants, idle, $schema.`
    ]
  )

  it.effect("whose value may be a secret is not quoted, whatever the member", () =>
    Effect.gen(function* () {
      const message = yield* refusal(
        `stores:\n  local: { adapter: tiny, url: x, token: { env: TOKEN }, limit: ${canary} }\n`
      )
      assert.include(message, "found a text that is not shown here.")
    })
  )
})

describe("a secret", () => {
  tells(
    "written in the file is refused with what to write instead",
    `stores:\n  local:\n    adapter: tiny\n    url: x\n    token: ${canary}\n    backups: [{ env: TOKEN }, ${canary}]\n    proxy: { host: a, password: ${canary} }\n    cursorSecret: ${canary}\n`,
    [
      "keyfold.yaml has 4 mistakes.",
      "keyfold.yaml:5:12  stores.local.token",
      "  a secret is not written here; write { env: NAME }, { file: path } or { command: [program, argument] }.",
      "keyfold.yaml:6:31  stores.local.backups[1]",
      "  a secret is not written here; write { env: NAME }, { file: path } or { command: [program, argument] }.",
      "keyfold.yaml:7:33  stores.local.proxy.password",
      "  a secret is not written here; write { env: NAME }, { file: path } or { command: [program, argument] }.",
      "keyfold.yaml:8:19  stores.local.cursorSecret",
      "  a secret is not written here; write { env: NAME }, { file: path } or { command: [program, argument] }."
    ]
  )

  tells(
    "that cannot be obtained is told at its reference",
    `stores:
  local:
    adapter: tiny
    url: x
    token: { env: MISSING }
    backups:
      - { env: EMPTY }
      - { file: ./secrets/none }
      - { command: [no-such-program, ${canary}] }
`,
    [
      "keyfold.yaml has 4 mistakes.",
      "keyfold.yaml:5:12  stores.local.token",
      "  the environment variable MISSING is not set. Set it, or refer to another place.",
      "keyfold.yaml:7:9  stores.local.backups[0]",
      "  the environment variable EMPTY is empty. Set it, or refer to another place.",
      "keyfold.yaml:8:9  stores.local.backups[1]",
      "  the file ./secrets/none does not exist. Create it, or mend the path; a relative path starts at the configuration file's folder.",
      "keyfold.yaml:9:9  stores.local.backups[2]",
      "  the program no-such-program was not found. Install it, or name its path."
    ]
  )

  tells(
    "with a malformed reference is told at the member that is wrong, without what was written",
    `stores:
  local:
    adapter: tiny
    url: x
    token: { ${canary} }
    backups: [{ env: TOKEN, file: a }, { command: ${canary} }]
    cursorSecret: { command: [pass], refresh: 1 minute }
`,
    [
      "keyfold.yaml has 4 mistakes.",
      "keyfold.yaml:5:12  stores.local.token",
      "  has a member that is not known; accepted: env, file, command, timeout, refresh.",
      "keyfold.yaml:6:15  stores.local.backups[0]",
      "  names env and file; exactly one is accepted.",
      "keyfold.yaml:6:51  stores.local.backups[1].command",
      "  expected a list, [program, argument, ...]; no shell reads it.",
      "keyfold.yaml:7:47  stores.local.cursorSecret.refresh",
      "  the secret of cursors must not change; remove it."
    ]
  )
})

describe("an adapter", () => {
  tells(
    "that is misspelt, not installed or no name of a package is told with what to do",
    `stores:\n  a: { adapter: tinny }\n  b: { adapter: "@acme/keys" }\n  c: { adapter: ../adapter.js }\n  d: { adapter: occam }\n`,
    [
      "keyfold.yaml has 4 mistakes.",
      "keyfold.yaml:2:17  stores.a.adapter",
      `  there is no adapter "tinny". Did you mean "tiny"?`,
      "keyfold.yaml:3:17  stores.b.adapter",
      "  the package @acme/keys is not installed. In the folder of this file, run: npm install @acme/keys",
      "keyfold.yaml:4:17  stores.c.adapter",
      `  "../adapter.js" is neither the short name of an adapter nor the name of an npm package. Short names: arthur, occam, sql, whylabs.`,
      "keyfold.yaml:5:17  stores.d.adapter",
      "  the package @keyfold/occam is not installed. In the folder of this file, run: npm install @keyfold/occam"
    ]
  )

  tells(
    "that the file may not load is told, the journal's too",
    `adapters: [poor, "@acme/keys"]\njournal: { url: x, secret: { env: TOKEN } }\nstores:\n  a: { adapter: tiny }\n  b: { adapter: "@acme/keys" }\n`,
    [
      "keyfold.yaml has 3 mistakes.",
      "keyfold.yaml:2:10  journal",
      `  the adapter "sql" is not among those that this file may load. Name one of them, poor, @acme/keys, or add it to adapters.`,
      "keyfold.yaml:4:17  stores.a.adapter",
      `  the adapter "tiny" is not among those that this file may load. Name one of them, poor, @acme/keys, or add it to adapters.`,
      "keyfold.yaml:5:17  stores.b.adapter",
      "  the package @acme/keys is not installed. In the folder of this file, run: npm install @acme/keys"
    ]
  )

  tells("is loaded by no list that is none", `adapters: poor\nstores:\n  a: { adapter: tiny }\n`, [
    "keyfold.yaml has 2 mistakes.",
    "keyfold.yaml:1:11  adapters",
    `  expected a list of names of adapters, found "poor".`,
    "keyfold.yaml:3:17  stores.a.adapter",
    `  the adapter "tiny" is not among those that this file may load. Name one of them, poor, or add it to adapters.`
  ])

  tells(
    "that cannot do what a store asks of it is told before anything is opened",
    `stores:
  poor:
    adapter: poor
    url: x
    token: { env: TOKEN }
    defaults: { scopes: [write] }
    require: { usage: true, expiry: true }
`,
    [
      "keyfold.yaml has 3 mistakes.",
      "keyfold.yaml:6:5  stores.poor.defaults.owner",
      "  every tiny key needs an owner, and the store names no default. Set defaults.owner to the user who owns keys created without an owner.",
      "keyfold.yaml:6:25  stores.poor.defaults.scopes",
      "  tiny keys have no scopes and may do everything. Write scopeMap: { write: [] } to accept that, or remove write.",
      "keyfold.yaml:7:14  stores.poor.require",
      "  tiny cannot meet: usage. Choose another backend for this store, or drop the requirement."
    ]
  )
})

describe("the file as a whole", () => {
  tells("needs a store", "stores: {}\n", [
    "keyfold.yaml has 1 mistake.",
    "keyfold.yaml:1:1  stores",
    "  names no store; name at least one."
  ])

  tells(
    "needs a default that is a store, and stores that are mappings",
    `default: lokal\nstores:\n  local: [a]\n  other: { adapter: tiny, url: x, token: { env: TOKEN } }\n`,
    [
      "keyfold.yaml has 2 mistakes.",
      "keyfold.yaml:1:10  default",
      `  no store has this name. Did you mean "local"? Stores: local, other.`,
      "keyfold.yaml:3:10  stores.local",
      "  expected a mapping, found a list."
    ]
  )

  tells(
    "is judged to its end: twelve mistakes of all kinds are twelve findings",
    `default: lokal
stores:
  local:
    adapter: tiny
    adaptor: tiny
    url: true
    token: ${canary}
    limit: 0
  remote:
    adapter: tiny
    url: x
    token: { env: MISSING }
    scopeMap: { write: ":write" }
    require: { usage: false }
  guard: { adapter: occan }
  poor:
    adapter: poor
    url: x
    token: { env: TOKEN }
    defaults: { owner: bot, scopes: [a] }
  same: { adapter: tiny, url: x, url: y, token: { env: TOKEN } }
tenant: {}
`,
    [
      "keyfold.yaml has 12 mistakes.",
      "keyfold.yaml:1:10  default",
      `  no store has this name. Did you mean "local"? Stores: local, remote, guard, poor, same.`,
      "keyfold.yaml:5:5  stores.local.adaptor",
      `  not a known member. Did you mean "adapter"? Accepted: adapter, defaults, scopeMap, require, cursorSecret, labelSecret, retry, budget, rotation, shared, separateCredentials, url, token, backups, dialect, limit, timeout, proxy.`,
      "keyfold.yaml:6:10  stores.local.url",
      "  expected text, found true.",
      "keyfold.yaml:7:12  stores.local.token",
      "  a secret is not written here; write { env: NAME }, { file: path } or { command: [program, argument] }.",
      "keyfold.yaml:8:12  stores.local.limit",
      "  expected a value between 1 and 9, found the number 0.",
      "keyfold.yaml:12:12  stores.remote.token",
      "  the environment variable MISSING is not set. Set it, or refer to another place.",
      "keyfold.yaml:13:24  stores.remote.scopeMap.write",
      `  expected a list, found ":write".`,
      "keyfold.yaml:14:23  stores.remote.require.usage",
      "  expected true, found false.",
      "keyfold.yaml:15:21  stores.guard.adapter",
      `  there is no adapter "occan". Did you mean "occam"?`,
      "keyfold.yaml:20:37  stores.poor.defaults.scopes",
      "  tiny keys have no scopes and may do everything. Write scopeMap: { a: [] } to accept that, or remove a.",
      "keyfold.yaml:21:34  stores.same.url",
      "  this name is there twice in one mapping; remove or rename one.",
      "keyfold.yaml:22:1  tenant",
      `  not a known member. Did you mean "tenants"? Accepted: stores, default, journal, rotations, gateway, adapters, retry, budget, tenants, idle, $schema.`
    ]
  )
})
