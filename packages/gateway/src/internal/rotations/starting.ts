/** Begins the rotation that a request asks for. */
import type { ApiKey, IssuedKey, KeyRef } from "@keyfold/core/ApiKey"
import type { KeyStore } from "@keyfold/core/KeyStore"
import * as Rotation from "@keyfold/lifecycle/Rotation"
import type { RotationId } from "@keyfold/lifecycle/Rotation"
import * as RotationSchedule from "@keyfold/lifecycle/RotationSchedule"
import type { RotationRecord } from "@keyfold/lifecycle/RotationStorage"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { createHash } from "node:crypto"
import type { GatewayRotations } from "../../GatewayRotations.ts"
import { make as problem, type Problem } from "../../Problem.ts"
import type { Admission } from "../admitting.ts"
import { openStore } from "../answering.ts"
import type { Backends } from "../../Gateway.ts"
import { Entry } from "../entry.ts"
import { fromKeyStore } from "../problems.ts"
import * as problems from "./problems.ts"
import { isInAnswer, sinkNameOf } from "./shown.ts"
import type * as wire from "./wire.ts"

type Body = typeof wire.NewRotation.Type

/** Names a rotation. One caller's idempotency keys say nothing at another tenant, or of another caller. */
export const rotationIdOf = (actor: string, tenant: string, key: string): RotationId => {
  const text = JSON.stringify(["keyfold gateway rotation 1", actor, tenant, key])
  return Rotation.RotationId.make(`gwr_${createHash("sha256").update(text).digest("base64url")}`)
}

/** What is needed to begin one. */
export interface Asking {
  readonly backends: Backends
  readonly rotating: GatewayRotations
  readonly tenant: string
  readonly id: RotationId
  readonly ref: KeyRef
  readonly body: Body
}

/** A rotation, and the new key where its secret goes into the answer. */
export interface Begun {
  readonly record: RotationRecord
  readonly issued?: IssuedKey
}

const isExpiry = (record: RotationRecord, expiry: Body["expiry"]): boolean => {
  const { expiry: kept } = record.request
  if (expiry === undefined || typeof expiry === "string") return expiry === undefined || expiry === kept
  return typeof kept !== "string" && kept.at === expiry.epochMilliseconds
}

/** Whether a rotation is what a request asks for, as far as the request says it. */
const agrees = (record: RotationRecord, { body, ref }: Asking): boolean => {
  const { request } = record
  const { deliver = "sink", holderCheck, holderCheckMillis, overlapMillis, probe, sink } = body
  const pairs = [
    [sink, sinkNameOf(record)],
    [overlapMillis, request.overlap],
    [probe, request.probe],
    [holderCheck, request.holderCheck],
    [holderCheckMillis, request.holderCheckWithin]
  ]
  return (
    record.old.id === ref.id &&
    isInAnswer(record) === (deliver === "response") &&
    isExpiry(record, body.expiry) &&
    pairs.every(([asked, kept]) => asked === undefined || asked === kept)
  )
}

const handedOut = (rotationId: RotationId): Problem =>
  problem("conflict", "This rotation was begun before. Its secret was in that answer.", { rotationId })

/** The rotation that was begun by the same request before. */
const repeated = (record: RotationRecord, asking: Asking): Effect.Effect<Begun, Problem> => {
  const { id } = record
  if (!agrees(record, asking)) {
    return Effect.fail(
      problem("operation-reused", "Send another idempotency key with another request.", { rotationId: id })
    )
  }
  return isInAnswer(record) ? Effect.fail(handedOut(id)) : Effect.succeed({ record })
}

const find = ({ id, rotating: { rotations }, tenant }: Asking): Effect.Effect<RotationRecord | undefined, Problem> =>
  Effect.matchEffect(rotations.status(id), {
    onSuccess: (record) => (record.tenant === tenant ? Effect.succeed(record) : Effect.fail(problems.unknown)),
    onFailure: (error) =>
      error.reason._tag === "NotFound" ? Effect.undefined : Effect.fail(problems.fromRotation(error))
  })

const refusedSink = problems.ofField(
  "sink-refused",
  "/sink",
  "The sink does not hold this key, or cannot tell: whoever reads it would get the replacement of a key that it does not hold."
)

/** Tells the operator, and nobody else, why a sink is not used. */
const untold = Effect.fnUntraced(function* (why: string): Effect.fn.Return<never, Problem> {
  const { requestId } = yield* Entry
  yield* Effect.annotateLogs(Effect.logWarning(`a key is not rotated into the sink that was asked for: ${why}`), {
    "keyfold.event": "gateway.sink.refused",
    "keyfold.request": requestId
  })
  return yield* refusedSink
})

