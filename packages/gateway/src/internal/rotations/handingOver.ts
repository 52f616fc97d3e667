/** Rotations whose new secret goes into an answer: in this process until it is handed over, in any of them afterwards. */
import type { IssuedKey, KeyId, KeyRef } from "@keyfold/core/ApiKey"
import { SinkError, type Sink } from "@keyfold/core/Sink"
import type { RotationId } from "@keyfold/lifecycle/Rotation"
import { askerElsewhere, RotationResources, toAsker } from "@keyfold/lifecycle/RotationResources"
import * as Rotations from "@keyfold/lifecycle/Rotations"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as WorkflowEngine from "effect/workflow/WorkflowEngine"
import type { GatewayRotations } from "../../GatewayRotations.ts"

/** A request that waits for a secret. */
interface Offer {
  issued: IssuedKey | undefined
}

/** The requests that wait, and what askers have said that they have; both only for as long as they are needed. */
interface Askers {
  readonly waiting: Map<RotationId, Offer>
  readonly confirmed: Map<RotationId, KeyId>
}

const { name } = askerElsewhere

const unconfirmed = new SinkError({
  sink: name,
  problem: "it holds the new secret, and nobody has confirmed to have it."
})

/** The answer to the asker. Nobody knows whether it arrives, so that taking a secret is never a success. */
const answerTo = (id: RotationId, { confirmed, waiting }: Askers): Sink => {
  const offer = waiting.get(id)
  return {
    name,
    open:
      offer === undefined
        ? askerElsewhere.open
        : Effect.succeed((issued) => {
            offer.issued = issued
            return Effect.fail(unconfirmed)
          }),
    holds: () => Effect.sync(() => Option.fromUndefinedOr(confirmed.get(id)))
  }
}

const handOver = (own: Rotations.Rotations["Service"], { waiting }: Askers): GatewayRotations["handOver"] =>
  Effect.fnUntraced(function* (ref, asked) {
    const { rotationId: id } = asked
    const offer: Offer = { issued: undefined }
    const isFirst = !waiting.has(id)
    if (isFirst) waiting.set(id, offer)
    const following = Effect.flatMap(own.start(ref, { ...asked, sink: toAsker }), (first) =>
      Effect.map(Stream.runLast(own.follow(id)), (last) => ({
        record: Option.getOrElse(last, () => first),
        issued: offer.issued
      }))
    )
    return yield* following.pipe(
      // Where it takes too long. A step at work finishes first; once the secret is on its way both keys stay.
      Effect.onInterrupt(() => (isFirst ? Effect.ignore(own.abort(id)) : Effect.void)),
      Effect.ensuring(Effect.sync(() => isFirst && waiting.delete(id)))
    )
  })

const confirm = (rotations: Rotations.Rotations["Service"], { confirmed }: Askers): GatewayRotations["confirm"] =>
  Effect.fnUntraced(function* ({ custody, id }) {
    if (custody !== undefined) confirmed.set(id, custody.id)
    return yield* Effect.ensuring(
      rotations.resume(id),
      Effect.sync(() => confirmed.delete(id))
    )
  })

/**
 * Makes rotations over the engine that is given, and the same over one of this process's own: another process must not
 * take the step that makes the secret, because it could not answer with it.
 */
export const make = Effect.gen(function* () {
  const given = yield* RotationResources
  const askers: Askers = { waiting: new Map(), confirmed: new Map() }
  const resources = RotationResources.of({
    ...given,
    sink: (name, subject) =>
      name === toAsker ? Effect.sync(() => answerTo(subject.rotationId, askers)) : given.sink(name, subject)
  })
  const provided = Effect.provideService(Rotations.make, RotationResources, resources)
  const rotations = yield* provided
  const engine = Context.get(yield* Layer.build(WorkflowEngine.layerMemory), WorkflowEngine.WorkflowEngine)
  const own = yield* Effect.provideService(provided, WorkflowEngine.WorkflowEngine, engine)
  return {
    rotations,
    resources,
    handOver: handOver(own, askers),
    confirm: confirm(rotations, askers)
  }
})

/** Asks a sink which key it holds, for a key that is to be replaced there. */
export const holderOf = (
  resources: RotationResources["Service"],
  sink: string,
  subject: Parameters<RotationResources["Service"]["sink"]>[1],
  identify: Parameters<Sink["holds"]>[0]
): Effect.Effect<KeyRef["id"] | undefined, { readonly message: string }> =>
  Effect.scoped(
    Effect.flatMap(resources.sink(sink, subject), ({ holds }) => Effect.map(holds(identify), Option.getOrUndefined))
  )
