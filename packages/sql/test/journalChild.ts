/**
 * Takes operations from their claim to their delivery without end and prints each acknowledged step on a line of its own.
 *
 * Run by `JournalProcesses.test.ts`, which kills it.
 */
import { KeyId } from "@keyfold/core/ApiKey"
import * as SqlJournal from "@keyfold/sql/SqlJournal"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { writeSync } from "node:fs"
import { claimOf, journalSecret, leased } from "./TestJournal.ts"

const [url = "", run = ""] = process.argv.slice(2)

const say = (...words: ReadonlyArray<string>) => Effect.sync(() => void writeSync(1, `${words.join(" ")}\n`))

const work = Effect.gen(function* () {
  const journal = yield* SqlJournal.make({ url, secret: journalSecret })
  for (let number = 0; ; number++) {
    const operationId = `run-${run}-${number}`
    const key = { id: KeyId.make(`key-${operationId}`) }
    const lease = yield* leased(journal.claim(claimOf({ operationId })))
    yield* say("intended", operationId)
    yield* journal.minted(lease, "nonce-1", key, Duration.minutes(1))
    yield* say("minted", operationId)
    if (number % 3 === 0) {
      yield* journal.abandon(lease)
      yield* say("abandoned", operationId)
    } else {
      yield* journal.delivered(lease, "nonce-1", key)
      yield* say("delivered", operationId)
    }
    yield* Effect.sleep(0)
  }
})

await Effect.runPromise(Effect.scoped(work))
