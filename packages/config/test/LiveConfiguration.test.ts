import { assert, describe, it } from "@effect/vitest"
import * as LiveConfiguration from "@keyfold/config/LiveConfiguration"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { KeyId } from "@keyfold/core/ApiKey"
import type { KeyStore } from "@keyfold/core/KeyStore"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { folderWith } from "./TinyAdapter.ts"
import { watched } from "./WatchedAdapter.ts"

const text = `
stores:
  main: { adapter: watched, key: { file: ./key } }
  other: { adapter: watched, key: { env: B } }
tenants:
  acme: main
  globex: other
`

/** A live configuration, and how to change what it reads. */
const started = Effect.fnUntraced(function* (
  content: string = text,
  options: Omit<LiveConfiguration.Options, "folder" | "builtIn"> = {}
) {
  const folder = yield* folderWith({ "keyfold.yaml": content, key: "one" })
  const seen = watched()
  const write = (name: string, value: string) => Effect.promise(() => writeFile(join(folder, name), value))
  const live = yield* LiveConfiguration.make({
    folder,
    builtIn: { watched: seen.adapter },
    env: { B: "b" },
    ...options
  })
  return { events: seen.events, broken: seen.broken, live, write }
})

/** A store that stays in use until it is left. */
const held = Effect.fnUntraced(function* (
  store: Effect.Effect<KeyStore["Service"], unknown, Scope.Scope>
): Effect.fn.Return<{ readonly store: KeyStore["Service"]; readonly leave: Effect.Effect<void> }> {
  const scope = yield* Scope.make()
  return { store: yield* Effect.orDie(Scope.provide(store, scope)), leave: Scope.close(scope, Exit.void) }
})

const call = (store: KeyStore["Service"]) => Effect.exit(store.get({ id: KeyId.make("none") }))

const callOnce = (live: LiveConfiguration.LiveConfiguration, tenant: string) =>
  Effect.scoped(Effect.flatMap(live.forTenant(tenant), call))

/** Starts a reload and waits until what it read is in force. */
const reloading = Effect.fnUntraced(function* (live: LiveConfiguration.LiveConfiguration) {
  const before = yield* live.current
  const reload = yield* Effect.forkChild(live.reload)
  while ((yield* live.current) === before) yield* Effect.promise(() => new Promise(setImmediate))
  return reload
})

