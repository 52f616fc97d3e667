import { assert, describe, it } from "@effect/vitest"
import type { Emulator, StoredKey } from "@keyfold/emulators/Emulator"
import * as Faults from "@keyfold/emulators/Faults"
import { makeArthur } from "./ArthurEngine.ts"
import { makeOccam } from "./OccamServer.ts"
import { makeSongbird, start } from "./Songbird.ts"

const times = { stale: [0, 12_000] } as const
const wireNames = ["create", "list", "usage", "revoke", "exchange"]

const everything = (seed: number, options: Partial<Faults.Options> = {}) =>
  Faults.plan({ seed, mix: Faults.mixes.everything, times, ...options })

/** Asks a plan about requests without an emulator. */
const ask = (plan: Faults.Plan, requests: number, names: ReadonlyArray<string> = wireNames) =>
  Array.from({ length: requests }, (_, index) =>
    plan.next({ sequence: index + 1, time: start, operation: names[index % names.length] ?? "" })
  )

const totals = (plan: Faults.Plan, operation?: Faults.Operation) =>
  [...plan.counts(operation).values()].reduce((sum, count) => sum + count.requests, 0)

const chosen = (plan: Faults.Plan, requests = 1_000) => {
  ask(plan, requests)
  return plan.injected
}

/** Attaches a plan that always chooses one kind. */
const always = (
  emulator: Pick<Emulator<never, StoredKey>, "setFaults">,
  kind: Faults.FaultKind,
  options: Partial<Faults.Options> = {}
) => {
  const plan = Faults.plan({ seed: 7, mix: { [kind]: 1 }, scale: 0.001, times, ...options })
  emulator.setFaults(plan)
  return plan
}

const settled = (work: Promise<unknown>) =>
  work.then(
    () => "answered",
    () => "failed"
  )

describe("a plan's choices", () => {
  it("repeat with the same seed and differ with another", () => {
    assert.deepStrictEqual(chosen(everything(1)), chosen(everything(1)))
    assert.notDeepEqual(chosen(everything(1)), chosen(everything(2)))
    assert.isAbove(chosen(everything(1)).length, 200)
  })

  it("do not depend on how many requests of other operations come between", () => {
    const creates = (plan: Faults.Plan) =>
      plan.injected.filter(({ operation }) => operation === "create").map(({ fault, position }) => [position, fault])
    const [few, many] = [everything(3), everything(3)]
    ask(few, 200, ["create"])
    ask(many, 1_000, ["list", "create", "list", "revoke", "list"])
    assert.isAbove(creates(few).length, 40)
    assert.deepStrictEqual(creates(few), creates(many))
  })

  it("differ between operations and between neighbouring seeds", () => {
    // Without stale, which would make lists differ from creates by itself.
    const options = { times: { stale: [0, 0] } } as const
    const kinds = (seed: number, name: string) => ask(everything(seed, options), 300, [name]).map((next) => next?.fault)
    const rows = [4, 5, 6].flatMap((seed) => ["create", "list", "exchange"].map((name) => kinds(seed, name)))
    for (const [index, row] of rows.entries()) {
      for (const other of rows.slice(index + 1)) assert.notDeepEqual(row, other)
    }
  })

  it("come as often as their weights say", () => {
    const plan = Faults.plan({ seed: 11, mix: { none: 5, cut: 3, resetAfter: 2, html: 0 } })
    ask(plan, 20_000, ["create"])
    const share = (kind: Faults.Kind) => (plan.counts().get(kind)?.requests ?? 0) / 20_000
    assert.closeTo(share("none"), 0.5, 0.02)
    assert.closeTo(share("cut"), 0.3, 0.02)
    assert.closeTo(share("resetAfter"), 0.2, 0.02)
    assert.strictEqual(share("html"), 0)
  })

  it("come from every kind in everything, and leave two thirds of the requests alone", () => {
    const plan = everything(12)
    ask(plan, 10_000)
    for (const [kind, { requests }] of plan.counts()) assert.isAbove(requests, 30, kind)
    assert.closeTo((plan.counts().get("none")?.requests ?? 0) / 10_000, 0.68, 0.03)
  })

  it("are none, or the kind a single mix is named after", () => {
    const { everything: _, ...single } = Faults.mixes
    for (const [kind, mix] of Object.entries(single)) {
      const plan = Faults.plan({ seed: 13, mix, times })
      ask(plan, 400)
      const kinds = new Set<string>(plan.injected.map((injected) => injected.kind))
      assert.deepStrictEqual([...kinds], kind === "none" ? [] : [kind])
    }
  })

  it("follow the mix of an operation where there is one", () => {
    const plan = everything(14, { mix: { cut: 1 }, operations: { list: { html: 1 }, token: {} } })
    ask(plan, 50)
    for (const { kind, operation } of plan.injected) assert.strictEqual(kind, operation === "list" ? "html" : "cut")
    assert.strictEqual(plan.counts("token").get("none")?.requests, 10)
    assert.strictEqual(plan.counts("list").get("html")?.requests, 10)
  })

  it("leave requests alone that are none of the five operations", () => {
    const plan = Faults.plan({ seed: 15, mix: { cut: 1 } })
    ask(plan, 10, ["use", "verify"])
    assert.isUndefined(plan.next({ sequence: 1, time: start }))
    assert.strictEqual(totals(plan), 0)
  })

  it("make nothing stale but lists and gets, and nothing at all where no read may be behind", () => {
    const plan = Faults.plan({ seed: 16, mix: { stale: 1 }, times })
    ask(plan, 50)
    assert.deepStrictEqual(new Set(plan.injected.map(({ operation }) => operation)), new Set(["list", "get"]))
    assert.lengthOf(plan.injected, 20)
    const fresh = Faults.plan({ seed: 16, mix: { stale: 1 }, times: { stale: [0, 0] } })
    ask(fresh, 50)
    assert.lengthOf(fresh.injected, 0)
  })
})

