import { assert, describe, it } from "@effect/vitest"
import * as Configuration from "@keyfold/config/Configuration"
import * as Stores from "@keyfold/config/Stores"
import * as Adapter from "@keyfold/core/Adapter"
import type { ApiKey } from "@keyfold/core/ApiKey"
import type { Capabilities } from "@keyfold/core/Capabilities"
import { DriverError } from "@keyfold/core/Driver"
import { Unavailable } from "@keyfold/core/KeyStoreError"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import { defaultPolicy, RetryPolicy } from "@keyfold/core/RetryPolicy"
import { Secret } from "@keyfold/core/Secret"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { folderWith } from "./TinyAdapter.ts"

const env = { A: "a", B: "b" }
const Options = Schema.Struct({ key: Schema.optionalKey(Secret), other: Schema.optionalKey(Secret) })

const capabilities = (): Capabilities => ({ ...MemoryDriver.capabilities, pagination: "derived" })

/** An adapter whose backend counts requests, and is down or not. */
const counting = (name: string, sent: Array<string> = [], isDown = true) =>
  Adapter.make<typeof Options.Type>({
    name,
    options: Options,
    capabilities,
    driver: () =>
      Effect.sync(() => {
        const driver = MemoryDriver.make()
        const open = () =>
          Stream.suspend(() => {
            sent.push(name)
            return isDown
              ? Stream.fail(new DriverError({ reason: new Unavailable({}), sent: "maybe" }))
              : Stream.make<ReadonlyArray<ReadonlyArray<ApiKey>>>([])
          })
        return { ...driver, backend: name, capabilities: capabilities(), list: { kind: "stream", open } }
      })
  })

const loaded = Effect.fnUntraced(function* (text: string, sent: Array<string> = [], isDown = true) {
  const folder = yield* folderWith({ "keyfold.yaml": text, file: "x" })
  const builtIn = { tiny: counting("tiny", sent, isDown), twin: counting("twin", sent, isDown) }
  return yield* Configuration.load({ folder, env, builtIn })
})

const refusal = (text: string) => Effect.map(Effect.flip(loaded(text)), ({ message }) => message.split("\n").slice(1))

const completeOf = Effect.fnUntraced(function* (configuration: Configuration.Configuration, name: string) {
  return yield* (yield* Stores.find(configuration, name)).complete
})

describe("retry", () => {
  const text = `
retry: { attempts: 2, initialDelay: 1 second }
stores:
  a: { adapter: tiny }
  b: { adapter: tiny, retry: { attempts: 3, retryAfterCap: 5 seconds } }
`

  it.effect("of a store goes member by member before that of the file, and that before the program's", () =>
    Effect.gen(function* () {
      const configuration = yield* loaded(text)
      assert.deepStrictEqual((yield* completeOf(configuration, "a")).retry, {
        attempts: 2,
        initialDelay: Duration.seconds(1)
      })
      assert.deepStrictEqual((yield* completeOf(configuration, "b")).retry, {
        attempts: 3,
        initialDelay: Duration.seconds(1),
        retryAfterCap: Duration.seconds(5)
      })
      assert.deepStrictEqual((yield* completeOf(yield* loaded("stores: { a: { adapter: tiny } }"), "a")).retry, {})
    })
  )

  it.effect("decides how often a store tries", () =>
    Effect.gen(function* () {
      const attempts = Effect.fnUntraced(function* (content: string, store: string) {
        const sent: Array<string> = []
        const opened = yield* Stores.open(yield* loaded(content, sent), store)
        const fiber = yield* Effect.forkChild(Effect.flip(opened.listPage()))
        yield* TestClock.adjust("10 minutes")
        yield* Fiber.join(fiber)
        return sent.length
      })
      assert.strictEqual(yield* attempts(text, "a"), 2)
      assert.strictEqual(yield* attempts(text, "b"), 3)
      const silent = attempts("stores: { a: { adapter: tiny } }", "a")
      assert.strictEqual(yield* silent, defaultPolicy.attempts)
      assert.strictEqual(yield* Effect.provideService(silent, RetryPolicy, { ...defaultPolicy, attempts: 1 }), 1)
    })
  )

  it.effect("is judged, in the file and in a store", () =>
    Effect.gen(function* () {
      const wrong = text.replace("attempts: 2, initialDelay: 1 second", "attempts: 0, initialDelay: soon, atempts: 1")
      assert.deepStrictEqual(yield* refusal(wrong.replace("5 seconds", "-5 seconds")), [
        "keyfold.yaml:2:20  retry.attempts",
        "  expected a whole number of 1 or more, found the number 0.",
        "keyfold.yaml:2:37  retry.initialDelay",
        `  expected a length of time such as "30 seconds", found "soon".`,
        "keyfold.yaml:2:43  retry.atempts",
        `  not a known member. Did you mean "attempts"? Accepted: attempts, initialDelay, maximumDelay, retryAfterCap, budget.`,
        "keyfold.yaml:5:60  stores.b.retry.retryAfterCap",
        `  expected a length of time such as "30 seconds", found "-5 seconds".`
      ])
    })
  )
})