/**
 * Whoever reads a sink that holds another key works with that one, and the holder of this key reads elsewhere. It also
 * keeps one tenant's keys out of the places of another, whatever sink a caller names.
 */
const checkHolder = Effect.fnUntraced(function* (
  { id, ref, rotating, tenant }: Asking,
  store: KeyStore["Service"],
  sink: string
) {
  const subject = { rotationId: id, store: store.store, tenant, key: ref }
  const asking = Effect.flatMap(rotating.resources.sink(sink, subject), (found) =>
    Effect.map(found.holds(store.identify), (holds) => ({ name: found.name, holds: Option.getOrUndefined(holds) }))
  )
  const asked = yield* Effect.result(Effect.scoped(asking))
  if (asked._tag === "Failure") return yield* untold(asked.failure.message)
  const { holds, name } = asked.success
  if (holds === ref.id) return
  return yield* untold(holds === undefined ? `${name} does not tell which key it holds` : `${name} holds another key`)
})

type Usual = Effect.Success<ReturnType<typeof RotationSchedule.meaning>>

const usually = { overlap: Duration.hours(24) } as const

const expiryOf = ({ expiry }: Body, usual: Usual): Rotation.Expiry => {
  if (expiry !== undefined) return typeof expiry === "string" ? expiry : { at: expiry }
  return usual === undefined ? "keep" : (usual.expiry ?? "sameLifetime")
}

const given = <Name extends string, A>(name: Name, value: A | undefined): { readonly [key in Name]?: A } =>
  value === undefined ? {} : ({ [name]: value } as never)

const requestOf = ({ body, id, tenant }: Asking, { store }: KeyStore["Service"], usual: Usual) => ({
  store,
  tenant,
  rotationId: id,
  overlap: body.overlapMillis ?? usual?.overlap ?? usually.overlap,
  expiry: expiryOf(body, usual),
  ...given("probe", body.probe ?? usual?.probe),
  ...given("holderCheck", body.holderCheck ?? usual?.holderCheck),
  ...given("holderCheckWithin", body.holderCheckMillis ?? usual?.holderCheckWithin)
})

const unnamed = problems.ofField(
  "unconfigured",
  "/sink",
  "Name a sink of the gateway's configuration; no schedule of it names one for this key."
)

const sinkOf = ({ body: { sink }, rotating }: Asking, { name }: ApiKey, usual: Usual) =>
  sink === undefined
    ? usual?.sink === undefined
      ? Effect.fail(unnamed)
      : Effect.succeed(usual.sink)
    : Effect.flatMap(rotating.refer(sink, name), (found) =>
        found === undefined ? untold("none is named for it") : Effect.succeed(found)
      )

const answering = Effect.fnUntraced(function* (
  { id, ref, rotating }: Asking,
  request: ReturnType<typeof requestOf>
): Effect.fn.Return<Begun, Problem> {
  const { issued, record } = yield* Effect.mapError(rotating.handOver(ref, request), (error) =>
    problems.fromRotation(error, id)
  )
  if (issued !== undefined && record.custody?.id === issued.key.id) return { record, issued }
  // Another request with the same idempotency key had the answer.
  return yield* record.status === "undone" ? problems.fromEnd(record) : handedOut(id)
})

/** Begins it, or finds it begun. */
export const begin = Effect.fnUntraced(function* (
  asking: Asking
): Effect.fn.Return<Begun, Problem, Admission | Scope.Scope> {
  const { backends, body, ref, rotating, tenant } = asking
  const known = yield* find(asking)
  if (known !== undefined) return yield* repeated(known, asking)
  const store = yield* openStore(backends)
  // A key of another tenant of the same store must not even be asked about at the rotations.
  const key = yield* Effect.mapError(store.get(ref), fromKeyStore)
  if (key.status !== "active") return yield* problem("refused-by-store", "Only an active key can be rotated.")
  const usual = yield* Effect.flatMap(rotating.schedules, (schedules) =>
    RotationSchedule.meaning(schedules, store, { key, tenant })
  )
  const request = requestOf(asking, store, usual)
  if (body.deliver === "response") return yield* answering(asking, request)
  const sink = yield* sinkOf(asking, key, usual)
  yield* checkHolder(asking, store, sink)
  const record = yield* Effect.mapError(rotating.rotations.start(ref, { ...request, sink }), (error) =>
    problems.fromRotation(error)
  )
  return { record }
})