describe("a reload", () => {
  it.effect("gives the new credential to who comes next, and reports once the old one cannot be used any more", () =>
    Effect.gen(function* () {
      const { events, live, write } = yield* started()
      const early = yield* held(live.forTenant("acme"))
      yield* write("key", "two")
      const reload = yield* reloading(live)
      const late = yield* held(live.forTenant("acme"))
      yield* call(early.store)
      yield* call(late.store)
      assert.deepStrictEqual(events, ["open one", "open two", "get one", "get two"])
      assert.isUndefined(reload.pollUnsafe())
      yield* early.leave
      const { drained, stores, tenants } = yield* Fiber.join(reload)
      assert.deepStrictEqual({ drained, stores, tenants }, { drained: true, stores: ["main"], tenants: ["acme"] })
      assert.deepStrictEqual(events.slice(4), ["close one"])
      yield* callOnce(live, "acme")
      assert.deepStrictEqual(events.slice(5), ["get two"])
    })
  )

  it.effect("reports after a while that somebody still uses what was there before, as long as that is so", () =>
    Effect.gen(function* () {
      const { events, live } = yield* started(text, { drain: "10 seconds" })
      const early = yield* held(live.forTenant("acme"))
      for (const _ of [1, 2]) {
        const reload = yield* reloading(live)
        yield* TestClock.adjust("9 seconds")
        assert.isUndefined(reload.pollUnsafe())
        yield* TestClock.adjust("1 second")
        assert.isFalse((yield* Fiber.join(reload)).drained)
      }
      assert.deepStrictEqual(events, ["open one"])
      yield* early.leave
      assert.isTrue((yield* live.reload).drained)
      assert.deepStrictEqual(events, ["open one", "close one"])
    })
  )

  it.effect("of a file with mistakes changes nothing and tells all of them", () =>
    Effect.gen(function* () {
      const { events, live, write } = yield* started()
      const before = yield* live.current
      const { store } = yield* held(live.forTenant("acme"))
      yield* write("keyfold.yaml", text.replace("acme: main", "acme: mian").replace("env: B", "env: NONE"))
      const { message } = yield* Effect.flip(live.reload)
      assert.include(message, 'keyfold.yaml:6:9  tenants.acme\n  no store has this name. Did you mean "main"?')
      assert.include(message, "keyfold.yaml:4:35  stores.other.key\n  the environment variable NONE is not set.")
      yield* write("keyfold.yaml", text)
      yield* write("key", "")
      assert.include((yield* Effect.flip(live.reload)).message, "keyfold.yaml:3:34  stores.main.key")
      assert.strictEqual(yield* live.current, before)
      yield* call(store)
      yield* callOnce(live, "acme")
      assert.deepStrictEqual(events, ["open one", "get one", "get one"])
    })
  )

  it.effect("that starts while another is under way reads after it", () =>
    Effect.gen(function* () {
      const { events, live, write } = yield* started()
      yield* callOnce(live, "acme")
      yield* write("key", "two")
      const both = yield* Effect.forkChild(Effect.all([live.reload, live.reload], { concurrency: 2 }))
      const [first, second] = yield* Fiber.join(both)
      assert.deepStrictEqual([first.stores, second.stores], [["main"], []])
      assert.deepStrictEqual([first.drained, second.drained], [true, true])
      assert.strictEqual(second.configuration, yield* live.current)
      yield* callOnce(live, "acme")
      assert.deepStrictEqual(events, ["open one", "get one", "close one", "open two", "get two"])
    })
  )

  it.effect("that is interrupted leaves the old or the new configuration in force, and nothing else open", () =>
    Effect.gen(function* () {
      const { events, live, write } = yield* started()
      const early = yield* held(live.forTenant("acme"))
      yield* write("key", "two")
      yield* Fiber.interrupt(yield* Effect.forkChild(live.reload, { startImmediately: true }))
      yield* callOnce(live, "acme")
      assert.deepStrictEqual(events, ["open one", "get one"])
      yield* Fiber.interrupt(yield* reloading(live))
      yield* callOnce(live, "acme")
      yield* early.leave
      yield* live.reload
      assert.deepStrictEqual(events.slice(2), ["open two", "get two", "close one", "close two"])
    })
  )

  it.effect("names what was added, removed or changed, and the tenants of a store that was", () =>
    Effect.gen(function* () {
      const { live, write } = yield* started()
      const changes = Effect.fnUntraced(function* (content: string) {
        yield* write("keyfold.yaml", content)
        const { stores, tenants } = yield* live.reload
        return { stores, tenants }
      })
      assert.deepStrictEqual(yield* changes(`# a comment\n${text}`), { stores: [], tenants: [] })
      assert.deepStrictEqual(yield* changes(`retry: { attempts: 1 }\n${text}`), {
        stores: ["main", "other"],
        tenants: ["acme", "globex"]
      })
      yield* changes(text)
      assert.deepStrictEqual(yield* changes(text.replace("globex: other", "globex: main")), {
        stores: [],
        tenants: ["globex"]
      })
      assert.deepStrictEqual(
        yield* changes(`${text.replace("acme", "initech")}  umbrella: { store: other, timeout: 1 second }\n`),
        { stores: [], tenants: ["acme", "globex", "initech", "umbrella"] }
      )
    })
  )

  it.effect("keeps the fill of budgets, and page cursors valid", () =>
    Effect.gen(function* () {
      const budget = "budget: { requests: 2, per: 1 minute, reserved: 0 }"
      const { events, live, write } = yield* started(`${budget}\n${text}`)
      const setUp = Effect.gen(function* () {
        const store = yield* live.forTenant("globex")
        yield* store.create({ name: "x" })
        yield* store.create({ name: "y" })
      })
      yield* Effect.scoped(setUp)
      yield* live.reload
      const waiting = yield* Effect.forkChild(callOnce(live, "globex"))
      yield* TestClock.adjust("29 seconds")
      assert.deepStrictEqual(events, ["open b", "close b", "open b"])
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(waiting)
      yield* write("keyfold.yaml", `${budget.replace("2", "3")}\n${text}`)
      yield* live.reload
      yield* callOnce(live, "globex")
      const first = yield* Effect.scoped(
        Effect.flatMap(live.forTenant("globex"), (store) => store.listPage({ limit: 1 }))
      )
      yield* live.reload
      assert.isDefined(first.next)
      const rest = { limit: 1, ...(first.next === undefined ? {} : { cursor: first.next }) }
      const second = yield* Effect.scoped(Effect.flatMap(live.forTenant("globex"), (store) => store.listPage(rest)))
      assert.deepStrictEqual(
        [...first.keys, ...second.keys].map(({ name }) => name),
        ["x", "y"]
      )
    })
  )
})

