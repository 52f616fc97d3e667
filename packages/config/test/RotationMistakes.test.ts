import * as Sql from "@keyfold/sql/Sql"
import { assert, describe, it } from "@effect/vitest"
import * as Configuration from "@keyfold/config/Configuration"
import * as Effect from "effect/Effect"
import { builtIn, canary } from "./Refusals.ts"
import { folderWith } from "./TinyAdapter.ts"

const store = (rotation: string) => `{ adapter: tiny, url: x, token: { env: TOKEN }, rotation: ${rotation} }`
const journal = `journal: { url: "sqlite:j.db", secret: { env: TOKEN } }\n`

/** Every finding of a text, its place and its problem on one line. */
const findings = Effect.fnUntraced(function* (text: string) {
  const folder = yield* folderWith({ "keyfold.yaml": text })
  const options = { folder, builtIn: { ...builtIn, sql: Sql.adapter }, env: { TOKEN: canary } }
  const found = yield* Configuration.check({ ...options, secrets: "later" })
  assert.notInclude(JSON.stringify(found), canary)
  return found.map(({ line, path, problem }) => `${line} ${path}: ${problem}`)
})

const tells = (title: string, text: string, expected: ReadonlyArray<string>) =>
  it.effect(title, () => Effect.map(findings(text), (found) => assert.deepStrictEqual(found, expected)))

const howToJournal =
  "rotations need a journal, which knows what became of every create. Write journal: " +
  '{ url: "sqlite:keyfold-journal.db", secret: { file: path } } at the top level, with a secret of at least 32 random bytes.'

describe("rotations", () => {
  tells(
    "are judged one thing after the other: the database, each sink, each program",
    `${journal}rotations:
  pollIntervall: 1s
  password: { env: TOKEN }
  sinks:
    "a b": { file: x }
    ci: { fil: x }
    two: { file: x, vault: y }
    braces: { file: "{nmae}.key" }
    env: { environmentFile: .env }
    vault: { vault: a, field: b, address: https://v, token: ${canary} }
    text: here
    feed: { command: [] }
  probes:
    slow: { command: [ls], withn: 1s }
    nothing: { command: ["", x] }
  holderChecks: [x]
stores:
  a: { adapter: tiny, url: x, token: { env: TOKEN } }
`,
    [
      '3 rotations.pollIntervall: not a known member. Did you mean "pollInterval"? Accepted: sinks, probes, holderChecks, url, password, busyTimeout, pollInterval, takeOverAfter, concurrency.',
      "4 rotations.password: a password needs a url; the journal's has its own.",
      '6 rotations.sinks["a b"]: expected a name of letters, digits and . _ -, beginning with a letter or digit.',
      '7 rotations.sinks.ci: names no place. Did you mean "file"? Write one of: file, environmentFile, ciEnvironmentFile, kubernetesSecret, vault, command.',
      "8 rotations.sinks.two.vault: a sink is one place, and file is there already.",
      '9 rotations.sinks.braces.file: there is no {nmae}. Did you mean "name"? In braces may stand: name, tenant, store.',
      "10 rotations.sinks.env.variable: missing; expected text.",
      "11 rotations.sinks.vault.token: a secret is not written here; write { env: NAME }, { file: path } or { command: [program, argument] }.",
      '12 rotations.sinks.text: expected a mapping, found "here".',
      "13 rotations.sinks.feed.command: expected a list of a program and its arguments, found a list.",
      '15 rotations.probes.slow.withn: not a known member. Did you mean "within"? Accepted: command, within.',
      "16 rotations.probes.nothing.command: expected a list of a program and its arguments, found a list.",
      "17 rotations.holderChecks: expected a mapping, found a list."
    ]
  )

  tells(
    "without a journal are refused, with what to write",
    `rotations: {}\nstores:\n  a: ${store("{ every: 2d, overlap: 1d, sink: x }")}\n`,
    [
      `1 rotations: ${howToJournal}`,
      "3 stores.a.rotation.sink: no sink has this name. There is none: write rotations: { sinks: { x: { file: ./secrets/key } } } at the top level."
    ]
  )
})

describe("a schedule", () => {
  tells(
    "is judged wherever it is written, each by itself and against what it names",
    `${journal}rotations: { sinks: { ok: { file: x } }, probes: { api: { command: [ls] } } }
stores:
  a: ${store("{ every: 1d, overlap: 24h, sink: ok }")}
  b: ${store(`[{ every: 90 days, overlap: 1h, sink: ok, where: 'onwer == "x"' }, { every: 0s, overlap: 0s, sink: ok }]`)}
  c: ${store("[]")}
  d: ${store("daily")}
  e: ${store("{ every: soon, sink: ok, expiry: never }")}
  f: ${store("{ every: 90d, overlap: 1h, sink: okk, probe: ap, holderCheck: h }")}
tenants:
  acme: { store: g, rotation: { every: 1h, overlap: 2h, sink: ok } }
  "dev-*": { store: f, rotation: { every: 90d, overlap: 24h, sink: ok } }
`,
    [
      "4 stores.a.rotation.overlap: expected less than every (1d), found 1d.",
      '5 stores.b.rotation[0].where: the selector, at character 1: "onwer" is no field. Did you mean owner? Expected a field: id, name, owner, status, store, backend, tenant, scopes, age, expiresIn, unusedFor, createdAt, expiresAt, lastUsedAt or tag.NAME.',
      "5 stores.b.rotation[1].every: expected a time above zero.",
      "6 stores.c.rotation: expected a mapping with every, overlap and sink, or a list of such mappings, found a list.",
      '7 stores.d.rotation: expected a mapping with every, overlap and sink, or a list of such mappings, found "daily".',
      '8 stores.e.rotation.overlap: missing; expected a length of time such as "30 seconds".',
      '8 stores.e.rotation.every: expected a length of time such as "30 seconds", found "soon".',
      '8 stores.e.rotation.expiry: expected "keep" or "sameLifetime", found "never".',
      '9 stores.f.rotation.sink: no sink has this name. Did you mean "ok"? sinks: ok.',
      '9 stores.f.rotation.probe: no probe has this name. Did you mean "api"? probes: api.',
      "9 stores.f.rotation.holderCheck: no holder's check has this name. There is none: write rotations: { holderChecks: { h: { command: [./does-it-work] } } } at the top level.",
      '11 tenants.acme.store: no store has this name. Did you mean "a"? Stores: a, b, c, d, e, f.',
      "11 tenants.acme.rotation.overlap: expected less than every (1h), found 2h.",
      `12 tenants["dev-*"].rotation: a pattern has no schedule of its own. Write it at the store, with where: 'tenant ~ "dev-*"'.`
    ]
  )

  tells(
    "without a journal is refused, with what to write",
    `stores:\n  a: ${store("{ every: 2d, overlap: 1d, sink: x }")}\n`,
    [
      `2 stores.a.rotation: ${howToJournal}`,
      "2 stores.a.rotation.sink: no sink has this name. There is none: write rotations: { sinks: { x: { file: ./secrets/key } } } at the top level."
    ]
  )
})
