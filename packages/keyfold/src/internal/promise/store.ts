/** A store as promises: each call takes the store, asks it, and lets go of it. */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { KeyStore } from "@keyfold/core/KeyStore"
import type { KeyStoreError, Operation } from "@keyfold/core/KeyStoreError"
import * as Sink from "@keyfold/core/Sink"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { DeliveredKey, IssuedKey, KeySpec } from "../../models.ts"
import type { CallOptions, CreateOptions, Deliver, DeliveryOptions, Store } from "../../store.ts"
import * as inputs from "./inputs.ts"
import { makeListing } from "./listing.ts"
import * as outputs from "./outputs.ts"
import type { Call, Runner } from "./runner.ts"

/** Takes the store for as long as a scope lasts. */
export type Take = Effect.Effect<KeyStore["Service"], ConfigurationError, Scope.Scope>

/** Makes a sink of a function that returns a promise. */
const toSink = (deliver: Deliver): Sink.Sink =>
  Sink.callback("deliver", (issued) =>
    Effect.tryPromise(async (signal) => deliver(outputs.issuedOf(issued), { signal }))
  )

const sinkFrom = (
  place: inputs.Place,
  { deliver, sink }: Partial<DeliveryOptions>
): Effect.Effect<Sink.Sink | undefined, KeyStoreError> => {
  if (deliver === undefined) return Effect.succeed(sink)
  if (sink !== undefined) return inputs.refuse(place, "deliver", "expected deliver or sink, not both")
  return typeof deliver === "function"
    ? Effect.succeed(toSink(deliver))
    : inputs.refuse(place, "deliver", "expected a function")
}

const createIn = Effect.fnUntraced(function* (
  keys: KeyStore["Service"],
  spec: KeySpec,
  options: CreateOptions & Partial<DeliveryOptions>
): Effect.fn.Return<IssuedKey | DeliveredKey, KeyStoreError> {
  const place: inputs.Place = { keys, operation: "create" }
  const request = yield* inputs.specFrom(place, spec)
  const settings = yield* inputs.createOptionsFrom(place, options)
  const sink = yield* sinkFrom(place, options)
  const creating = keys.create(request, settings)
  return sink === undefined
    ? outputs.issuedOf(yield* creating)
    : outputs.deliveredOf(yield* Sink.deliverTo(sink)(creating))
})

type Run = <A>(ask: (keys: KeyStore["Service"]) => Call<A>, options: CallOptions) => Promise<A>

/** Makes a call of three steps: take the input in, ask the store, present its answer. */
const asking =
  (run: Run) =>
  <Value, Input, Answer, A>(
    operation: Operation,
    accept: (place: inputs.Place, value: Value) => Effect.Effect<Input, KeyStoreError>,
    ask: (keys: KeyStore["Service"], input: Input) => Effect.Effect<Answer, KeyStoreError>,
    present: (answer: Answer) => A
  ) =>
  (value: Value, options: CallOptions = {}): Promise<A> =>
    run(
      (keys) =>
        accept({ keys, operation }, value).pipe(
          Effect.flatMap((input) => ask(keys, input)),
          Effect.map(present)
        ),
      options
    )

/** Makes the calls that a store answers once. */
const makeCalls = (run: Run): Omit<Store, "create" | "list"> => {
  const asked = asking(run)
  const page = asked("list", inputs.pageFrom, (keys, request) => keys.listPage(request), outputs.pageOf)
  const sweep = asked("create", inputs.sweepOptionsFrom, (keys, options) => keys.sweepOrphans(options), outputs.sweepOf)
  return {
    get: asked("get", inputs.refFrom, (keys, ref) => keys.get(ref), outputs.keyOf),
    listPage: (request = {}, options = {}) => page(request, options),
    revoke: asked("revoke", inputs.refFrom, (keys, ref) => keys.revoke(ref), outputs.revocationOf),
    usage: asked("usage", inputs.refFrom, (keys, ref) => keys.usage(ref), outputs.usageOf),
    verify: asked("verify", inputs.secretFrom, (keys, secret) => keys.verify(secret), outputs.verificationOf),
    identify: asked(
      "verify",
      inputs.secretFrom,
      (keys, secret) => Effect.sync(() => keys.identify(secret)),
      Option.getOrUndefined
    ),
    recover: (operationId, options = {}) =>
      asked(
        "create",
        inputs.operationIdFrom,
        (keys, id) => keys.recover(id, inputs.recoverOptionsFrom(options)),
        outputs.recoveryOf
      )(operationId, options),
    sweepOrphans: (options = {}) => sweep(options, options),
    describe: (options = {}) => run((keys) => Effect.sync(() => outputs.descriptionOf(keys)), options)
  }
}

/** Makes the promises of one store. */
export const makeStore = (runner: Runner, take: Take): Store => {
  const run: Run = (ask, options) => runner.run(Effect.flatMap(take, ask), options)

  function create(spec: KeySpec, options: DeliveryOptions): Promise<DeliveredKey>
  function create(spec?: KeySpec, options?: CreateOptions): Promise<IssuedKey>
  function create(
    spec: KeySpec = {},
    options: CreateOptions & Partial<DeliveryOptions> = {}
  ): Promise<IssuedKey | DeliveredKey> {
    return run((keys) => createIn(keys, spec, options), options)
  }

  return {
    ...makeCalls(run),
    create,
    list: (filter = {}, options = {}) =>
      makeListing(
        runner,
        Effect.flatMap(take, (keys) =>
          Effect.map(inputs.filterFrom({ keys, operation: "list" }, filter), (accepted) =>
            Stream.map(keys.list(accepted), outputs.keyOf)
          )
        ),
        options
      )
  }
}
