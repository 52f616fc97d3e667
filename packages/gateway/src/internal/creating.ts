/** Creates a key: once for each idempotency key of a caller. */
import type { IssuedKey } from "@keyfold/core/ApiKey"
import type { KeySpec } from "@keyfold/core/KeySpec"
import type { KeyStore } from "@keyfold/core/KeyStore"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import * as OperationId from "@keyfold/core/OperationId"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Audit } from "../Audit.ts"
import type { Backends } from "../Gateway.ts"
import { make as problem, type Problem } from "../Problem.ts"
import { Admission } from "./admitting.ts"
import { openStore } from "./answering.ts"
import { audited } from "./mutations.ts"
import { canonical, operationIdOf, type Claim, type Ending, type Operations } from "./operations.ts"
import { fromKeyStore } from "./problems.ts"
import * as wire from "./wire.ts"

/** What creating needs. */
export interface Means {
  readonly backends: Backends
  readonly operations: Operations
  readonly audit: Audit
}

/** What is asked for. */
export interface Asked {
  readonly spec: typeof wire.NewKey.Type
  readonly idempotencyKey: string | undefined
  readonly reason: string | undefined
}

const unusable = problem("unavailable", "Idempotency keys cannot be looked up at the moment, so nothing was created.")

const encode = Schema.encodeEffect(Schema.toCodecJson(wire.NewKey))

/** Says what became of the operation before. */
const settled = (claim: Exclude<Claim, { kind: "claimed" }>, operationId: string): Problem => {
  switch (claim.kind) {
    case "done":
      return problem(
        "conflict",
        "A key was created with this idempotency key before. Its secret was handed over then.",
        { operationId, ...(claim.key === undefined ? {} : { existing: claim.key }) }
      )
    case "underWay":
      return problem("operation-under-way", "The same request is being carried out.", { operationId })
    case "unknown":
      return problem(
        "outcome-unknown",
        "A key may exist whose secret nobody has. The gateway's operator can look for it by the operation id.",
        { operationId }
      )
    case "other":
      return problem("operation-reused", "Send another idempotency key with another request.", { operationId })
  }
}

/** What a create leaves behind for those who repeat it. */
const endingOf = (exit: Exit.Exit<IssuedKey, KeyStoreError>): Ending => {
  if (Exit.isSuccess(exit)) {
    const { id, owner } = exit.value.key
    return { kind: "done", key: { id, ...(owner === undefined ? {} : { owner }) } }
  }
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  // Interrupted or broken: the store looks after what was sent, and nobody knows yet how that ends.
  if (error === undefined || error.reason._tag === "OutcomeUnknown") return { kind: "unknown" }
  if (error.reason._tag !== "Conflict") return { kind: "nothing" }
  return error.reason.existing === undefined ? { kind: "unknown" } : { kind: "done", key: error.reason.existing }
}

/** The store itself makes one key for one operation, whoever asks again. */
const mayRepeat = ({ backends }: Means, store: KeyStore["Service"]): Effect.Effect<boolean> =>
  store.capabilities.createSafety === "idempotent" ? Effect.succeed(true) : backends.journaled

const once = Effect.fnUntraced(function* (
  means: Means,
  store: KeyStore["Service"],
  spec: KeySpec,
  operationId: OperationId.OperationId
): Effect.fn.Return<IssuedKey, Problem> {
  const { operations } = means
  const body = canonical(yield* Effect.orDie(encode(spec)))
  const repeatable = yield* mayRepeat(means, store)
  return yield* Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const claim = yield* Effect.mapError(operations.claim(operationId, body, repeatable), () => unusable)
      if (claim.kind !== "claimed") return yield* settled(claim, operationId)
      const unrecorded = Effect.annotateLogs(
        Effect.logError(`what became of operation ${operationId} could not be recorded`),
        "keyfold.event",
        "gateway.outcome.unrecorded"
      )
      return yield* restore(store.create(spec, { operationId })).pipe(
        Effect.onExit((exit) =>
          Effect.catch(operations.end(operationId, claim.token, endingOf(exit)), () => unrecorded)
        ),
        Effect.mapError(fromKeyStore)
      )
    })
  )
})

/** Creates a key and returns it with its secret. */
export const create = Effect.fnUntraced(function* (means: Means, { idempotencyKey, reason, spec }: Asked) {
  const { caller, tenant } = yield* Admission
  const operationId =
    idempotencyKey === undefined ? yield* OperationId.generate : operationIdOf(caller.actor, tenant, idempotencyKey)
  const change = Effect.gen(function* () {
    const store = yield* openStore(means.backends)
    return idempotencyKey === undefined
      ? yield* Effect.mapError(store.create(spec, { operationId }), fromKeyStore)
      : yield* once(means, store, spec, operationId)
  })
  const mutation = { operation: "create", operationId, ...(reason === undefined ? {} : { reason }) }
  const { key, secret } = yield* Effect.scoped(audited(means.audit, mutation, change, (issued) => issued.key.id))
  return { key, secret, operationId }
})
