/**
 * Claims operations together with other processes and prints what became of each. Run by `JournalProcesses.test.ts`.
 *
 * Who gets an operation delivers it, so that the others meet it in every state.
 */
import { KeyId } from "@keyfold/core/ApiKey"
import * as SqlJournal from "@keyfold/sql/SqlJournal"
import * as Effect from "effect/Effect"
import { claimOf, journalSecret } from "./TestJournal.ts"

const [url = "", count = "0", start = "0", me = ""] = process.argv.slice(2)

const work = Effect.gen(function* () {
  // Everybody starts at the same moment, however long loading took.
  yield* Effect.sleep(Math.max(0, Number(start) - Date.now()))
  const journal = yield* SqlJournal.make({ url, secret: journalSecret })
  return yield* Effect.forEach(
    Array.from({ length: Number(count) }, (_, number) => `deploy-${number}`),
    Effect.fnUntraced(function* (operationId) {
      const answer = yield* journal.claim(claimOf({ operationId, nonce: me }))
      if (answer.kind !== "claimed") return answer.kind
      const delivered = yield* journal.delivered(answer.lease, me, { id: KeyId.make(`${me}-${operationId}`) })
      return delivered ? "claimed" : "lost"
    })
  )
})

console.log((await Effect.runPromise(Effect.scoped(work))).join("\n"))
