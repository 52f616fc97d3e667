/** Health and readiness. */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { make as problem } from "../Problem.ts"
import { answer } from "./answering.ts"
import { api } from "./contract.ts"
import { Entry } from "./entry.ts"

/** What readiness depends on. */
export interface Readiness {
  readonly isStopping: () => boolean
  readonly databaseAnswers: Effect.Effect<boolean>
}

const named = (route: string) => Effect.map(Entry, (facts) => void (facts.route = route))

/** Answers the endpoints of the process itself. */
export const layer = ({ databaseAnswers, isStopping }: Readiness) =>
  HttpApiBuilder.group(api, "system", (handlers) =>
    handlers.handleAll({
      health: () => Effect.as(named("/health"), { status: isStopping() ? ("stopping" as const) : ("ok" as const) }),
      ready: () =>
        answer(
          Effect.gen(function* () {
            yield* named("/ready")
            if (isStopping()) return yield* problem("unavailable", "The gateway is being stopped.")
            if (!(yield* databaseAnswers))
              return yield* problem("unavailable", "The gateway's database does not answer.")
            return { status: "ok" as const }
          })
        )
    })
  )
