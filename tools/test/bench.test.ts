import { assert, describe, it } from "@effect/vitest"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { judge, judgeFinding } from "../src/bench/band.ts"
import { chartOf, draw } from "../src/bench/chart.ts"
import { answers } from "../src/bench/answers.ts"
import { formats, listAnswer } from "../src/bench/formats.ts"
import { jobs } from "../src/bench/jobs.ts"
import { benchReport, resultsFile, textOf } from "../src/bench/report.ts"
import { compareClients, type Comparison, type Results } from "../src/bench/results.ts"
import { roundOf, type Round } from "../src/bench/rounds.ts"
import { startServer } from "../src/bench/run.ts"
import { finders, idsOf, subjects, type Subject } from "../src/bench/subjects.ts"
import { comparisonTable } from "../src/bench/tables.ts"
import { leastTime } from "../src/bench/tenantWays.ts"
import { short } from "../src/measurement/numbers.ts"
import { compare, median, quantile } from "../src/measurement/statistics.ts"
import { table } from "../src/measurement/table.ts"

const [listing, listingMany] = jobs
if (listing === undefined || listingMany === undefined) throw new Error("there are no jobs")

/** Rounds of so many calls a second, each of which takes the processor's time given. */
const rounds = (rates: ReadonlyArray<number>, processor: number): ReadonlyArray<Round> =>
  rates.map((rate) => ({ rate, processor, latencies: Float64Array.of(1000 / rate) }))

const measured = new Map<string, ReadonlyArray<Round>>([
  ["fetch whylabs", rounds([1_000, 500, 2_000], 100)],
  ["fetch whylabs, again", rounds([1_100, 525, 2_000], 100)],
  ["undici whylabs", rounds([2_000, 1_000, 4_000], 50)],
  ["ky whylabs", rounds([800, 400, 1_600], 125)],
  ["keyfold whylabs undici", rounds([1_500, 600, 3_200], 80)],
  ["keyfold whylabs ky", rounds([720, 360, 1_440], 150)],
  ["openai", rounds([700, 700, 700], 200)]
])

const chosen: ReadonlyArray<Subject> = subjects.filter(({ id }) => measured.has(id))
const comparison: Comparison = compareClients(listing, chosen, measured)
const rowOf = (id: string) => comparison.rows.find((row) => row.id === id)

const summary = { median: 1, least: 1, most: 1 }

const results: Results = {
  circumstances: { date: "2026-11-28", processor: "Test", cores: 2, platform: "test", node: "24.0.0", load: 0 },
  versions: { keyfold: "0.0.0", ky: "2.1.0" },
  rounds: 3,
  window: 100,
  bodies: { whylabs: 6_916 },
  comparisons: [comparison, { ...comparison, job: listingMany }],
  finding: [{ title: "Keyfold", isOurs: true, elapsed: summary, processor: 1, requests: 1 }],
  tenants: [],
  lists: []
}

const markers = "<!-- bench:start -->\nold\n<!-- bench:end -->\n"

