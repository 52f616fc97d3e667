import { describe } from "@effect/vitest"
import { canary, tells } from "./Refusals.ts"

describe("tenants", () => {
  tells(
    "are judged one by one: the store, the members, the options of its adapter",
    `stores:
  local: { adapter: tiny, url: x, token: { env: TOKEN }, scopeMap: { write: [w] } }
  guard: { adapter: marked, url: y, token: { env: TOKEN } }
tenants:
  acme: locl
  globex: { store: locl }
  initech: { stor: local }
  umbrella: { store: local, tokne: ${canary}, limit: 12 }
  hooli: { store: local, token: ${canary}, defaults: { scopes: [wirte] } }
  soylent: { store: local, token: { env: MISSING }, require: { usages: true } }
  wonka: { store: local, budget: { requests: 2, per: 1 second } }
  stark: 5
  "dev-*": guard
  "a*b*": local
  "a.b": { store: guard, defaults: { owner: "" } }
  wayne: { store: local, dialect: first, labelSecret: ${canary}, tenant: other }
idle: soon
`,
    [
      "keyfold.yaml has 18 mistakes.",
      "keyfold.yaml:5:9  tenants.acme",
      `  no store has this name. Did you mean "local"? Stores: local, guard.`,
      "keyfold.yaml:6:20  tenants.globex.store",
      `  no store has this name. Did you mean "local"? Stores: local, guard.`,
      "keyfold.yaml:7:3  tenants.initech.store",
      "  missing; expected the name of a store.",
      "keyfold.yaml:7:14  tenants.initech.stor",
      `  not a known member. Did you mean "store"?`,
      "keyfold.yaml:8:29  tenants.umbrella.tokne",
      `  not a known member. Did you mean "token"? Accepted: store, defaults, scopeMap, require, cursorSecret, labelSecret, retry, budget, rotation, url, token, backups, dialect, limit, timeout, proxy.`,
      "keyfold.yaml:8:63  tenants.umbrella.limit",
      "  expected a value between 1 and 9, found the number 12.",
      "keyfold.yaml:9:33  tenants.hooli.token",
      "  a secret is not written here; write { env: NAME }, { file: path } or { command: [program, argument] }.",
      "keyfold.yaml:9:73  tenants.hooli.defaults.scopes",
      `  scopes: "wirte" is not in the store's scopeMap; accepted: write.`,
      "keyfold.yaml:10:35  tenants.soylent.token",
      "  the environment variable MISSING is not set. Set it, or refer to another place.",
      "keyfold.yaml:10:64  tenants.soylent.require.usages",
      `  not a known member. Did you mean "usage"? Accepted: get, usage, exactUsage, verify, identify, listRevoked, getRevoked, expiry, scopes, owners, tags, revokeAny, safeCreate, nativePagination.`,
      "keyfold.yaml:11:26  tenants.wonka.budget",
      "  a budget belongs to a credential, and this tenant has none of its own. Write it at the store.",
      "keyfold.yaml:12:10  tenants.stark",
      "  expected the name of a store or a mapping with store, found the number 5.",
      `keyfold.yaml:13:3  tenants["dev-*"]`,
      "  a pattern needs a store that keeps tenants apart by itself, and tiny does not. Name each tenant.",
      `keyfold.yaml:14:3  tenants["a*b*"]`,
      `  a pattern has one * at most. Write one, such as "dev-*", or name each tenant.`,
      `keyfold.yaml:15:45  tenants["a.b"].defaults.owner`,
      "  expected something that is not empty, found empty text.",
      "keyfold.yaml:16:55  tenants.wayne.labelSecret",
      "  a secret is not written here; write { env: NAME }, { file: path } or { command: [program, argument] }.",
      "keyfold.yaml:16:75  tenants.wayne.tenant",
      "  not a known member. Accepted: store, defaults, scopeMap, require, cursorSecret, labelSecret, retry, budget, rotation, url, token, backups, dialect, limit, timeout, proxy.",
      "keyfold.yaml:17:7  idle",
      `  expected a length of time such as "30 seconds", found "soon".`
    ]
  )

  tells(
    "are judged together: whether their keys can be kept apart",
    `stores:
  marked: { adapter: marked, url: a, token: { env: TOKEN } }
  alone: { adapter: alone, url: b, token: { env: TOKEN } }
  again: { adapter: alone, url: b/, timeout: 1 second, token: { env: TOKEN } }
  split: { adapter: alone, url: c, token: { env: TOKEN }, separateCredentials: true }
  later: { adapter: alone, url: d, token: { env: TOKEN }, shared: true }
tenants:
  acme: marked
  globex: marked
  initech: alone
  umbrella: again
  hooli: { store: split, url: e }
  soylent: { store: split, url: e, timeout: 1 second }
  wonka: split
  stark: later
`,
    [
      "keyfold.yaml has 4 mistakes.",
      "keyfold.yaml:2:3  stores.marked.labelSecret",
      "  tenants of tiny are told apart by keyed marks, and this store has no secret for them. Set labelSecret to at least 16 random characters, the same in every process, or use a journal.",
      "keyfold.yaml:6:59  stores.later.shared",
      "  tiny does not keep tenants apart, and this store is to serve more than one tenant. Give each of its tenants a store of its own, or choose a backend that keeps tenants apart.",
      "keyfold.yaml:11:3  tenants.umbrella",
      `  it would see the keys of tenant "initech": both use one account of tiny. Give each an account and a credential of its own.`,
      "keyfold.yaml:13:3  tenants.soylent",
      `  it would see the keys of tenant "hooli": both use one account of tiny. Give each an account and a credential of its own.`
    ]
  )

  tells(
    "repeat no mistake of their store, and have theirs told at their own name",
    `stores:
  poor: { adapter: poor, url: x, token: { env: TOKEN }, require: { usage: true } }
  spare: { adapter: poor, url: y, token: { env: TOKEN }, defaults: { owner: bot, scopes: [a] } }
  tiny: { adapter: tiny, url: x, token: { env: TOKEN }, scopeMap: { write: [w] } }
tenants:
  acme: poor
  globex: { store: poor, defaults: { owner: bot } }
  a: { store: tiny, limit: 3 }
  a.b: { store: tiny, defaults: { scopes: [all] } }
`,
    [
      "keyfold.yaml has 4 mistakes.",
      "keyfold.yaml:2:3  stores.poor.defaults.owner",
      "  every tiny key needs an owner, and the store names no default. Set defaults.owner to the user who owns keys created without an owner.",
      "keyfold.yaml:2:66  stores.poor.require",
      "  tiny cannot meet: usage. Choose another backend for this store, or drop the requirement.",
      "keyfold.yaml:3:90  stores.spare.defaults.scopes",
      "  tiny keys have no scopes and may do everything. Write scopeMap: { a: [] } to accept that, or remove a.",
      `keyfold.yaml:9:43  tenants["a.b"].defaults.scopes`,
      `  scopes: "all" is not in the store's scopeMap; accepted: write.`
    ]
  )
})
