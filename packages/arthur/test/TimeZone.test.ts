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

    it("reads no time out of Arthur's zone-less texts: no zone is applied, neither this process's nor UTC", () => {
      for (const key of [result.created, ...result.found]) {
        for (const name of ["createdAt", "revokedAt", "expiresAt", "lastUsedAt"]) assert.notProperty(key, name)
      }
    })

    it("keeps those texts under provider as they came", () => {
      assert.deepStrictEqual(result.created.provider, { arthur: { createdAt: "2026-03-14T09:26:53.589793" } })
      assert.deepStrictEqual(
        result.found.map((key: { readonly provider: unknown }) => key.provider),
        [
          { arthur: { createdAt: "2026-03-14T09:26:53.589793", deactivatedAt: "2026-03-15T11:02:07.114209" } },
          // Half past two on that day does not exist in New York.
          { arthur: { createdAt: "2026-03-08T02:30:00" } }
        ]
      )
    })
  })
}
