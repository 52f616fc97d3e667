/** Answers the endpoints of rotations. */
import { KeyId, type KeyRef } from "@keyfold/core/ApiKey"
import * as Rotation from "@keyfold/lifecycle/Rotation"
import type { RotationId } from "@keyfold/lifecycle/Rotation"
import type { RotationRecord } from "@keyfold/lifecycle/RotationStorage"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import type { Audit } from "../../Audit.ts"
import type { Backends } from "../../Gateway.ts"
import type { GatewayRotations } from "../../GatewayRotations.ts"
import * as Grant from "../../Grant.ts"
import { make as problem, type Problem } from "../../Problem.ts"
import { Admission } from "../admitting.ts"
import { answer } from "../answering.ts"
import { api } from "../contract.ts"
import { audited } from "../mutations.ts"
import * as cursor from "./cursor.ts"
import * as problems from "./problems.ts"
import { awaitsConfirmation, shown } from "./shown.ts"
import { begin, rotationIdOf, type Begun } from "./starting.ts"
import type * as wire from "./wire.ts"

/** What rotating needs. */
export interface Means {
  readonly backends: Backends
  readonly audit: Audit
  readonly rotations: GatewayRotations | undefined
}

/** What is asked for at a key. */
export interface Asked {
  readonly ref: KeyRef
  readonly body: typeof wire.NewRotation.Type
  readonly idempotencyKey: string | undefined
  readonly reason: string | undefined
}

const rotatingOf = ({ rotations }: Means): Effect.Effect<GatewayRotations, Problem> =>
  rotations === undefined ? Effect.fail(problems.unconfigured) : Effect.succeed(rotations)

const ungranted = problem(
  "forbidden",
  "The caller has no grant for create on this tenant, which an answer with a secret needs."
)

const misplacedSink: Problem = problems.ofField(
  "invalid-request",
  "/sink",
  "A secret goes to a sink or into the response."
)

/** Begins a rotation of a key. */
export const start = Effect.fnUntraced(function* (means: Means, { body, idempotencyKey, reason, ref }: Asked) {
  const { caller, tenant } = yield* Admission
  if (body.deliver === "response" && !Grant.allows(caller.grants, tenant, "create")) return yield* ungranted
  if (body.deliver === "response" && body.sink !== undefined) return yield* misplacedSink
  const rotating = yield* rotatingOf(means)
  const id =
    idempotencyKey === undefined ? yield* Rotation.generateId : rotationIdOf(caller.actor, tenant, idempotencyKey)
  const { audit, backends } = means
  const mutation = { operation: "rotate", key: ref.id, operationId: id, ...(reason === undefined ? {} : { reason }) }
  const beginning = begin({ backends, rotating, tenant, id, ref, body })
  return yield* Effect.scoped(audited(audit, mutation, beginning, () => ref.id))
})

/** Reads a rotation of the tenant. */
const read = Effect.fnUntraced(function* (
  { rotations }: GatewayRotations,
  id: RotationId
): Effect.fn.Return<RotationRecord, Problem, Admission> {
  const { tenant } = yield* Admission
  const record = yield* Effect.mapError(rotations.status(id), (error) => problems.fromRotation(error))
  return record.tenant === tenant ? record : yield* problems.unknown
})

type Change = (
  rotating: GatewayRotations,
  record: RotationRecord
) => Effect.Effect<RotationRecord, Problem | Rotation.RotationError>

/** Changes a rotation of the tenant, between two entries of the audit. */
const change = Effect.fnUntraced(function* (
  means: Means,
  operation: string,
  { id, reason }: { readonly id: RotationId; readonly reason: string | undefined },
  carryOut: Change
): Effect.fn.Return<typeof wire.Rotation.Type, Problem, Admission> {
  const rotating = yield* rotatingOf(means)
  const record = yield* read(rotating, id)
  const { tenant } = yield* Admission
  const changed = Effect.mapError(carryOut(rotating, record), (failure) =>
    failure._tag === "Problem" ? failure : problems.fromRotation(failure, id)
  )
  const told = reason === undefined ? {} : { reason }
  const mutation = { operation: `rotate.${operation}`, key: record.old.id, operationId: id, ...told }
  return shown(yield* audited(means.audit, mutation, changed, () => record.old.id), tenant)
})