describe("a plan's faults", () => {
  const faultsOf = (plan: Faults.Plan) => chosen(plan, 5_000).map(({ fault }) => fault)

  it("have times within their ranges, scaled by one factor", () => {
    const options = {
      times: { late: [1_000, 2_000], slow: [1_000, 2_000], trickle: [1_000, 2_000], ...times }
    } as const
    for (const scale of [1, 0.01]) {
      for (const fault of faultsOf(everything(21, { ...options, scale }))) {
        if (fault.kind === "abandon" || fault.kind === "delay" || fault.kind === "trickle") {
          assert.isAtLeast(fault.milliseconds, 1_000 * scale)
          assert.isAtMost(fault.milliseconds, 2_000 * scale)
        }
        if (fault.kind === "stale") assert.isAtMost(fault.milliseconds, 12_000 * scale)
        if (fault.kind === "skew") assert.isAtMost(Math.abs(fault.milliseconds), 300_000)
      }
    }
  })

  it("skew both ways and by as much at any scale", () => {
    const skews = faultsOf(everything(22, { scale: 0.001, mix: { skew: 1 } })).flatMap((fault) =>
      fault.kind === "skew" ? [fault.milliseconds] : []
    )
    assert.isBelow(Math.min(...skews), -100_000)
    assert.isAbove(Math.max(...skews), 100_000)
  })

  it("answer each status with and without Retry-After, in seconds and as a date, with every kind of body", () => {
    for (const status of [429, 500, 502, 503, 504] as const) {
      const faults = faultsOf(Faults.plan({ seed: 23, mix: { [`status${status}`]: 1 } })).flatMap((fault) =>
        fault.kind === "fail" && "status" in fault.failure ? [{ ...fault, failure: fault.failure }] : []
      )
      assert.isTrue(faults.every(({ failure }) => failure.status === status))
      const waits = faults.map(({ failure }) => failure.headers?.["Retry-After"])
      assert.include(waits, undefined)
      assert.isTrue(waits.some((wait) => wait !== undefined && /^[0-5]$/.test(wait)))
      const dates = waits.filter((wait) => wait?.endsWith("GMT")).map((wait) => Date.parse(wait ?? ""))
      assert.isAbove(dates.length, 0)
      for (const date of dates) assert.isTrue(date > start - 1_000 && date <= start + 5_000)
      const types = new Set(faults.map(({ failure }) => failure.contentType))
      assert.deepStrictEqual(types, new Set(["application/json", "text/html", "text/plain", undefined]))
      const commits = new Set(faults.map(({ commit }) => commit))
      assert.deepStrictEqual(commits, status === 429 ? new Set([false]) : new Set([true, false]))
    }
  })

  it("deliver twice at once and later, with each of the three answers", () => {
    const faults = faultsOf(Faults.plan({ seed: 24, mix: { duplicate: 1 } })).flatMap((fault) =>
      fault.kind === "duplicate" ? [fault] : []
    )
    assert.deepStrictEqual(new Set(faults.map(({ answer }) => answer)), new Set(["first", "second", "none"]))
    const atOnce = faults.filter(({ milliseconds }) => milliseconds === 0).length / faults.length
    assert.closeTo(atOnce, 0.5, 0.05)
    assert.isAtMost(Math.max(...faults.map(({ milliseconds }) => milliseconds)), 50_000)
  })
})

