import { assert, describe, it } from "@effect/vitest"
import * as Configuration from "@keyfold/config/Configuration"
import * as Stores from "@keyfold/config/Stores"
import * as Adapter from "@keyfold/core/Adapter"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Journal from "@keyfold/core/Journal"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import { OperationId } from "@keyfold/core/OperationId"
import { resolve, Secret } from "@keyfold/core/Secret"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { inspect } from "node:util"
import { folderWith, tinyAdapter } from "./TinyAdapter.ts"

const canary = "canary-77Qz-secret"
const env = { TOKEN: "token", SECRET: canary }

const JournalOptions = Schema.Struct({ url: Schema.String, secret: Secret, password: Schema.optionalKey(Secret) })

/** An adapter that keeps a journal in memory and notes what happens to it. */
const keeper = (events: Array<string> = []) =>
  Adapter.make<unknown, typeof JournalOptions.Type>({
    name: "sql",
    options: Schema.Struct({}),
    capabilities: () => MemoryDriver.capabilities,
    driver: () => Effect.succeed(MemoryDriver.make()),
    journal: {
      options: JournalOptions,
      open: Effect.fnUntraced(function* ({ secret, url }) {
        if (url === "broken") {
          return yield* new ConfigurationError({ field: "url", problem: "it does not open.", fix: "Mend it." })
        }
        const folder = yield* Adapter.BaseFolder
        const value = Redacted.value(yield* Effect.orDie(resolve(secret)))
        yield* Effect.acquireRelease(
          Effect.sync(() => events.push(`open ${url} in ${folder}, ${value === canary ? "its secret" : value}`)),
          () => Effect.sync(() => events.push("close"))
        )
        return yield* Journal.memory
      })
    }
  })

const store = (name: string) => `  ${name}: { adapter: tiny, url: x, token: { env: TOKEN } }\n`
const journal = "journal: { url: here, secret: { env: SECRET } }\n"
const text = `default: first\n${journal}stores:\n${store("first")}${store("second")}`

const loaded = Effect.fnUntraced(function* (content: string, options: Configuration.Options = {}) {
  const events: Array<string> = []
  const folder = yield* folderWith({ "keyfold.yaml": content })
  const builtIn = { tiny: tinyAdapter(), sql: keeper(events) }
  return { events, folder, configuration: yield* Configuration.load({ folder, env, builtIn, ...options }) }
})

const refusal = Effect.fnUntraced(function* (content: string, more: Configuration.Options = {}) {
  const folder = yield* folderWith({ "keyfold.yaml": content })
  const builtIn = { tiny: tinyAdapter(), sql: keeper() }
  const error = yield* Effect.flip(Configuration.load({ folder, env, builtIn, ...more }))
  assert.notInclude(`${error.message}${inspect(error, { depth: 9 })}`, canary)
  return error.message.split("\n")
})

const operations = (opened: Journal.Journal) =>
  Effect.map(Stream.runCollect(opened.operations({})), (records) =>
    records.map(({ operationId, state, store }) => [store, operationId, state])
  )

