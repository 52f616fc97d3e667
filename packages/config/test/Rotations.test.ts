import * as Sql from "@keyfold/sql/Sql"
import { assert, describe, it } from "@effect/vitest"
import * as Configuration from "@keyfold/config/Configuration"
import * as RotationSetup from "@keyfold/config/RotationSetup"
import * as Stores from "@keyfold/config/Stores"
import { type ApiKey, KeyId, type KeyRef } from "@keyfold/core/ApiKey"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { RotationId } from "@keyfold/lifecycle/Rotation"
import { toAsker } from "@keyfold/lifecycle/RotationResources"
import type { Subject } from "@keyfold/lifecycle/RotationResources"
import { print } from "@keyfold/lifecycle/Selector"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { mkdir, readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import { folderWith, tinyAdapter } from "./TinyAdapter.ts"

const env = { TOKEN: "token", SECRET: "a secret of the journal, long enough", PATH: process.env["PATH"] }

const text = `
journal: { url: "postgres://ann@db.example/keys", password: { env: TOKEN }, secret: { env: SECRET } }
rotations:
  pollInterval: 2s
  sinks:
    ci: { environmentFile: ./ci.env, variable: API_KEY }
    each: { file: "./keys/{tenant}/{name}.key" }
    cluster: { kubernetesSecret: "./{store}.yaml", name: "{tenant}-key", field: API_KEY }
    job: { ciEnvironmentFile: ./job.env, variable: API_KEY }
    feed: { command: [sh, -c, 'cat > fed'] }
    vault: { vault: "team/{tenant}", field: key, address: "https://vault.example", token: { env: TOKEN } }
  probes:
    api: { command: [sh, -c, 'read -r secret; test "$secret" = good && exit 0; test "$secret" = bad && exit 1; exit 7'] }
  holderChecks:
    web: { command: [sh, -c, 'test "$KEYFOLD_OLD_KEY $KEYFOLD_KEY $KEYFOLD_STORE $KEYFOLD_TENANT" = "old new local acme"'] }
    slow: { command: [sleep, "9"], within: 20 millis }
stores:
  local:
    adapter: tiny
    url: x
    token: { env: TOKEN }
    rotation:
      - { every: 90d, overlap: 24h, sink: each, where: 'owner == "ci"', probe: api, expiry: keep }
      - { every: 1 weeks, overlap: 0s, sink: ci, holderCheck: web, holderCheckWithin: 3m }
tenants:
  acme: { store: local, rotation: { every: 2w, overlap: 1h, sink: each } }
`

const loaded = Effect.fnUntraced(function* (content = text, more: Readonly<Record<string, string>> = {}) {
  const folder = yield* folderWith({ "keyfold.yaml": content })
  const builtIn = { tiny: tinyAdapter([], { identify: false }), sql: Sql.adapter }
  const configuration = yield* Configuration.load({ folder, env: { ...env, ...more }, builtIn, secrets: "later" })
  const resources = RotationSetup.resources({
    current: Effect.succeed(configuration),
    store: (name) => Stores.open({ ...configuration, journal: undefined }, name),
    forTenant: (tenant) => Effect.fail(new ConfigurationError({ problem: `nobody serves ${tenant}` }))
  })
  return { folder, configuration, resources }
})

const ref = (id: string): KeyRef => ({ id: KeyId.make(id) })

const subject: Subject = {
  rotationId: RotationId.make("r"),
  store: "local",
  tenant: "acme",
  key: ref("old")
}

const keyOf = (id: string, name: string): ApiKey => ({
  id: KeyId.make(id),
  name,
  scopes: [],
  status: "active",
  createdAt: DateTime.makeUnsafe(0),
  tags: {},
  provider: {}
})

const issued = (secret: string) => ({ key: keyOf("new", "n"), secret: Redacted.make(secret) })

describe("rotations of a configuration", () => {
  it.effect(
    "are kept where the journal is, unless they have a database of their own or the environment names one",
    () =>
      Effect.gen(function* () {
        const databaseOf = (content: string, more?: Readonly<Record<string, string>>) =>
          Effect.flatMap(loaded(content, more), ({ configuration }) =>
            Effect.flatMap(RotationSetup.find(configuration), ({ database }) => database)
          )
        const { password, ...shared } = yield* databaseOf(text)
        assert.deepStrictEqual(shared, { url: "postgres://ann@db.example/keys", pollInterval: Duration.seconds(2) })
        assert.strictEqual(Redacted.isRedacted(password) ? Redacted.value(password) : "", "token")
        const own = text.replace("pollInterval: 2s", "url: 'sqlite:r.db'")
        assert.deepStrictEqual(yield* databaseOf(own), { url: "sqlite:r.db" })
        const { url } = yield* databaseOf(own, { KEYFOLD_ROTATIONS_URL: "sqlite:other.db" })
        assert.strictEqual(url, "sqlite:other.db")
      })
  )

  it.effect("have the schedules of stores and tenants, and a sink for each key where a name stands in its place", () =>
    Effect.gen(function* () {
      const { configuration } = yield* loaded()
      const { schedules, sinks } = yield* RotationSetup.find(configuration)
      const told = schedules.map(({ every, overlap, sink, where, ...rest }) => ({
        ...rest,
        every: Duration.format(Duration.fromInputUnsafe(every)),
        overlap: Duration.format(Duration.fromInputUnsafe(overlap)),
        where: where === undefined ? "" : print(where),
        sink: typeof sink === "string" ? sink : sink(keyOf("k", "nightly"), undefined)
      }))
      assert.deepStrictEqual(told, [
        {
          store: "local",
          every: "90d",
          overlap: "1d",
          sink: "each:nightly",
          where: 'owner == "ci"',
          probe: "api",
          expiry: "keep"
        },
        {
          store: "local",
          every: "7d",
          overlap: "0",
          sink: "ci",
          where: "",
          holderCheck: "web",
          holderCheckWithin: Duration.minutes(3)
        },
        { store: "local", tenant: "acme", every: "14d", overlap: "1h", sink: "each:nightly", where: "" }
      ])
      const each = sinks.get("each")
      assert.isTrue(each?.perKey)
      if (each !== undefined) assert.isUndefined(RotationSetup.sinkFor(each, undefined))
    })
  )

  it.effect("find, for a secret that another process is to answer with, a sink that takes and tells nothing", () =>
    Effect.gen(function* () {
      const { resources } = yield* loaded()
      const sink = yield* Effect.scoped(resources.sink(toAsker, subject))
      const { message } = yield* Effect.flip(Effect.scoped(sink.open))
      assert.include(message, "nobody waits in this process")
      assert.deepStrictEqual(yield* sink.holds(() => Option.none()), Option.none())
    })
  )

  it.effect("put a new secret in the place of the old one, and tell whose it is", () =>
    Effect.gen(function* () {
      const { folder, resources } = yield* loaded()
      yield* Effect.promise(() => mkdir(join(folder, "keys", "acme"), { recursive: true }))
      const identify = () => Option.none()
      for (const name of ["ci", "each:nightly", "cluster", "job"]) {
        const sink = yield* Effect.scoped(resources.sink(name, subject))
        for (const id of ["old", "new"]) {
          const issue = { key: keyOf(id, "nightly"), secret: Redacted.make(`secret-of-${id}`) }
          yield* Effect.scoped(Effect.flatMap(sink.open, (write) => write(issue)))
          assert.deepStrictEqual(yield* sink.holds(identify), Option.some(KeyId.make(id)), name)
        }
      }
      const read = (path: string) => Effect.promise(() => readFile(join(folder, path), "utf8"))
      assert.strictEqual(yield* read("keys/acme/nightly.key"), "secret-of-new")
      const { mode } = yield* Effect.promise(() => stat(join(folder, "keys/acme/nightly.key")))
      assert.strictEqual(mode & 0o777, 0o600)
      assert.include(yield* read("local.yaml"), "acme-key")
      const feed = yield* Effect.scoped(resources.sink("feed", subject))
      yield* Effect.scoped(Effect.flatMap(feed.open, (write) => write(issued("fed secret"))))
      assert.strictEqual(yield* read("fed"), "fed secret")
      const vault = yield* Effect.scoped(resources.sink("vault", subject))
      assert.include(vault.name, "team/acme")
    })
  )

  it.effect("refuse names that are not there, and names of keys that could lead elsewhere", () =>
    Effect.gen(function* () {
      const { resources } = yield* loaded()
      const refused = (name: string, of: Subject = subject) =>
        Effect.map(Effect.flip(Effect.scoped(resources.sink(name, of))), ({ message }) => message)
      assert.strictEqual(
        yield* refused("eech"),
        'sink "eech": there is none of this name. Did you mean "each"? The configuration has: ci, each, cluster, job, feed, vault.'
      )
      for (const name of ["../x", ".x", "a/b", "", "a\u0000", "x".repeat(101)]) {
        assert.match(yield* refused(`each:${name}`), /its name cannot stand in a place/)
      }
      assert.match(yield* refused("each"), /nothing to put in place of \{name\}/)
      assert.match(yield* refused("each:x", { ...subject, tenant: undefined }), /in place of \{tenant\}/)
      assert.match(yield* refused("each:x", { ...subject, tenant: "../acme" }), /the name of its tenant cannot stand/)
      assert.match(yield* refused("ci:x"), /no key's name stands in its place/)
      const store = yield* Effect.flip(Effect.scoped(resources.store("local", "acme")))
      assert.strictEqual(store.message, 'store "local": nobody serves acme')
      const probe = yield* Effect.flip(Effect.scoped(resources.probe("apy", subject)))
      assert.match(probe.message, /^probe "apy": there is none of this name\. Did you mean "api"\?/)
    })
  )

  it.live("ask programs whether a new key works, which are given the secret or the ids", () =>
    Effect.gen(function* () {
      const { resources } = yield* loaded()
      const probe = yield* Effect.scoped(resources.probe("api", subject))
      assert.isTrue(yield* probe.accepts(issued("good")))
      assert.isFalse(yield* probe.accepts(issued("bad")))
      const unclear = yield* Effect.flip(probe.accepts(issued("other")))
      assert.strictEqual(unclear.message, "the program sh exited with code 7.")
      const about = { ...subject, old: ref("old"), new: ref("new") }
      const web = yield* Effect.scoped(resources.holderCheck("web", subject))
      yield* web(about)
      assert.match((yield* Effect.flip(web({ ...about, new: ref("other") }))).message, /exited with code 1/)
      const slow = yield* Effect.scoped(resources.holderCheck("slow", subject))
      assert.match((yield* Effect.flip(slow(about))).message, /did not finish within 20ms and was killed/)
    })
  )

  it.effect("are told how to be written where the configuration says nothing of them", () =>
    Effect.gen(function* () {
      const { configuration } = yield* loaded("stores:\n  a: { adapter: tiny, url: x, token: { env: TOKEN } }\n")
      const { message } = yield* Effect.flip(RotationSetup.find(configuration))
      assert.strictEqual(message, RotationSetup.noRotations.message)
    })
  )
})
