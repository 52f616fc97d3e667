import { assert, it } from "@effect/vitest"
import { KeyId } from "@keyfold/core/ApiKey"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { DatabaseSync } from "node:sqlite"
import { run, runAndKill } from "./ChildProcess.ts"
import { onEachDialect } from "./Dialects.ts"
import { listAll, native, openUrl } from "./TestDatabase.ts"

const roundsOf = { sqlite: 6, postgres: 3 }

/** What a killed process had acknowledged: secrets by id, and the ids it revoked. */
interface Acknowledged {
  readonly created: Map<string, string>
  readonly revoked: Set<string>
}

const read = ({ created, revoked }: Acknowledged, line: string) => {
  const [word, id = "", secret = ""] = line.split(" ")
  if (word === "created") created.set(id, secret)
  if (word === "revoked") revoked.add(id)
}

/** Reads what is left the way anybody would, before Keyfold has had a chance to mend anything. */
const inspectFile = (url: string) => {
  if (!url.startsWith("sqlite:")) return
  const database = new DatabaseSync(url.slice("sqlite:".length))
  const integrity = database.prepare("PRAGMA integrity_check").all()
  const orphans = database.prepare("PRAGMA foreign_key_check").all()
  database.close()
  assert.deepStrictEqual(
    integrity.map((row) => row["integrity_check"]),
    ["ok"]
  )
  assert.deepStrictEqual(orphans, [])
}

const checkSurvivors = Effect.fnUntraced(function* (url: string, acknowledged: Acknowledged, kills: number) {
  const driver = yield* openUrl(url)
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

const openTogether = (url: string, count: number, start: number) =>
  Effect.map(run("openTogether.ts", url, String(count), String(start)), (output) => output.split("\n"))

onEachDialect("several processes", ({ database, name }) => {
  it.live("open a new database at the same moment and all keep their keys", () =>
    Effect.gen(function* () {
      const url = yield* database
      const start = Date.now() + 1500
      const ids = yield* Effect.all(
        Array.from({ length: 5 }, () => openTogether(url, 20, start)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(ids.flat().length, 100)
      const driver = yield* openUrl(url)
      assert.sameMembers(yield* listAll(driver, 30), ids.flat())
    }).pipe(Effect.scoped)
  )

  it.live("lose no acknowledged create or revoke by kill -9 and leave no half-written row", () =>
    Effect.gen(function* () {
      const url = yield* database
      const rounds = roundsOf[name]
      const acknowledged: Acknowledged = { created: new Map(), revoked: new Set() }
      for (let kills = 1; kills <= rounds; kills++) {
        const before = acknowledged.created.size
        const signal = yield* runAndKill("crashChild.ts", [url], (line) => read(acknowledged, line))
        assert.strictEqual(signal, "SIGKILL")
        // Every second time Keyfold itself is the first to meet what the kill left behind.
        if (kills % 2 === 0) inspectFile(url)
        yield* checkSurvivors(url, acknowledged, kills)
        inspectFile(url)
        assert.isAtLeast(acknowledged.created.size, before)
      }
      assert.isAbove(acknowledged.created.size, rounds)
      assert.isAbove(acknowledged.revoked.size, 0)
    }).pipe(Effect.scoped)
  )
})