describe("the journal of a configuration", () => {
  it.effect("is opened once for all its stores, with its secret, and closed after the last of them", () =>
    Effect.gen(function* () {
      const { configuration, events, folder } = yield* loaded(text)
      assert.deepStrictEqual(events, [])
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* Stores.openAll(configuration)
          yield* Effect.scoped(Stores.open(configuration, "second"))
          yield* Effect.scoped(Stores.openJournal(configuration))
          assert.deepStrictEqual(events, [`open here in ${folder}, its secret`])
        })
      )
      assert.deepStrictEqual(events.slice(1), ["close"])
      yield* Effect.scoped(Stores.open(configuration))
      assert.deepStrictEqual(events.slice(2), [events[0], "close"])
    })
  )

  it.effect("is the one that every store writes to", () =>
    Effect.gen(function* () {
      const { configuration } = yield* loaded(text)
      const opened = yield* Stores.openJournal(configuration)
      const stores = yield* Stores.openAll(configuration)
      const operationId = OperationId.make("deploy-1")
      for (const each of stores.values()) yield* each.create({ name: "a" }, { operationId })
      assert.deepStrictEqual(yield* operations(opened), [
        ["first", "deploy-1", "delivered"],
        ["second", "deploy-1", "delivered"]
      ])
      const again = yield* Effect.flip((yield* Stores.open(configuration)).create({}, { operationId }))
      assert.strictEqual(again.reason._tag, "Conflict")
    })
  )

  it.effect("leaves a program its own journal where the file names none", () =>
    Effect.gen(function* () {
      const { configuration } = yield* loaded(text.replace(journal, ""))
      const own = yield* Journal.memory
      const opened = yield* Effect.provideService(Stores.open(configuration), Journal.Journal, own)
      yield* opened.create({ name: "a" })
      assert.lengthOf(yield* operations(own), 1)
      const error = yield* Effect.flip(Effect.scoped(Stores.openJournal(configuration)))
      assert.match(error.message, /^the configuration names no journal\. Write journal: \{ url: "sqlite:/)
    })
  )

  it.effect("is kept by sql unless another adapter is named, which adapterNames tells", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith({ "keyfold.yaml": text })
      assert.deepStrictEqual(yield* Configuration.adapterNames({ folder }), ["tiny", "sql"])
      const other = text.replace("journal: {", "journal: { adapter: other,")
      yield* Effect.promise(() => writeFile(join(folder, "keyfold.yaml"), other))
      assert.deepStrictEqual(yield* Configuration.adapterNames({ folder }), ["tiny", "other"])
      const events: Array<string> = []
      const builtIn = { tiny: tinyAdapter(), other: keeper(events) }
      yield* Stores.openJournal(yield* Configuration.load({ folder, env, builtIn }))
      assert.lengthOf(events, 1)
    })
  )

  it.effect("has its secrets obtained as late as it is opened, where asked to", () =>
    Effect.gen(function* () {
      const late = { secrets: "later", env: { TOKEN: "token" } } as const
      const { configuration, events } = yield* loaded(text, late)
      const error = yield* Effect.flip(Effect.scoped(Stores.open(configuration)))
      assert.strictEqual(
        error.message,
        "keyfold.yaml has 1 mistake.\nkeyfold.yaml:2:31  journal.secret\n" +
          "  the environment variable SECRET is not set. Set it, or refer to another place."
      )
      assert.deepStrictEqual(events, [])
    })
  )

  it.effect("that does not open is told by its member, once for all stores", () =>
    Effect.gen(function* () {
      const { configuration } = yield* loaded(text.replace("url: here", "url: broken"))
      for (const opening of [Effect.asVoid(Stores.open(configuration)), Effect.asVoid(Stores.openAll(configuration))]) {
        const error = yield* Effect.flip(Effect.scoped(opening))
        assert.strictEqual(error.message, "journal.url: it does not open. Mend it.")
      }
    })
  )
})

