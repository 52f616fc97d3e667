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

const morning = Date.UTC(2025, 0, 6, 10, 15, 30)
const hour = 3_600_000

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

    it("reads times by their own offset, and leaves out those without one", () => {
      assert.deepStrictEqual(result.listed, [
        [morning + 123, Date.UTC(2025, 0, 7, 8)],
        [morning, Date.UTC(2025, 0, 7, 8) + 500],
        [morning + 5 * hour, morning + 5 * hour + 1_000],
        [morning - 5.5 * hour, null],
        [morning - 5.5 * hour, null],
        [null, null],
        [null, null],
        [morning, null],
        [null, null]
      ])
    })

    it("renews no token early or late", () => {
      assert.strictEqual(result.exchanges, 1)
    })
  })
}