const using = (use: (root: string, read: (file: string) => string) => void): void => {
  const root = mkdtempSync(join(tmpdir(), "keyfold-bench-"))
  try {
    mkdirSync(join(root, "docs"))
    writeFileSync(join(root, resultsFile), textOf(results))
    writeFileSync(join(root, "docs/bench.md"), `# Speed\n\n${markers}`)
    writeFileSync(join(root, "README.md"), `# All\n\n${markers}\n## More\n`)
    use(root, (file) => readFileSync(join(root, file), "utf8"))
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

describe("statistics", () => {
  it("takes the middle of an odd number of values, and the point between the two in the middle of an even one", () => {
    assert.strictEqual(median([3, 1, 2]), 2)
    assert.strictEqual(median([4, 1, 2, 3]), 2.5)
    assert.isNaN(median([]))
  })

  it("finds the value below which 99 of 100 lie", () => {
    const values = Array.from({ length: 101 }, (_, index) => index)
    assert.strictEqual(quantile(values, 0.99), 99)
    assert.strictEqual(quantile([7], 0.99), 7)
  })

  it("compares round with round, so that a slow round of both changes nothing", () => {
    assert.deepStrictEqual(compare([10, 1, 30], [5, 0.5, 10]), { median: 2, least: 2, most: 3 })
  })

  it("makes a round of what the calls took", () => {
    const round = roundOf([1, 2, 3, 4], 10, 6)
    assert.strictEqual(round.rate, 400)
    assert.strictEqual(round.processor, 1_500)
  })

  it("shows about three digits that count", () => {
    assert.deepStrictEqual([1_234.5, 99.94, 1.234, Number.NaN].map(short), ["1,235", "99.9", "1.23", "-"])
  })

  it("writes tables whose text is on the left and whose numbers are on the right", () => {
    assert.strictEqual(table(["who", "how many"], [["we", "1"]]), "| who | how many |\n| --- | --: |\n| we | 1 |")
  })
})

describe("comparing clients", () => {
  it("compares with what is measured on the same bytes, and with nothing where there is none", () => {
    assert.strictEqual(rowOf("keyfold whylabs undici")?.to.fetch?.median, 1.5)
    assert.strictEqual(rowOf("keyfold whylabs ky")?.to.ky?.median, 0.9)
    assert.strictEqual(rowOf("keyfold whylabs ky")?.processorToFetch?.median, 1.5)
    assert.deepStrictEqual(rowOf("openai")?.to, {})
  })

  it("knows how far the same client measured twice was apart", () => {
    assert.closeTo(comparison.spread, 0.05, 1e-9)
  })

  it("prints that spread beside every ratio", () => {
    const lines = comparisonTable(comparison).split("\n")
    const line = lines.find((one) => one.includes("Keyfold over undici"))
    assert.include(line, "| 1.50 ± 5 % | 0.75 ± 5 % | 1.88 ± 5 % |")
    assert.include(line, "600 to 3,200")
  })
})

describe("the band", () => {
  const slower = (rates: number, processor: number): ReadonlyArray<Comparison> => {
    const changed = new Map(measured)
    changed.set("keyfold whylabs undici", rounds([1_500 * rates, 600 * rates, 3_200 * rates], processor))
    return [compareClients(listing, chosen, changed)]
  }

  it("takes a run that is as it was, and one that is somewhat slower", () => {
    assert.deepStrictEqual(judge([comparison], [comparison]), [])
    assert.deepStrictEqual(judge(slower(0.5, 180), [comparison]), [])
  })

  it("takes a run that is slow on the clock only: the machine had other work", () => {
    assert.deepStrictEqual(judge(slower(0.1, 80), [comparison]), [])
  })

  it("refuses a run that is far slower, and says what was measured and what was recorded", () => {
    const [problem = "", ...others] = judge(slower(0.3, 250), [comparison])
    assert.include(problem, "keyfold whylabs undici does 0.45 of what fetch does, recorded are 1.50")
    assert.lengthOf(others, 1)
  })

  it("judges nobody else, and nothing that was not recorded", () => {
    const changed = new Map(measured).set("undici whylabs", rounds([1, 1, 1], 9_000))
    assert.deepStrictEqual(judge([compareClients(listing, chosen, changed)], [comparison]), [])
    assert.deepStrictEqual(judge(slower(0.1, 900), []), [])
  })

  it("refuses many gets that send more than one list", () => {
    const finding = results.finding.map((one) => ({ ...one, requests: 2 }))
    assert.deepStrictEqual(judgeFinding(results.finding), [])
    assert.lengthOf(judgeFinding(finding), 1)
    assert.deepStrictEqual(judgeFinding(finding.map((one) => ({ ...one, isOurs: false }))), [])
  })
})

describe("the chart", () => {
  const texts = { title: "Bars & <more>", subtitle: "s", panels: ["one", "two"], note: "n" }
  const chart = chartOf(results.comparisons, texts)
  const svg = draw(chart)

  it("has the fastest first, and leaves out who only repeats or has nothing to be compared with", () => {
    assert.deepStrictEqual(
      chart.bars.map(({ label }) => label),
      ["undici.request", "Keyfold over undici, WhyLabs", "fetch", "ky", "Keyfold over ky, WhyLabs"]
    )
  })

  it("highlights Keyfold's bars", () => {
    assert.strictEqual(svg.match(/class="bar ours"/g)?.length, 4)
    assert.strictEqual(svg.match(/class="bar reference"/g)?.length, 4)
  })

  it("escapes what it says, and draws nothing outside of the picture", () => {
    assert.include(svg, "Bars &amp; &lt;more>".replace(">", "&gt;"))
    const [, width = "", height = ""] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg) ?? []
    for (const [, x = "", y = "", text = ""] of svg.matchAll(/<text[^>]* x="([\d.]+)" y="([\d.]+)">([^<]*)</g)) {
      const isLabel = chart.bars.some(({ label }) => label === text)
      const widest = 8 * text.length
      assert.isTrue(isLabel ? Number(x) > widest : Number(x) + widest < Number(width), text)
      assert.isBelow(Number(y), Number(height))
    }
  })

  it("draws bars as long as what they say", () => {
    const widths = [...svg.matchAll(/<rect class="bar[^>]* width="([\d.]+)"/g)].map(([, width]) => Number(width))
    assert.closeTo((widths[1] ?? 0) / (widths[2] ?? 1), 1.5, 0.02)
  })
})

describe("the report", () => {
  it("writes the tables, the chart and the README's paragraph, and then finds nothing stale", () => {
    using((root, read) => {
      assert.lengthOf(benchReport(root, true), 3)
      assert.deepStrictEqual(benchReport(root, false), [])
      assert.include(read("docs/bench.md"), "### List 25 keys, one call at a time")
      assert.include(read("README.md"), "1.50 ×")
      assert.match(read("docs/bench.svg"), /^<svg /)
      assert.deepStrictEqual(benchReport(root, true), [])
    })
  })

  it("reports a figure that somebody changed", () => {
    using((root, read) => {
      benchReport(root, false)
      writeFileSync(join(root, "README.md"), read("README.md").replace("1.50 ×", "1.60 ×"))
      assert.deepStrictEqual(
        benchReport(root, true).map(({ file }) => file),
        ["README.md"]
      )
    })
  })

  it("reports a document that has no place for it, and says nothing where nothing was measured", () => {
    using((root) => {
      writeFileSync(join(root, "README.md"), "# All\n")
      assert.include(benchReport(root, false)[0]?.problem, "no place")
      rmSync(join(root, resultsFile))
      assert.deepStrictEqual(benchReport(root, true), [])
    })
  })
})

describe("the server and the clients", () => {
  it("answers every format's list and create, and nothing else", () => {
    const answerTo = answers([25])
    for (const format of Object.values(formats)) {
      const text = (answer: Uint8Array | undefined) => Buffer.from(answer ?? []).toString()
      const { method, path } = format.list(25)
      assert.isTrue(text(answerTo(method, path)).endsWith(`\r\n\r\n${listAnswer(format, 25)}`))
      const create = format.create(25)
      assert.include(text(answerTo(create.method, create.path)), "sssss")
    }
    assert.isUndefined(answerTo("GET", "/whylabs/26/v1/api-key"))
  })

  it("lists all keys, makes one and finds many, with each client", async () => {
    const server = await startServer()
    const target = (subject: Subject) => ({ url: server.url, format: subject.format, keys: 25 })
    for (const subject of subjects.filter(({ again }) => again === undefined)) {
      const client = await (await subject.open())(target(subject))
      assert.strictEqual(await client.list(), 25, subject.id)
      assert.include(await client.create(), "sssss", subject.id)
    }
    for (const subject of finders) {
      const client = await (await subject.open())(target(subject))
      assert.strictEqual(await client.get?.(idsOf(subject.format, 25)), 25, subject.id)
    }
    server.process.disconnect()
  })

  it("knows how long a budget makes so many requests wait", () => {
    assert.strictEqual(leastTime(1_000), 3_000)
    assert.strictEqual(leastTime(100), 0)
  })
})
