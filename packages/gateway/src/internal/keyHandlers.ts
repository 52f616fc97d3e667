/** The keys of a tenant. */
import { KeyId, type KeyRef, type Revocation } from "@keyfold/core/ApiKey"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { answer, withStore } from "./answering.ts"
import { api } from "./contract.ts"
import { create, type Means } from "./creating.ts"
import * as keyAnswers from "./keyAnswers.ts"
import { revoke } from "./revoking.ts"

const refOf = (id: string, owner: string | undefined): KeyRef => ({
  id: KeyId.make(id),
  ...(owner === undefined ? {} : { owner })
})

const millis = (duration: Duration.Duration): number => Duration.toMillis(duration)

const revocationOf = ({ alreadyRevoked, effectiveWithin, id }: Revocation) => ({
  id,
  ...(alreadyRevoked === undefined ? {} : { alreadyRevoked }),
  effectiveWithinMillis: millis(effectiveWithin)
})

const refer = ({ params, query }: { params: { readonly id: string }; query: { readonly owner?: string } }): KeyRef =>
  refOf(params.id, query.owner)

/** Answers the endpoints of keys. */
export const layer = (means: Means) => {
  const { backends } = means
  return HttpApiBuilder.group(api, "keys", (handlers) =>
    handlers.handleAll({
      list: ({ query }) =>
        answer(
          Effect.map(
            withStore(backends, (store) => store.listPage(query)),
            keyAnswers.ofPage
          )
        ),
      create: ({ headers, payload: spec }) =>
        answer(
          create(means, { spec, idempotencyKey: headers["idempotency-key"], reason: headers["x-keyfold-reason"] })
        ),
      get: (request) =>
        answer(
          Effect.map(
            withStore(backends, (store) => store.get(refer(request))),
            keyAnswers.ofKey
          )
        ),
      revoke: (request) =>
        answer(Effect.map(revoke(means, refer(request), request.headers["x-keyfold-reason"]), revocationOf)),
      usage: (request) => answer(withStore(backends, (store) => store.usage(refer(request)))),
      verify: ({ payload }) =>
        answer(
          Effect.map(
            withStore(backends, (store) => store.verify(payload.secret)),
            keyAnswers.ofVerification
          )
        )
    })
  )
}
