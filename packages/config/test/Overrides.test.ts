import { assert, describe, it } from "@effect/vitest"
import * as Configuration from "@keyfold/config/Configuration"
import * as Effective from "@keyfold/config/Effective"
import * as Stores from "@keyfold/config/Stores"
import * as Effect from "effect/Effect"
import { inspect } from "node:util"
import { folderWith, tinyAdapter, type Seen } from "./TinyAdapter.ts"

const canary = "canary-63Hw-secret"

const text = `default: first-store
stores:
  first-store: { adapter: tiny, url: one, token: { env: TOKEN } }
  second: { adapter: tiny, url: two, token: { file: ./token } }
`

const files = { "keyfold.yaml": text, token: "from-file", other: "from-other" }

const withEnv = Effect.fnUntraced(function* (env: Readonly<Record<string, string>>, content = text) {
  const folder = yield* folderWith({ ...files, "keyfold.yaml": content })
  return { folder, env: { TOKEN: "token", ...env }, builtIn: { tiny: tinyAdapter() } }
})

/** What the stores were opened with. */
const opened = Effect.fnUntraced(function* (env: Readonly<Record<string, string>>) {
  const options = yield* withEnv(env)
  const seen: Array<Seen> = []
  const configuration = yield* Configuration.load({ ...options, builtIn: { tiny: tinyAdapter(seen) } })
  for (const name of configuration.stores.keys()) yield* Stores.open(configuration, name)
  return { seen, defaultStore: configuration.defaultStore }
})

/** The mistakes of a configuration, without the sentence that counts them. */
const refused = Effect.fnUntraced(function* (env: Readonly<Record<string, string>>, content = text) {
  const error = yield* Effect.flip(Configuration.load(yield* withEnv(env, content)))
  assert.notInclude(`${error.message}${inspect(error, { depth: 9 })}`, canary)
  return error.message.split("\n").slice(1)
})

describe("an environment variable", () => {
  it.effect("overrides the member whose path it spells in capitals", () =>
    Effect.gen(function* () {
      const { defaultStore, seen } = yield* opened({
        KEYFOLD_DEFAULT: "second",
        KEYFOLD_STORES_FIRST_STORE_URL: "elsewhere"
      })
      assert.strictEqual(defaultStore, "second")
      assert.deepStrictEqual(
        seen.map(({ url }) => url),
        ["elsewhere", "two"]
      )
    })
  )

  it.effect("reads a number, a switch and a length of time as what the member takes, at any depth", () =>
    Effect.gen(function* () {
      const options = yield* withEnv({
        KEYFOLD_STORES_SECOND_LIMIT: "3",
        KEYFOLD_STORES_SECOND_TIMEOUT: "5 seconds",
        KEYFOLD_STORES_SECOND_REQUIRE_USAGE: "true",
        KEYFOLD_STORES_SECOND_PROXY_HOST: "8080",
        KEYFOLD_STORES_SECOND_DEFAULTS_OWNER: "bot",
        KEYFOLD_RETRY_INITIAL_DELAY: "1 second"
      })
      const { configuration, overrides } = yield* Effective.describe(options)
      assert.deepStrictEqual(Reflect.get(configuration["stores"] ?? {}, "second"), {
        adapter: "tiny",
        url: "two",
        token: { file: "./token" },
        limit: 3,
        timeout: "5 seconds",
        require: { usage: true },
        proxy: { host: "8080" },
        defaults: { owner: "bot" },
        retry: { initialDelay: "1 second" }
      })
      assert.deepInclude(overrides, {
        path: "stores.second.defaults.owner",
        variable: "KEYFOLD_STORES_SECOND_DEFAULTS_OWNER"
      })
      assert.lengthOf(overrides, 6)
    })
  )

  it.effect("says nothing where it is empty, and is not looked at where the file reads a secret from it", () =>
    Effect.gen(function* () {
      const { seen } = yield* opened({ KEYFOLD_STORES_SECOND_URL: "", KEYFOLD_DEFAULT: "" })
      assert.strictEqual(seen[1]?.url, "two")
      const own = text.replace("env: TOKEN", "env: KEYFOLD_STORES_FIRST_STORE_TOKEN")
      yield* Configuration.load(yield* withEnv({ KEYFOLD_STORES_FIRST_STORE_TOKEN: canary }, own))
    })
  )

  it.effect("is not told where the file cannot be parsed", () =>
    Effect.gen(function* () {
      const lines = yield* refused({ KEYFOLD_STORES_SECOND_URL: "x" }, "stores: [")
      assert.deepStrictEqual(
        lines.filter((line) => line.includes("KEYFOLD")),
        []
      )
    })
  )

  it.effect("of another program is left alone", () =>
    Effect.gen(function* () {
      yield* opened({ KEYFOLD_PEPPER: canary, KEYFOLD: canary, KEYFOLD_STORESX: canary, keyfold_stores_x: canary })
    })
  )
})

