import { describe } from "@effect/vitest"
import * as Journal from "@keyfold/core/Journal"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { onEachDialect, openStorage } from "./Dialects.ts"
import { journalContract } from "./JournalContract.ts"
import { journalSecret } from "./TestJournal.ts"

describe("a journal in memory", () => journalContract(Journal.memory))

onEachDialect("a journal", ({ database }) =>
  journalContract(
    Effect.gen(function* () {
      const storage = yield* openStorage(yield* database, Clock.currentTimeMillis)
      return yield* Journal.make(storage, journalSecret)
    })
  )
)
