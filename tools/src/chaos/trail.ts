/** What a journal says about operations, in one line each: for whoever has to explain a damage. */
import * as SqlJournal from "@keyfold/sql/SqlJournal"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import type { Database } from "./message.ts"

const trail = Effect.fnUntraced(function* ({ secret, url }: Database, operationIds: ReadonlyArray<string>) {
  const journal = yield* SqlJournal.make({ url, secret: Redacted.make(secret) })
  return yield* Effect.forEach(operationIds, (operationId) =>
    Stream.runCollect(journal.entries({ operationId })).pipe(
      Effect.map((entries) => {
        const steps = entries.map(({ at, epoch, key, leaseUntil, nonce, state }) =>
          [`${at % 1_000_000}`, `epoch ${epoch}`, nonce, state, key?.id ?? "", `until ${leaseUntil % 1_000_000}`].join(
            " "
          )
        )
        return `${operationId}: ${steps.join("; ")}`
      })
    )
  )
}, Effect.scoped)

/** Reads the trails; none where there is no journal. */
export const trails = (
  journal: Database | undefined,
  operationIds: ReadonlyArray<string>
): Promise<ReadonlyArray<string>> =>
  journal === undefined || operationIds.length === 0
    ? Promise.resolve([])
    : Effect.runPromise(Effect.orElseSucceed(trail(journal, operationIds), () => ["the journal cannot be read"]))
