import { assert, describe, it } from "@effect/vitest"
import { KeyId } from "@keyfold/core/ApiKey"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { execFile, spawn } from "node:child_process"
import { randomInt } from "node:crypto"
import * as Path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { folder, listAll, native, open } from "./TestDatabase.ts"

const rounds = 6

/** What a killed process had acknowledged: secrets by id, and the ids it revoked. */
interface Acknowledged {
  readonly created: Map<string, string>
  readonly revoked: Set<string>
}

/** Runs the child until it has acknowledged some changes and a little longer, then kills it like `kill -9`. */
const runAndKill = (file: string, acknowledged: Acknowledged) =>
  Effect.callback<string | null>((resume) => {
    const program = Path.join(import.meta.dirname, "crashChild.ts")
    const child = spawn(process.execPath, ["--conditions=@keyfold/source", program, file], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    const enough = randomInt(1, 120)
    let text = ""
    let lines = 0
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk
      const complete = text.split("\n")
      // A line cut off by the kill was not acknowledged.
      text = complete.pop() ?? ""
      for (const line of complete) {
        const [word, id = "", secret = ""] = line.split(" ")
        if (word === "created") acknowledged.created.set(id, secret)
        if (word === "revoked") acknowledged.revoked.add(id)
      }
      const before = lines
      lines += complete.length
      if (before < enough && lines >= enough) setTimeout(() => child.kill("SIGKILL"), randomInt(0, 25))
    })
    child.on("close", (_code, signal) => resume(Effect.succeed(signal)))
    return Effect.sync(() => void child.kill("SIGKILL"))
  })

/** Reads what is left the way anybody would, before Keyfold has had a chance to mend anything. */
const inspectFile = (file: string) => {
  const database = new DatabaseSync(file)
  const integrity = database.prepare("PRAGMA integrity_check").all()
  const orphans = database.prepare("PRAGMA foreign_key_check").all()
  database.close()
  assert.deepStrictEqual(
    integrity.map((row) => row["integrity_check"]),
    ["ok"]
  )
  assert.deepStrictEqual(orphans, [])
}

const checkSurvivors = Effect.fnUntraced(function* (file: string, acknowledged: Acknowledged, kills: number) {
  const driver = yield* open(file)
  // Listing decodes every column of every row, so a half-written row would fail here.
  const ids = yield* listAll(driver, 50)
  const lost = [...acknowledged.created.keys()].filter((id) => !ids.includes(id))
  assert.deepStrictEqual(lost, [])
  assert.isAtMost(ids.length - acknowledged.created.size, kills, "more than the create in flight at each kill")
  for (const [id, secret] of acknowledged.created) {
    const key = yield* native(driver, "get")({ id: KeyId.make(id) })
    assert.match(`${key.name} ${key.owner} ${key.tags["number"]}`, /^key (\d+) crash \1$/)
    const verification = yield* native(driver, "verify")(Redacted.make(secret))
    if (acknowledged.revoked.has(id)) assert.deepStrictEqual(verification, { valid: false, reason: "revoked" })
    else assert.strictEqual(verification.valid, key.status === "active")
  }
  for (const id of acknowledged.revoked) {
    assert.strictEqual((yield* native(driver, "get")({ id: KeyId.make(id) })).status, "revoked")
  }
}, Effect.scoped)

const openTogether = (file: string, count: number, start: number) =>
  Effect.callback<ReadonlyArray<string>>((resume) => {
    const program = Path.join(import.meta.dirname, "openTogether.ts")
    const args = ["--conditions=@keyfold/source", program, file, String(count), String(start)]
    execFile(process.execPath, args, (error, stdout, stderr) =>
      resume(error === null ? Effect.succeed(stdout.trim().split("\n")) : Effect.die(stderr))
    )
  })

describe("several processes", () => {
  it.live(
    "open a new file at the same moment and all keep their keys",
    () =>
      Effect.gen(function* () {
        const file = Path.join(yield* folder, "a.db")
        const start = Date.now() + 1500
        const ids = yield* Effect.all(
          Array.from({ length: 5 }, () => openTogether(file, 20, start)),
          {
            concurrency: "unbounded"
          }
        )
        assert.strictEqual(ids.flat().length, 100)
        const driver = yield* open(file)
        assert.sameMembers(yield* listAll(driver, 30), ids.flat())
      }).pipe(Effect.scoped),
    60_000
  )
})

describe("kill -9", () => {
  it.live(
    "loses no acknowledged create or revoke and leaves no half-written row",
    () =>
      Effect.gen(function* () {
        const file = Path.join(yield* folder, "a.db")
        const acknowledged: Acknowledged = { created: new Map(), revoked: new Set() }
        for (let kills = 1; kills <= rounds; kills++) {
          const before = acknowledged.created.size
          assert.strictEqual(yield* runAndKill(file, acknowledged), "SIGKILL")
          // Every second time Keyfold itself is the first to meet what the kill left behind.
          if (kills % 2 === 0) inspectFile(file)
          yield* checkSurvivors(file, acknowledged, kills)
          inspectFile(file)
          assert.isAtLeast(acknowledged.created.size, before)
        }
        assert.isAbove(acknowledged.created.size, rounds)
        assert.isAbove(acknowledged.revoked.size, 0)
      }),
    60_000
  )
})