describe("budget", () => {
  const budget = "budget: { requests: 2, per: 1 minute }"

  it.effect("is one for all stores of an adapter that use the same credential, wherever they name it", () =>
    Effect.gen(function* () {
      const text = `
${budget}
stores:
  a: { adapter: tiny, key: { env: A } }
  same: { adapter: tiny, key: { env: A }, cursorSecret: { env: B }, ${budget} }
  other: { adapter: tiny, key: { env: B } }
  more: { adapter: tiny, key: { env: A }, other: { env: B } }
  twin: { adapter: twin, key: { env: A } }
  slow: { adapter: tiny, key: { command: [echo, x], timeout: 9 seconds } }
  fast: { adapter: tiny, key: { command: [echo, x] } }
  open: { adapter: tiny }
  wide: { adapter: tiny }
`
      const configuration = yield* loaded(text)
      const names = [...configuration.stores.keys()]
      const budgets = yield* Effect.forEach(names, (name) =>
        Effect.map(completeOf(configuration, name), ({ store }) => store.budget)
      )
      const sharing = Map.groupBy(names, (_) => budgets[names.indexOf(_)])
      assert.isFalse(sharing.has(undefined))
      assert.deepStrictEqual(
        [...sharing.values()],
        [["a", "same"], ["other"], ["more"], ["twin"], ["slow", "fast"], ["open"], ["wide"]]
      )
      assert.isUndefined((yield* completeOf(yield* loaded("stores: { a: { adapter: tiny } }"), "a")).store.budget)
    })
  )

  it.effect("may be one request, which is never kept for work in the background", () =>
    Effect.gen(function* () {
      const text = "stores: { a: { adapter: tiny, budget: { requests: 1, per: 1 minute } } }"
      const budget = (yield* completeOf(yield* loaded(text), "a")).store.budget
      assert.isDefined(budget)
      if (budget !== undefined) yield* budget.take("background", Duration.zero)
    })
  )

  it.effect("makes the stores that share it wait for each other", () =>
    Effect.gen(function* () {
      const text = `stores:\n  a: { adapter: tiny, key: { env: A }, ${budget} }\n  b: { adapter: tiny, key: { env: A }, ${budget} }\n`
      const sent: Array<string> = []
      const configuration = yield* loaded(text, sent, false)
      const stores = yield* Stores.openAll(configuration)
      const fiber = yield* Effect.forkChild(
        Effect.forEach([...stores.values(), ...stores.values()], (store) => store.listPage(), { concurrency: 4 })
      )
      yield* TestClock.adjust(0)
      assert.lengthOf(sent, 2)
      yield* TestClock.adjust("1 minute")
      assert.lengthOf(sent, 4)
      yield* Fiber.join(fiber)
    })
  )

  it.effect("is judged: complete, possible, and the same for one credential", () =>
    Effect.gen(function* () {
      const text = `
budget: { requests: 2, reserved: 2, per: 1 minute }
stores:
  a: { adapter: tiny, budget: { requests: 0, per: 0 seconds, reserved: -1 } }
  b: { adapter: tiny, budget: { reserved: 1 } }
`
      assert.deepStrictEqual(yield* refusal(text), [
        "keyfold.yaml:2:34  budget.reserved",
        "  expected fewer than requests (2), found the number 2.",
        "keyfold.yaml:4:43  stores.a.budget.requests",
        "  expected a whole number of 1 or more, found the number 0.",
        "keyfold.yaml:4:51  stores.a.budget.per",
        `  expected a time above zero, found "0 seconds".`,
        "keyfold.yaml:4:72  stores.a.budget.reserved",
        "  expected a whole number of 0 or more, found the number -1.",
        "keyfold.yaml:5:23  stores.b.budget.requests",
        "  missing; expected a number.",
        "keyfold.yaml:5:23  stores.b.budget.per",
        `  missing; expected a length of time such as "30 seconds".`
      ])
      const different = `
stores:
  a: { adapter: tiny, key: { env: A }, ${budget} }
  b: { adapter: tiny, key: { env: A }, budget: { requests: 3, per: 1 minute } }
`
      const problem =
        '  the store "a" uses the same credential with another budget, and they share one. Write the same for both.'
      assert.deepStrictEqual(yield* refusal(different), ["keyfold.yaml:4:48  stores.b.budget", problem])
    })
  )

  it.effect("that differs leaves its store out, and the other one to a program that needs it", () =>
    Effect.gen(function* () {
      const text = `stores:\n  a: { adapter: tiny, key: { env: A }, ${budget} }\n  b: { adapter: tiny, key: { env: A }, budget: { requests: 3, per: 1 minute } }\n`
      const folder = yield* folderWith({ "keyfold.yaml": text })
      const options = { folder, env, builtIn: { tiny: counting("tiny") } }
      const { configuration, elsewhere } = yield* Configuration.loadOne({ ...options, store: "a" })
      assert.deepStrictEqual([...configuration.stores.keys()], ["a"])
      assert.lengthOf(elsewhere, 1)
    })
  )
})