describe("a live configuration", () => {
  it.effect("shares a store of the file with all who have it open, and refuses a name that is not there", () =>
    Effect.gen(function* () {
      const { events, live } = yield* started(`default: other\n${text}`)
      const [one, two] = [yield* held(live.store("main")), yield* held(live.store("main"))]
      assert.strictEqual(one.store, two.store)
      assert.strictEqual((yield* held(live.store())).store.store, "other")
      assert.deepStrictEqual(events, ["open one", "open b"])
      assert.include((yield* Effect.flip(live.store("mian"))).message, 'Did you mean "main"?')
    })
  )

  it.effect("does not keep what failed to open, nor wait for those who got nothing", () =>
    Effect.gen(function* () {
      const { broken, events, live } = yield* started()
      broken.add("b")
      const scope = yield* Scope.make()
      const refused = <A>(store: Effect.Effect<A, ConfigurationError, Scope.Scope>) =>
        Effect.map(Effect.flip(Scope.provide(store, scope)), ({ message }) => message)
      assert.include(yield* refused(live.store("other")), "it does not open.")
      assert.include(yield* refused(live.forTenant("globex")), "it does not open.")
      assert.include(yield* refused(live.forTenant("none")), "no store is configured")
      broken.clear()
      yield* held(live.store("other"))
      const { leave } = yield* held(live.forTenant("globex"))
      yield* leave
      assert.deepStrictEqual(events, ["open b", "open b"])
    })
  )

  it.effect("reports a reload at once where nobody has anything open, whoever failed to", () =>
    Effect.gen(function* () {
      const { broken, live } = yield* started()
      broken.add("b")
      const scope = yield* Scope.make()
      yield* Effect.flip(Scope.provide(live.store("other"), scope))
      yield* Effect.flip(Scope.provide(live.forTenant("globex"), scope))
      assert.isTrue((yield* live.reload).drained)
    })
  )

  it.effect("closes all that is open with its scope, of the configuration before too", () =>
    Effect.gen(function* () {
      const outer = yield* Scope.make()
      const { events, live, write } = yield* Scope.provide(started(), outer)
      yield* held(live.forTenant("acme"))
      yield* write("key", "two")
      const reload = yield* reloading(live)
      yield* held(live.forTenant("acme"))
      yield* Scope.close(outer, Exit.void)
      assert.sameMembers(events, ["open one", "open two", "close one", "close two"])
      yield* Fiber.interrupt(reload)
    })
  )

  it.effect("is not made from a file with mistakes", () =>
    Effect.gen(function* () {
      const { message } = yield* Effect.flip(started(text.replace("acme: main", "acme: mian")))
      assert.include(message, "keyfold.yaml has 1 mistake.")
    })
  )
})

describe("reloading on signals", () => {
  const logged = (lines: Array<string>) =>
    Logger.layer([Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))])

  it.effect("logs one line for each outcome, and goes on after a failure", () =>
    Effect.gen(function* () {
      const { live, write } = yield* started(text, { drain: "1 second" })
      const lines: Array<string> = []
      const signals = yield* Queue.unbounded<void>()
      yield* Effect.forkScoped(
        Effect.provide(LiveConfiguration.reloadOn(live, Stream.fromQueue(signals)), logged(lines))
      )
      const next = Effect.fnUntraced(function* (time?: number) {
        const before = lines.length
        yield* Queue.offer(signals, undefined)
        while (lines.length === before) {
          yield* Effect.promise(() => new Promise(setImmediate))
          yield* TestClock.adjust(time ?? 0)
        }
        return lines[before]?.replace(/\S*keyfold.yaml/, "FILE")
      })
      assert.strictEqual(yield* next(), "Info FILE was read again, no store or tenant changed")
      yield* write("key", "two")
      assert.strictEqual(yield* next(), "Info FILE was read again, changed: stores main; tenants acme")
      yield* write("keyfold.yaml", "stores: {}")
      assert.strictEqual(
        yield* next(),
        "Error the configuration was not changed: FILE has 1 mistake.\nkeyfold.yaml:1:1  stores\n  names no store; name at least one."
      )
      yield* write("keyfold.yaml", text)
      const { leave } = yield* held(live.forTenant("globex"))
      assert.strictEqual(
        yield* next(500),
        "Warn FILE was read again, no store or tenant changed; what was there before is still in use"
      )
      yield* leave
      assert.lengthOf(lines, 4)
    })
  )
})
