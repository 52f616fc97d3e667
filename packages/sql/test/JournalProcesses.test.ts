import { assert, it } from "@effect/vitest"
import type { State } from "@keyfold/core/Journal"
import * as SqlJournal from "@keyfold/sql/SqlJournal"
import * as Effect from "effect/Effect"
import { run, runAndKill } from "./ChildProcess.ts"
import { onEachDialect } from "./Dialects.ts"
import { entriesOf, journalSecret, operationsOf } from "./TestJournal.ts"

const roundsOf = { sqlite: 5, postgres: 3 }

const count = 40

onEachDialect("the journals of several processes", ({ database, name }) => {
  it.live("give each operation to exactly one process", () =>
    Effect.gen(function* () {
      const url = yield* database
      const start = String(Date.now() + 1500)
      const outputs = yield* Effect.forEach(
        ["ada", "bob", "eve"],
        (me) => Effect.map(run("claimTogether.ts", url, String(count), start, me), (text) => text.split("\n")),
        { concurrency: "unbounded" }
      )
      for (let number = 0; number < count; number++) {
        const answers = outputs.map((output) => output[number])
        assert.strictEqual(answers.filter((answer) => answer === "claimed").length, 1, answers.join())
        assert.notInclude(answers, "lost")
      }
      const journal = yield* SqlJournal.make({ url, secret: journalSecret })
      assert.deepInclude(yield* journal.verify("monitoring"), { intact: true, entries: 3 * count })
      for (const { epoch, minted, nonces, state } of yield* operationsOf(journal)) {
        assert.deepStrictEqual([epoch, minted.length, nonces.length, state], [1, 1, 1, "delivered"])
      }
    }).pipe(Effect.scoped)
  )

  it.live("lose no acknowledged entry by kill -9 and leave an intact chain", () =>
    Effect.gen(function* () {
      const url = yield* database
      const rounds = roundsOf[name]
      const acknowledged = new Map<string, Set<State>>()
      let head: string | undefined
      for (let kills = 1; kills <= rounds; kills++) {
        const signal = yield* runAndKill("journalChild.ts", [url, String(kills)], (line) => {
          const [state = "", operationId = ""] = line.split(" ")
          const known = acknowledged.get(operationId) ?? new Set()
          acknowledged.set(operationId, known.add(state as State))
        })
        assert.strictEqual(signal, "SIGKILL")
        head = yield* Effect.scoped(survived(url, acknowledged, head))
      }
      assert.isAbove(acknowledged.size, rounds)
    }).pipe(Effect.scoped)
  )
})

/** Checks what is left after a kill and returns the digest of the chain's end. */
const survived = Effect.fnUntraced(function* (
  url: string,
  acknowledged: ReadonlyMap<string, ReadonlySet<State>>,
  head: string | undefined
) {
  const journal = yield* SqlJournal.make({ url, secret: journalSecret })
  const found = new Map<string, Array<State>>()
  for (const { operationId, state } of yield* entriesOf(journal)) {
    found.set(operationId, [...(found.get(operationId) ?? []), state])
  }
  for (const [operationId, states] of acknowledged) {
    assert.includeMembers(found.get(operationId) ?? [], [...states], operationId)
  }
  for (const { operationId, state } of yield* operationsOf(journal)) {
    assert.strictEqual(found.get(operationId)?.at(-1), state)
  }
  const verified = yield* journal.verify("monitoring", head)
  assert.deepInclude(verified, { intact: true })
  return verified.intact ? verified.head : undefined
})
