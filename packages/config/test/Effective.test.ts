import { assert, describe, it } from "@effect/vitest"
import * as Configuration from "@keyfold/config/Configuration"
import * as Effective from "@keyfold/config/Effective"
import * as Effect from "effect/Effect"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { parse } from "yaml"
import { folderWith, tinyAdapter } from "./TinyAdapter.ts"

const canary = "canary-18Rt-secret"

const builtIn = { tiny: tinyAdapter() }

const described = Effect.fnUntraced(function* (text: string, env: Readonly<Record<string, string>> = {}) {
  const folder = yield* folderWith({ "keyfold.yaml": text })
  return yield* Effective.describe({ folder, env, builtIn })
})

describe("an effective configuration", () => {
  it.effect(
    "has for each store what the file says for all, the default store, and references in place of secrets",
    () =>
      Effect.gen(function* () {
        const text = `$schema: ./x.json
adapters: [tiny]
retry: { attempts: 2, budget: 1 minute }
budget: { requests: 5, per: 1 second }
stores:
  only:
    adapter: tiny
    url: x
    token: { env: NOT_SET }
    backups: [{ file: ./nowhere }]
    retry: { attempts: 3 }
`
        const { configuration, overrides } = yield* described(text, { KEYFOLD_STORES_ONLY_URL: "y" })
        assert.deepStrictEqual(configuration, {
          default: "only",
          adapters: ["tiny"],
          stores: {
            only: {
              adapter: "tiny",
              url: "y",
              token: { env: "NOT_SET" },
              backups: [{ file: "./nowhere" }],
              retry: { attempts: 3, budget: "1 minute" },
              budget: { requests: 5, per: "1 second" }
            }
          }
        })
        assert.deepStrictEqual(overrides, [{ path: "stores.only.url", variable: "KEYFOLD_STORES_ONLY_URL" }])
      })
  )

  it.effect("has the tenants as they are written, and their credentials as references", () =>
    Effect.gen(function* () {
      const text = `idle: 1 minute
stores: { only: { adapter: tiny, url: x, token: { env: T } } }
tenants:
  acme: only
  globex: { store: only, url: "https://ann:${canary}@x", token: { command: [pass, ${canary}] }, retry: { attempts: 1 } }
`
      const effective = yield* described(text)
      assert.deepStrictEqual(effective.configuration["tenants"], {
        acme: "only",
        globex: {
          store: "only",
          url: "https://not-shown@x",
          token: { command: ["pass", "1 argument, not shown"] },
          retry: { attempts: 1 }
        }
      })
      assert.include(Effective.format(effective), "idle: 1 minute\ntenants:\n  acme: only\n")
    })
  )

  it.effect("is written as a file that says the same, with what was overridden as comments", () =>
    Effect.gen(function* () {
      const text = `retry: { attempts: 2 }
stores:
  "a b": { adapter: tiny, url: x, token: { env: T }, timeout: 5 seconds }
  c: { adapter: tiny, url: y, token: { env: T } }
default: c
`
      const folder = yield* folderWith({ "keyfold.yaml": text })
      const options = { folder, env: { KEYFOLD_STORES_A_B_LIMIT: "4" }, builtIn }
      const effective = yield* Effective.describe(options)
      const written = Effective.format(effective)
      assert.match(written, /^# stores\["a b"\]\.limit is set by KEYFOLD_STORES_A_B_LIMIT\ndefault: c\nstores:\n/)
      assert.deepStrictEqual(parse(written), effective.configuration)
      yield* Effect.promise(() => writeFile(join(folder, "again.yaml"), written))
      const again = yield* Effective.describe({ ...options, env: {}, file: "again.yaml" })
      assert.deepStrictEqual(again.configuration, effective.configuration)
      assert.deepStrictEqual(again.overrides, [])
    })
  )

  it.effect("shows no argument of a command, and no credential in a URL", () =>
    Effect.gen(function* () {
      const url = (address: string) =>
        Effect.map(
          described(`stores: { a: { adapter: tiny, url: "${address}", token: { command: [pass, ${canary}, b] } } }`),
          ({ configuration }) => {
            const shown = JSON.stringify(configuration)
            assert.notInclude(shown, canary)
            assert.include(shown, `"command":["pass","2 arguments, not shown"]`)
            return /"url":"([^"]*)"/.exec(shown)?.[1]
          }
        )
      assert.strictEqual(yield* url("https://host/path"), "https://host/path")
      assert.strictEqual(yield* url("sqlite:keyfold.db"), "sqlite:keyfold.db")
      assert.strictEqual(yield* url("postgres://ann@host/db"), "postgres://ann@host/db")
      assert.strictEqual(yield* url(`postgres://ann:${canary}@host/db`), "postgres://ann:not-shown@host/db")
      assert.strictEqual(yield* url(`postgres://ann:a/${canary}@b@host/db`), "postgres://ann:not-shown@host/db")
      assert.strictEqual(yield* url(`HTTPS://${canary}@host/`), "HTTPS://not-shown@host/")
      assert.strictEqual(yield* url(`https://host/a?key=${canary}#b`), "https://host/a?not-shown")
      assert.strictEqual(yield* url(`https://host/a#${canary}`), "https://host/a?not-shown")
    })
  )

  it.effect("is refused like the file it comes from", () =>
    Effect.gen(function* () {
      const text = "stores: { a: { adapter: tiny, url: 3, token: literal } }"
      const folder = yield* folderWith({ "keyfold.yaml": text })
      const options = { folder, env: {}, builtIn }
      const error = yield* Effect.flip(Effective.describe(options))
      assert.deepStrictEqual(error, yield* Effect.flip(Configuration.load(options)))
    })
  )
})