describe("mistakes in the journal", () => {
  it.effect("are told like all others, with line, member and what is accepted", () =>
    Effect.gen(function* () {
      const wrong = `journal:\n  url: 3\n  secert: { env: SECRET }\n  password: ${canary}\nstores:\n${store("first")}`
      assert.deepStrictEqual(yield* refusal(wrong), [
        "keyfold.yaml has 4 mistakes.",
        "keyfold.yaml:1:1  journal.secret",
        "  missing; expected a reference to a secret: { env: NAME }, { file: path } or { command: [program, argument] }.",
        "keyfold.yaml:2:8  journal.url",
        "  expected text, found the number 3.",
        "keyfold.yaml:3:3  journal.secert",
        `  not a known member. Did you mean "secret"? Accepted: adapter, url, secret, password.`,
        "keyfold.yaml:4:13  journal.password",
        "  a secret is not written here; write { env: NAME }, { file: path } or { command: [program, argument] }."
      ])
      assert.deepStrictEqual(yield* refusal(text.replace(/^journal: .*$/m, `journal: ${canary}`)), [
        "keyfold.yaml has 1 mistake.",
        "keyfold.yaml:2:10  journal",
        "  expected a mapping that says where the journal is, found a text that is not shown here."
      ])
      assert.include(
        (yield* refusal(text.replace("{ url", "{ adapter: [], url")))[2],
        "expected the name of an adapter"
      )
    })
  )

  it.effect("include an adapter that keeps none or is not there, and secrets that cannot be had or would change", () =>
    Effect.gen(function* () {
      const named = (name: string) => text.replace("{ url", `{ adapter: ${name}, url`)
      assert.deepStrictEqual((yield* refusal(named("tiny"))).slice(1), [
        "keyfold.yaml:2:21  journal.adapter",
        `  the adapter "tiny" cannot keep a journal. Name one that can, such as sql.`
      ])
      assert.deepStrictEqual((yield* refusal(named("sqll"))).slice(1), [
        "keyfold.yaml:2:21  journal.adapter",
        `  there is no adapter "sqll". Did you mean "sql"?`
      ])
      const [, place, problem] = yield* refusal(text, { builtIn: { tiny: tinyAdapter() } })
      assert.strictEqual(place, "keyfold.yaml:2:10  journal")
      assert.match(problem ?? "", /the package @keyfold\/sql is not installed.*npm install @keyfold\/sql/)
      assert.include(yield* refusal(text, { env: { TOKEN: "token" } }), "keyfold.yaml:2:31  journal.secret")
      const changing = text.replace("{ env: SECRET }", "{ command: [pass, journal], refresh: 1 hour }")
      assert.deepStrictEqual((yield* refusal(changing, { secrets: "later" })).slice(1), [
        "keyfold.yaml:2:68  journal.secret.refresh",
        "  the journal's secret must not change; remove it."
      ])
    })
  )

  it.effect("stop a program that needs one store, and one that needs the journal alone", () =>
    Effect.gen(function* () {
      const broken = `${text.replace("url: here", "url: 3")}  third: 4\n`
      const builtIn = { tiny: tinyAdapter(), sql: keeper() }
      const folder = yield* folderWith({ "keyfold.yaml": broken })
      const options = { folder, env, builtIn }
      for (const loading of [
        Configuration.loadOne({ ...options, store: "second" }),
        Configuration.loadJournal(options)
      ]) {
        const { message } = yield* Effect.flip(loading)
        assert.match(message, /^keyfold\.yaml has 1 mistake\.\n.*journal\.url\n/)
      }
    })
  )

  it.effect("in stores are left out for a program that needs the journal alone, and returned", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith({ "keyfold.yaml": `${text}  third: 4\n`.replace("url: x", "url: 3") })
      const builtIn = { tiny: tinyAdapter(), sql: keeper() }
      const { configuration, elsewhere } = yield* Configuration.loadJournal({ folder, env, builtIn })
      assert.deepStrictEqual([...configuration.stores.keys()], ["second"])
      assert.deepStrictEqual(
        elsewhere.map(({ path }) => path),
        ["stores.first.url", "stores.third"]
      )
      yield* Stores.openJournal(configuration)
    })
  )
})

describe("the labelSecret of a store", () => {
  const marked = (reference: string) => text.replace("url: x", `url: x, labelSecret: ${reference}`)

  it.effect("is obtained like every secret and handed to the store", () =>
    Effect.gen(function* () {
      const { configuration } = yield* loaded(marked("{ env: SECRET }"))
      const { store } = yield* (yield* Stores.find(configuration, "first")).complete
      assert.strictEqual(store.labelSecret === undefined ? "" : Redacted.value(store.labelSecret), canary)
      assert.isUndefined((yield* (yield* Stores.find(configuration, "second")).complete).store.labelSecret)
    })
  )

  it.effect("must stay the same, so it is not refreshed", () =>
    Effect.gen(function* () {
      const message = yield* refusal(marked("{ command: [pass], refresh: 1 hour }"), { secrets: "later" })
      assert.match(message[1] ?? "", /stores\.first\.labelSecret\.refresh$/)
      assert.strictEqual(message[2], "  the secret of the marks in labels must not change; remove it.")
    })
  )
})
