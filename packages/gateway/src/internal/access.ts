/** What routes beside the neutral API are let in by: the same callers, grants, limits and audit. */
import { KeyId } from "@keyfold/core/ApiKey"
import type { KeyStore } from "@keyfold/core/KeyStore"
import { KeyStoreError, Unavailable, type Operation } from "@keyfold/core/KeyStoreError"
import * as OperationId from "@keyfold/core/OperationId"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Audit, Fact } from "../Audit.ts"
import type { Access, Backends, Caller, StoreCall } from "../Gateway.ts"
import * as Grant from "../Grant.ts"
import { make as problem, type Problem } from "../Problem.ts"
import { decide } from "./admission.ts"
import { openFor } from "./answering.ts"
import type { Callers } from "./callers.ts"
import { Entry, type Facts } from "./entry.ts"
import type { Limits } from "./limits.ts"
import { recorded } from "./mutations.ts"
import { fromKeyStore } from "./problems.ts"
import type { Refusals } from "./refusals.ts"

/** What access is given by. */
export interface Means {
  readonly backends: Backends
  readonly callers: Callers
  readonly limits: Limits
  readonly refusals: Refusals
  readonly audit: Audit
  /** The gateway's own store. */
  readonly own: KeyStore["Service"]
}

/** Tells the request's log line what was found out; outside of a request there is none. */
const note = (found: Partial<Pick<Facts, "actor" | "tenant" | "operation">>): Effect.Effect<void> =>
  Effect.map(
    Effect.serviceOption(Entry),
    Option.map((facts) => Object.assign(facts, found))
  )

const unwritten = ({ backend, store }: KeyStore["Service"], operation: Operation): KeyStoreError =>
  new KeyStoreError({
    store,
    backend,
    operation,
    reason: new Unavailable({ problem: "the audit cannot be written, so nothing was changed" }),
    attempts: 0,
    exhausted: false
  })

type Changing = Pick<Fact, "actor" | "tenant" | "requestId">

/** A store whose changes are written down. */
const auditing = (store: KeyStore["Service"], audit: Audit, who: Changing): KeyStore["Service"] => {
  const nameOf = (error: KeyStoreError) => fromKeyStore(error).name
  return {
    ...store,
    create: Effect.fnUntraced(function* (spec, options = {}) {
      const operationId = options.operationId ?? (yield* OperationId.generate)
      const fact = { ...who, operation: "create", operationId }
      return yield* recorded(audit, fact, store.create(spec, { ...options, operationId }), {
        keyOf: ({ key }) => key.id,
        nameOf,
        unwritten: unwritten(store, "create")
      })
    }),
    revoke: (ref) =>
      recorded(audit, { ...who, operation: "revoke", key: ref.id }, store.revoke(ref), {
        keyOf: ({ id }) => id,
        nameOf,
        unwritten: unwritten(store, "revoke")
      })
  }
}

/** Whoever shows a key only to learn whether it is valid. */
const anybody: Caller = { actor: "anybody", grants: Grant.parseAll(["*:verify"]) }

/** A store that counts the secrets it does not know, which somebody may have guessed. */
const counting = (store: KeyStore["Service"], { count }: Refusals): KeyStore["Service"] => ({
  ...store,
  verify: (secret) => Effect.tap(store.verify(secret), ({ valid }) => (valid ? Effect.void : count))
})

const storeOf = ({ audit, backends, limits, refusals }: Means) =>
  Effect.fnUntraced(function* ({
    caller = anybody,
    operation,
    requestId,
    tenant
  }: StoreCall): Effect.fn.Return<KeyStore["Service"], Problem, Scope.Scope> {
    yield* decide(backends, caller, tenant, operation)
    yield* note({ actor: caller.actor, tenant, operation })
    if (caller === anybody) yield* refusals.check
    yield* limits.tenant(tenant)
    const opened = yield* openFor(backends, tenant, requestId)
    const store = caller === anybody ? counting(opened, refusals) : opened
    return auditing(store, audit, { actor: caller.actor, tenant, requestId })
  })

const gone = problem("unauthenticated", "The caller may no longer call.")

const recall = ({ limits, own }: Means) =>
  Effect.fnUntraced(function* (actor: string): Effect.fn.Return<Caller, Problem> {
    const id = /^key:(.+)$/.exec(actor)?.[1]
    if (id === undefined) return yield* gone
    const key = yield* Effect.mapError(own.get({ id: KeyId.make(id) }), (error) =>
      error.reason._tag === "NotFound" ? gone : problem("unavailable", "Callers cannot be looked up at the moment.")
    )
    if (key.status !== "active") return yield* gone
    yield* note({ actor })
    yield* limits.caller(actor)
    return { actor, grants: Grant.parseAll(key.scopes) }
  })

/** Makes what routes are let in by. */
export const make = (means: Means): Access => ({
  authenticate: (credential) =>
    Effect.tap(means.callers(credential), ({ actor }) => Effect.andThen(note({ actor }), means.limits.caller(actor))),
  recall: recall(means),
  store: storeOf(means)
})