describe("a plan on an emulator", () => {
  it("is asked about every request that no queued intervention takes, until it is taken away", async () => {
    const songbird = makeSongbird()
    const plan = always(songbird.emulator, "resetAfter")
    songbird.emulator.failNext({ status: 503 })
    assert.strictEqual((await songbird.create("user_id=u")).status, 503)
    assert.strictEqual(totals(plan), 0)
    assert.strictEqual(await settled(songbird.create("user_id=u")), "failed")
    songbird.emulator.clearInterventions()
    assert.strictEqual(await settled(songbird.create("user_id=u")), "failed")
    songbird.emulator.setFaults(undefined)
    assert.strictEqual((await songbird.create("user_id=u")).status, 200)
    assert.strictEqual(totals(plan, "create"), 2)
    assert.deepStrictEqual(
      plan.injected.map(({ position, sequence }) => [position, sequence]),
      [
        [1, 2],
        [2, 3]
      ]
    )
  })

  it("counts what it injected by kind, and every request once", async () => {
    const { create, emulator, list } = makeArthur()
    const plan = everything(31, { scale: 0.000_1 })
    emulator.setFaults(plan)
    for (let round = 0; round < 100; round++) await Promise.all([settled(create()), settled(list())])
    assert.strictEqual(totals(plan), 200)
    assert.strictEqual(totals(plan, "create"), 100)
    const spared = plan.counts().get("none")?.requests ?? 0
    assert.lengthOf(plan.injected, 200 - spared)
    const { none: _, ...counted } = Object.fromEntries(plan.counts())
    for (const [kind, { requests }] of Object.entries(counted)) {
      assert.strictEqual(requests, plan.injected.filter((injected) => injected.kind === kind).length, kind)
    }
  })

  it("tells for each fault whether the create was committed, and which keys came of it", async () => {
    const expected = {
      resetBefore: 0,
      resetAfter: 1,
      cut: 1,
      html: 1,
      truncated: 1,
      empty: 1,
      text: 1
    } as const
    for (const kind of ["resetBefore", "resetAfter", "cut", "html", "truncated", "empty", "text"] as const) {
      const { create, emulator } = makeArthur()
      const plan = always(emulator, kind)
      await settled(create())
      const [injected] = plan.injected
      assert.strictEqual(injected?.committed, expected[kind], kind)
      assert.strictEqual(injected?.handled, expected[kind], kind)
      assert.deepStrictEqual(
        injected?.created,
        emulator.keys().map((key) => key.id),
        kind
      )
      assert.deepStrictEqual(plan.counts("create").get(kind), {
        requests: 1,
        handled: expected[kind],
        committed: expected[kind]
      })
    }
  })

  it("counts a commit that comes after the client is gone when it comes", async () => {
    const { create, emulator, list } = makeArthur()
    const plan = always(emulator, "abandoned", { scale: 1, operations: { list: {} } })
    await settled(create())
    assert.deepInclude(plan.injected[0], { handled: 0, committed: 0, created: [] })
    emulator.clock.advance(50_000)
    await list()
    assert.deepInclude(plan.injected[0], { handled: 1, committed: 1, created: emulator.keys().map((key) => key.id) })
  })

  it("tells of both keys of a duplicate delivery", async () => {
    const { create, emulator } = makeOccam()
    const plan = always(emulator, "duplicate", { times: { duplicate: [0, 0] }, operations: { token: {} } })
    await settled(create("twin"))
    const twins = emulator.keys().filter((key) => key.label === "twin")
    assert.lengthOf(twins, 2)
    assert.deepInclude(plan.injected[0], { handled: 2, committed: 2, created: twins.map((key) => key.id) })
    assert.strictEqual(plan.counts("create").get("duplicate")?.committed, 1)
  })

  it("counts a create as committed that made a key and failed to tell of it", async () => {
    const { create, emulator } = makeSongbird()
    const plan = always(emulator, "resetAfter")
    await settled(create("user_id=a%23b"))
    assert.deepInclude(plan.injected[0], { committed: 1, created: [emulator.keys().at(-1)?.id ?? ""] })
  })

  it("counts a handler that ran and refused as handled, not as committed", async () => {
    const { emulator, revoke } = makeArthur()
    const plan = always(emulator, "resetAfter")
    await settled(revoke("00000000-0000-4000-8000-000000000000"))
    assert.deepInclude(plan.injected[0], { operation: "revoke", handled: 1, committed: 0 })
  })

  it("spoils the ways to a token, and none of what it does not know", async () => {
    const { emulator, exchange, login, usage } = makeOccam()
    const plan = always(emulator, "status503")
    assert.strictEqual((await exchange()).status, 503)
    assert.strictEqual((await login()).status, 503)
    assert.strictEqual(totals(plan, "token"), 2)
    await settled(usage("00000000-0000-4000-8000-000000000000", "token"))
    assert.strictEqual(totals(plan, "get"), 1)
    assert.strictEqual(totals(plan), 3)
  })

  it("reads the time for Retry-After from the server's own clock", async () => {
    const { create, emulator } = makeSongbird()
    emulator.clock.skew(3_600_000)
    always(emulator, "status429", { scale: 1, times: { retryAfter: [2_000, 2_000] } })
    const waits = new Set<string>()
    for (let times = 0; times < 20; times++) {
      waits.add((await create("user_id=u")).headers.get("retry-after") ?? "none")
    }
    const date = new Date(start + 3_602_000).toUTCString()
    assert.deepStrictEqual(waits, new Set(["none", "2", date]))
  })
})