describe("a secret", () => {
  it.effect("is overridden by a reference: a file from the file's folder, or the name of another variable", () =>
    Effect.gen(function* () {
      const { seen } = yield* opened({
        KEYFOLD_STORES_FIRST_STORE_TOKEN_FILE: "./other",
        KEYFOLD_STORES_SECOND_TOKEN_ENV: "SECOND",
        SECOND: "from-env"
      })
      assert.deepStrictEqual(
        seen.map(({ token }) => token),
        ["from-other", "from-env"]
      )
    })
  )

  it.effect("does not stand in the variable itself, unless another one refers to it", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* refused({ KEYFOLD_STORES_SECOND_TOKEN: canary }), [
        "keyfold.yaml:4:45  stores.second.token, set by KEYFOLD_STORES_SECOND_TOKEN",
        "  a secret does not stand in a variable of this name. Set KEYFOLD_STORES_SECOND_TOKEN_FILE to the path of a file that holds it, or KEYFOLD_STORES_SECOND_TOKEN_ENV to the name of the variable that does."
      ])
      const { seen } = yield* opened({
        KEYFOLD_STORES_SECOND_TOKEN: "own",
        KEYFOLD_STORES_SECOND_TOKEN_ENV: "KEYFOLD_STORES_SECOND_TOKEN"
      })
      assert.strictEqual(seen[1]?.token, "own")
    })
  )

  it.effect("comes from one place, and no command comes from the environment", () =>
    Effect.gen(function* () {
      const both = { KEYFOLD_STORES_SECOND_TOKEN_FILE: "./other", KEYFOLD_STORES_SECOND_TOKEN_ENV: "TOKEN" }
      assert.deepStrictEqual(yield* refused(both), [
        "keyfold.yaml:4:45  stores.second.token, set by KEYFOLD_STORES_SECOND_TOKEN_ENV",
        "  KEYFOLD_STORES_SECOND_TOKEN_FILE sets it too. Unset one of them."
      ])
      const command = yield* refused({ KEYFOLD_STORES_SECOND_TOKEN_COMMAND: canary })
      assert.include(command[1], "no member of this configuration has this variable.")
    })
  )

  it.effect("that cannot be had is told with the variable that names it", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* refused({ KEYFOLD_STORES_SECOND_TOKEN_ENV: "UNSET" }), [
        "keyfold.yaml:4:45  stores.second.token, set by KEYFOLD_STORES_SECOND_TOKEN_ENV",
        "  the environment variable UNSET is not set. Set it, or refer to another place."
      ])
    })
  )
})

describe("a mistake in a variable", () => {
  it.effect("is told at the member, with the variable and without what may be a secret", () =>
    Effect.gen(function* () {
      const wrong = {
        KEYFOLD_STORES_FIRST_STORE_LIMIT: canary,
        KEYFOLD_STORES_SECOND_LIMIT: "12",
        KEYFOLD_DEFAULT: "secnd"
      }
      assert.deepStrictEqual(yield* refused(wrong), [
        "keyfold.yaml:1:10  default, set by KEYFOLD_DEFAULT",
        `  no store has this name. Did you mean "second"? Stores: first-store, second.`,
        "keyfold.yaml:3:3  stores.first-store.limit, set by KEYFOLD_STORES_FIRST_STORE_LIMIT",
        "  expected a number, found a text that is not shown here.",
        "keyfold.yaml:4:3  stores.second.limit, set by KEYFOLD_STORES_SECOND_LIMIT",
        "  expected a value between 1 and 9, found the number 12."
      ])
    })
  )

  it.effect("that no member has is told with the nearest, whatever part of the file it means", () =>
    Effect.gen(function* () {
      const names = [
        "STORES_FRIST_STORE_URL",
        "STORES_SECOND_ADAPTER",
        "JOURNAL_URL",
        "RETRY_ATEMPTS",
        "BUDGET_PER_DAY",
        "TENANTS_ACME_STORE"
      ]
      const lines = yield* refused(Object.fromEntries(names.map((name) => [`KEYFOLD_${name}`, canary])))
      assert.deepStrictEqual(
        lines.filter((_, index) => index % 2 === 0),
        names.toSorted().map((name) => `keyfold.yaml:1:1  KEYFOLD_${name}`)
      )
      const told = lines.join("\n")
      assert.include(
        told,
        'has this variable. Did you mean "KEYFOLD_STORES_FIRST_STORE_URL"? Unset it, or mend its name.'
      )
      assert.include(told, 'Did you mean "KEYFOLD_RETRY_ATTEMPTS"?')
    })
  )

  it.effect("that may mean two members is told with both", () =>
    Effect.gen(function* () {
      const twins = `${text}  first_store: { adapter: tiny, url: one, token: { env: TOKEN } }\n`
      assert.deepStrictEqual(yield* refused({ KEYFOLD_STORES_FIRST_STORE_URL: "x" }, twins), [
        "keyfold.yaml:1:1  KEYFOLD_STORES_FIRST_STORE_URL",
        "  it may mean stores.first-store.url or stores.first_store.url. Rename a store."
      ])
      yield* Configuration.load(yield* withEnv({}, twins))
    })
  )

  it.effect("of a store whose adapter is not there is not told beside that", () =>
    Effect.gen(function* () {
      const missing = `${text}  third: { adapter: tinny }\n`
      const lines = yield* refused({ KEYFOLD_STORES_THIRD_SOMETHING: "x" }, missing)
      assert.deepStrictEqual(lines.map((line) => line.split("  ")[1]).filter(Boolean), [
        "stores.third.adapter",
        `there is no adapter "tinny". Did you mean "tiny"?`
      ])
    })
  )

  it.effect("in one store leaves the others to programs that need one of them", () =>
    Effect.gen(function* () {
      const options = yield* withEnv({ KEYFOLD_STORES_SECOND_LIMIT: "12" })
      const { configuration, elsewhere } = yield* Configuration.loadOne({ ...options, store: "first-store" })
      assert.deepStrictEqual([...configuration.stores.keys()], ["first-store"])
      assert.deepStrictEqual(
        elsewhere.map(({ path, variable }) => [path, variable]),
        [["stores.second.limit", "KEYFOLD_STORES_SECOND_LIMIT"]]
      )
    })
  )
})
