import { assert, describe, it } from "@effect/vitest"
import { Unavailable } from "@keyfold/core/KeyStoreError"
import * as KeyStores from "@keyfold/core/KeyStores"
import * as Gateway from "@keyfold/gateway/Gateway"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import { DriverError, type Driver } from "@keyfold/core/Driver"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { asking, database, type Answer } from "./World.ts"

interface Line {
  readonly kind: "key" | "end"
  readonly tenant?: string
  readonly unassigned?: string
  readonly key?: { readonly name?: string }
  readonly tenants?: ReadonlyArray<string>
  readonly keys?: number
  readonly complete?: boolean
  readonly failed?: string
  readonly findings?: Readonly<Record<string, number>>
}

const linesOf = ({ text }: Answer): ReadonlyArray<Line> =>
  text
    .trim()
    .split("\n")
    .filter((line) => line !== "")
    .map((line): Line => JSON.parse(line))

const keysOf = (lines: ReadonlyArray<Line>) =>
  lines.flatMap(({ key, kind, tenant }) => (kind === "key" ? [`${tenant ?? "-"} ${key?.name ?? ""}`] : [])).toSorted()

/** Two stores: one that several tenants share, and one of another tenant, which may be down. */
const world = Effect.gen(function* () {
  const seen = { lists: 0, isDown: false }
  const fault = new DriverError({ reason: new Unavailable({ problem: "down" }), sent: "no" })
  const counting = (driver: Driver): Driver => {
    const { list, partition } = driver
    if (list.kind !== "pages") return driver
    const page: typeof list.page = (request) =>
      Effect.suspend(() => {
        seen.lists++
        return seen.isDown ? Effect.fail(fault) : list.page(request)
      })
    return {
      ...driver,
      list: { ...list, page },
      ...(partition === undefined ? {} : { partition: (tenant) => counting(partition(tenant)) })
    }
  }
  const { capabilities } = MemoryDriver
  const opened = yield* KeyStores.make({
    stores: {
      shared: { backend: "memory", capabilities, driver: Effect.sync(() => MemoryDriver.make()) },
      alone: {
        backend: "memory",
        capabilities,
        driver: Effect.sync(() => counting(MemoryDriver.make())),
        retry: { attempts: 1 }
      }
    },
    tenants: { acme: "shared", globex: "shared", "team-*": "shared", initech: "alone" },
    idle: "1 day"
  })
  const at = yield* database
  const admin = Redacted.value((yield* Gateway.init(at)).secret)
  const { fetch } = yield* Gateway.handler({ backends: Gateway.fromKeyStores(opened, false), database: at })
  const ask = asking(fetch)
  for (const tenant of ["acme", "globex", "team-1", "initech"]) {
    for (const name of ["one", "one"]) {
      yield* ask(`POST /v1/tenants/${tenant}/keys`, { key: admin, body: { name: `${tenant}-${name}` } })
    }
  }
  const inventory = Effect.fnUntraced(function* (...grants: ReadonlyArray<string>) {
    const issued = yield* Gateway.createCaller(at, { grants })
    const answer = yield* ask("GET /v1/inventory", { key: Redacted.value(issued.secret) })
    assert.strictEqual(answer.status, 200, answer.text)
    return { answer, lines: linesOf(answer) }
  })
  return { inventory, seen }
})

describe("the inventory of all tenants", () => {
  it.effect("tells every key with its tenant, and of each store how complete that is", () =>
    Effect.gen(function* () {
      const { inventory } = yield* world
      const { answer, lines } = yield* inventory("*:*")
      assert.strictEqual(answer.headers.get("content-type"), "application/x-ndjson")
      assert.deepStrictEqual(
        keysOf(lines),
        ["acme", "acme", "globex", "globex", "initech", "initech", "team-1", "team-1"].map(
          (name) => `${name} ${name}-one`
        )
      )
      const ends = lines.filter(({ kind }) => kind === "end")
      assert.sameDeepMembers(
        ends.map(({ complete, keys, tenants }) => [tenants, keys, complete]),
        [
          [["acme", "globex"], 6, true],
          [["initech"], 2, true]
        ]
      )
      assert.strictEqual(lines.at(-1)?.kind, "end")
    }).pipe(Effect.scoped)
  )

  it.effect("is of the granted tenants alone, in keys, in counts and in what is told of stores", () =>
    Effect.gen(function* () {
      const { inventory } = yield* world
      const own = yield* inventory("acme:inventory", "globex:list")
      assert.deepStrictEqual(keysOf(own.lines), ["acme acme-one", "acme acme-one"])
      const [end, another] = own.lines.filter(({ kind }) => kind === "end")
      assert.deepStrictEqual([end?.tenants, end?.keys, end?.findings?.["duplicateName"]], [["acme"], 2, 1])
      assert.isUndefined(another)
      for (const name of ["globex", "initech", "team-1"]) assert.notInclude(own.answer.text, name)
      const pattern = yield* inventory("team-*:inventory")
      assert.deepStrictEqual(keysOf(pattern.lines), ["team-1 team-1-one", "team-1 team-1-one"])
      const stranger = yield* inventory("nobody:inventory", "acme:list")
      assert.deepStrictEqual(stranger.lines, [])
    }).pipe(Effect.scoped)
  )

  it.effect("says where a store could not be read, and goes on with the others", () =>
    Effect.gen(function* () {
      const { inventory, seen } = yield* world
      seen.isDown = true
      const { lines } = yield* inventory("*:inventory")
      assert.deepStrictEqual(keysOf(lines).length, 6)
      const broken = lines.find(({ tenants }) => tenants?.includes("initech"))
      assert.deepInclude(broken, { complete: false, failed: "Unavailable", keys: 0 })
    }).pipe(Effect.scoped)
  )

  it.effect("reads the list of a store once, and not that of a store that the caller may not see", () =>
    Effect.gen(function* () {
      const { inventory, seen } = yield* world
      seen.lists = 0
      yield* inventory("acme:inventory")
      assert.strictEqual(seen.lists, 0)
      yield* inventory("*:inventory")
      assert.strictEqual(seen.lists, 1)
    }).pipe(Effect.scoped)
  )
})