describe("a plan's options", () => {
  it.each([
    ["seed", { seed: 0.5 }],
    ["seed", { seed: -1 }],
    ["scale", { scale: 0 }],
    ["scale", { scale: Number.NaN }],
    ["mix.cut", { mix: { cut: -1 } }],
    ["operations.list.cut", { operations: { list: { cut: Number.NaN } } }],
    ["times.late", { times: { ...times, late: [2, 1] } }],
    ["times.slow", { times: { ...times, slow: [-1, 1] } }],
    ["times.skew", { times: { ...times, skew: [0, Infinity] } }]
  ] as const)("that are malformed are refused by name: %s", (name, options) => {
    assert.throws(() => everything(1, options), new RegExp(`^${name} takes`))
  })

  it("refuse kinds and operations that do not exist", () => {
    const mix: object = { sabotage: 1 }
    const operations: object = { erase: {} }
    assert.throws(() => everything(1, { mix }), /mix takes weights of none, resetBefore, .*got "sabotage"/)
    assert.throws(() => everything(1, { operations }), /operations takes mixes of create, list.*got "erase"/)
  })

  it("ask how far behind reads may be when a mix has stale in it", () => {
    assert.throws(() => Faults.plan({ seed: 1, mix: Faults.mixes.everything }), /times\.stale takes/)
    assert.throws(() => Faults.plan({ seed: 1, mix: {}, operations: { get: { stale: 1 } } }), /times\.stale takes/)
    Faults.plan({ seed: 1, mix: {}, operations: { create: Faults.mixes.everything }, times })
  })
})