/** Has a rotation go on. */
export const resume = (means: Means, about: Parameters<typeof change>[2]) =>
  change(means, "resume", about, ({ rotations }) => rotations.resume(about.id))

/** Ends a rotation. */
export const abort = (means: Means, about: Parameters<typeof change>[2]) =>
  change(means, "abort", about, ({ rotations }) => rotations.abort(about.id))

/** Decides which key stays. */
export const resolve = (means: Means, about: Parameters<typeof change>[2], keep: "old" | "new") =>
  change(means, "resolve", about, ({ rotations }) => rotations.resolve(about.id, keep))

const unawaited = (rotationId: RotationId): Problem =>
  problem("conflict", "This rotation does not wait for somebody to confirm that a secret has arrived.", { rotationId })

/** Has a rotation go on whose secret has arrived. */
export const confirm = (means: Means, about: Parameters<typeof change>[2]) =>
  change(means, "confirm", about, ({ confirm }, record) =>
    awaitsConfirmation(record) ? confirm(record) : Effect.fail(unawaited(about.id))
  )

/** Shows a rotation. */
export const show = Effect.fnUntraced(function* (means: Means, id: RotationId) {
  const { tenant } = yield* Admission
  return shown(yield* read(yield* rotatingOf(means), id), tenant)
})

/** What a page is asked for by. */
export interface Query {
  readonly key?: string
  readonly status?: cursor.Asked["statuses"]
  readonly cursor?: string
  readonly limit?: number
}

const strayCursor = problem("invalid-request", "The cursor is not the next of a page.", {
  field: "cursor",
  errors: [{ in: "query", pointer: "cursor", detail: "it is not the next of a page" }]
})

/** Lists rotations of the tenant. */
export const list = Effect.fnUntraced(function* (means: Means, { key, limit = 100, status, ...query }: Query) {
  const { tenant } = yield* Admission
  const { rotations } = yield* rotatingOf(means)
  const before = query.cursor === undefined ? undefined : cursor.read(query.cursor)
  if (query.cursor !== undefined && before === undefined) return yield* strayCursor
  const { next, records } = yield* Effect.mapError(
    cursor.page(rotations, { tenant, statuses: status, key: key === undefined ? key : KeyId.make(key), before, limit }),
    (error) => problems.fromRotation(error)
  )
  const page = { rotations: records.map((record) => shown(record, tenant)) }
  return next === undefined ? page : { ...page, next }
})

const begunOf = ({ issued, record }: Begun, tenant: string) => {
  const rotation = shown(record, tenant)
  return issued === undefined ? rotation : { rotation, key: issued.key, secret: issued.secret }
}

/** Answers the endpoints. */
export const layer = (means: Means) =>
  HttpApiBuilder.group(api, "rotations", (handlers) =>
    handlers.handleAll({
      start: ({ headers, params, payload: body, query: { owner } }) => {
        const ref = { id: KeyId.make(params.id), ...(owner === undefined ? {} : { owner }) }
        const asked = { ref, body, idempotencyKey: headers["idempotency-key"], reason: headers["x-keyfold-reason"] }
        return answer(Effect.map(start(means, asked), (begun) => begunOf(begun, params.tenant)))
      },
      list: ({ query }) => answer(list(means, query)),
      get: ({ params: { rotation } }) => answer(show(means, rotation)),
      resume: ({ headers, params: { rotation: id } }) =>
        answer(resume(means, { id, reason: headers["x-keyfold-reason"] })),
      abort: ({ headers, params: { rotation: id } }) =>
        answer(abort(means, { id, reason: headers["x-keyfold-reason"] })),
      confirm: ({ headers, params: { rotation: id } }) =>
        answer(confirm(means, { id, reason: headers["x-keyfold-reason"] })),
      resolve: ({ headers, params: { rotation: id }, payload: { keep } }) =>
        answer(resolve(means, { id, reason: headers["x-keyfold-reason"] }, keep))
    })
  )
