import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

const program = fileURLToPath(new URL("timesProgram.ts", import.meta.url))

const run = (zone: string) => {
  const { status, stderr, stdout } = spawnSync(process.execPath, ["--conditions=@keyfold/source", program], {
    env: { ...process.env, TZ: zone, NODE_OPTIONS: "" },
    encoding: "utf8"
  })
  assert.strictEqual(status, 0, stderr)
  return JSON.parse(stdout)
}

const base = Date.UTC(2020, 0, 1)

// New York and Kolkata are the zones that matter: west with daylight saving, east with half an hour.
for (const [zone, offset] of [
  ["America/New_York", 300],
  ["Asia/Kolkata", -330],
  ["UTC", 0]
] as const) {
  describe(`a process in ${zone}`, () => {
    const result = run(zone)

    it("really has another local time, which a bare Date would use", () => {
      assert.strictEqual(result.offset, offset)
      assert.strictEqual(result.bare, Date.UTC(2026, 0, 1) + offset * 60_000)
    })

    it("sends an expiry as epoch milliseconds", () => {
      assert.deepStrictEqual(result.sent, [String(Date.UTC(2100, 2, 28, 2, 30, 0, 123))])
    })

    it("reads zone-less times with 0 to 3 fraction digits as UTC, and times with a zone by their zone", () => {
      assert.strictEqual(result.created, Date.UTC(2026, 2, 14, 9, 26, 53, 580))
      assert.strictEqual(result.expires, Date.UTC(2030, 0, 1))
      assert.deepStrictEqual(result.listed, [
        base,
        base + 100,
        base + 120,
        base + 123,
        base,
        base + 500,
        base + 250,
        // Half past two on that day does not exist in New York, and half past one on the next line exists twice.
        Date.UTC(2026, 2, 8, 2, 30),
        Date.UTC(2026, 10, 1, 1, 30),
        Date.UTC(10_000, 0, 1)
      ])
    })
  })
}
