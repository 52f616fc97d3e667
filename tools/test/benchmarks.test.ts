import { assert, describe, it } from "@effect/vitest"
import * as gatewayReport from "../src/gatewayBenchmark/report.ts"
import * as gatewaySettings from "../src/gatewayBenchmark/settings.ts"
import { calling, scattered, warmingUp } from "../src/measurement/calling.ts"
import { figure, times } from "../src/measurement/numbers.ts"
import { parse } from "../src/measurement/usage.ts"
import * as sqlReport from "../src/sqlBenchmark/report.ts"
import * as sqlSettings from "../src/sqlBenchmark/settings.ts"
import type { Reading } from "../src/sqlBenchmark/task.ts"

describe("figures", () => {
  it("have three digits, or all that stand before the point", () => {
    assert.deepStrictEqual([0.01234, 0.5, 7.891, 56.04, 123.4, 12_345.6].map(figure), [
      "0.012",
      "0.500",
      "7.89",
      "56.0",
      "123",
      "12,346"
    ])
    assert.strictEqual(figure(Number.NaN), "-")
    assert.strictEqual(times(1.5), "1.50 ×")
    assert.strictEqual(times(1 / 0), "-")
  })
})

describe("calling", () => {
  it("counts every call, from as many loops as are asked for", async () => {
    const seen = new Set<number>()
    let [running, most] = [0, 0]
    const called = await calling({ seconds: 0.05, concurrency: 4 }, async (number) => {
      seen.add(number)
      most = Math.max(most, ++running)
      await new Promise((resolve) => setImmediate(resolve))
      running--
    })
    assert.strictEqual(called.calls, seen.size)
    assert.strictEqual(most, 4)
    assert.isAbove(called.perSecond, 0)
    assert.isAtLeast(called.slow, called.middle)
  })

  it("warms up for its time where calls are fast, and longer where they are slow", async () => {
    let fast = 0
    await warmingUp({ seconds: 0.02, concurrency: 8 }, async () => void fast++)
    assert.isAtLeast(fast, 2000)
    const began = performance.now()
    await warmingUp({ seconds: 0.02, concurrency: 1 }, () => new Promise((resolve) => setTimeout(resolve, 5)))
    assert.isAtLeast(performance.now() - began, 95)
  })

  it("comes by every place before it is anywhere again", () => {
    for (const places of [1, 2, 25, 400, 10_000]) {
      const at = scattered(places)
      assert.strictEqual(new Set(Array.from({ length: places }, (_, number) => at(number))).size, places)
    }
  })
})

describe("the usage of a process", () => {
  it("is read whatever the process is called", () => {
    const stat = `42 (node) (x y) S ${Array.from({ length: 10 }, (_, index) => index).join(" ")} 250 50 0 0`
    const status = "Name:\tnode\nVmHWM:\t  204800 kB\nVmRSS:\t  102400 kB\n"
    assert.deepStrictEqual(parse(stat, status), { processor: 3000, resident: 100, peak: 200 })
  })
})

const reading = (perSecond: number): Reading => ({
  operation: "verify",
  concurrency: 1,
  calls: 100,
  perSecond,
  middle: 0.1,
  slow: 0.9,
  processor: 50
})

describe("the report of stores", () => {
  it("compares each store with the first, round by round, and leaves out what was not measured", () => {
    const stores = [
      { name: "first", rounds: [[reading(100)], [reading(50)]] },
      { name: "second", rounds: [[reading(50)], [reading(25)]] },
      { name: "missing", rounds: [] }
    ]
    const lines = sqlReport.report(stores, "verify", 1).split("\n")
    assert.strictEqual(lines.length, 4)
    assert.strictEqual(lines[3], "| second | 37.5 | 25.0 to 50.0 | 0.50 × | 0.50 to 0.50 | 50.0 | 0.100 | 0.900 |")
    assert.strictEqual(sqlReport.report(stores, "verify", 64).split("\n").length, 2)
  })
})

describe("the report of servers", () => {
  it("compares each server with the bare one", () => {
    const of = (perSecond: number) => ({ perSecond, middle: 1, slow: 2, processor: 30, sending: 40 })
    const lines = gatewayReport.report([
      { name: "bare", readings: [of(1000)] },
      { name: "gateway", readings: [of(250)] }
    ])
    assert.include(lines, "| gateway | 250 | 250 to 250 | 0.25 × | 0.25 to 0.25 | 30.0 | 1.00 | 2.00 | 40.0 |")
  })

  it("shows memory at every mark and how much it is beside the bare server", () => {
    const watched = { marks: [50, 60], peak: 70, middle: 1, slow: 2, busy: 0.031 }
    const bare = { ...watched, name: "bare" }
    const lines = gatewayReport.memory([bare, { ...watched, name: "gateway", marks: [80, 90] }], ["0 min", "1 min"])
    assert.include(lines, "| gateway | 80 | 90 | 70 | 1.50 × | 1.00 | 2.00 | 3.1 % |")
  })
})

describe("the arguments of the benchmarks", () => {
  it("say how much is measured, and where keypal is", () => {
    const sql = sqlSettings.read(["--rounds", "3", "--concurrency", "8", "--engine", "sqlite"], { KEYPAL: "/built" })
    assert.deepInclude(sql, { rounds: 3, concurrencies: [8], engines: ["sqlite"], keypal: "/built", keys: 10_000 })
    const gateway = gatewaySettings.read(["--minutes", "10", "--rounds", "0", "--keypal", "/other"], {
      KEYPAL: "/built"
    })
    assert.deepInclude(gateway, { minutes: 10, rounds: 0, keypal: "/other" })
    assert.isUndefined(sqlSettings.read([], { KEYPAL: "" }).keypal)
  })

  it("are refused where they mean nothing", () => {
    for (const wrong of [
      ["--rounds", "1.5"],
      ["--seconds", "0"],
      ["--keys", "many"],
      ["--engine", "mysql"],
      ["--unknown"]
    ]) {
      assert.throws(() => sqlSettings.read(wrong, {}), /--|Unknown/)
    }
    assert.throws(() => gatewaySettings.read(["--rate=-1"], {}), /--rate takes a number above 0/)
  })
})
