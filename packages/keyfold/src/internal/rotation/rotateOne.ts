/** `keyfold rotate KEY`. */
import type { KeyRef } from "@keyfold/core/ApiKey"
import { RotationId, type Options } from "@keyfold/lifecycle/Rotation"
import * as RotationRunner from "@keyfold/lifecycle/RotationRunner"
import type { RotationRecord } from "@keyfold/lifecycle/RotationStorage"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Shell } from "../../Shell.ts"
import { outcome } from "../outcome.ts"
import * as ExitCode from "../exitCode.ts"
import { CommandError, usage } from "../failure.ts"
import { note, print, printJson, warn } from "../print.ts"
import type { Settings } from "../root.ts"
import { type Given, optionalDuration, readRequest } from "./flags.ts"
import * as following from "./follow.ts"
import type { Opened } from "./open.ts"
import { details, exitCode, plain, remark } from "./told.ts"

/** A key's store, and its tenant where it has one. */
interface Place {
  readonly store: string
  readonly tenant?: string
}

const ofTenant = Effect.fnUntraced(function* ({ stores }: Opened, tenant: string, asked: string | undefined) {
  const { store } = yield* stores.forTenant(tenant)
  return asked === undefined || asked === store
    ? { store, tenant }
    : yield* usage(
        `the tenant "${tenant}" is served by the store "${store}".`,
        `Leave --store out, or write --store ${store}`
      )
}, Effect.scoped)

/** A key made anew without its tenant would be lost to the tenant, so that one must be known. */
const placeOf = Effect.fnUntraced(function* (opened: Opened, given: Given, settings: Settings) {
  const { find } = yield* Effect.promise(() => import("@keyfold/config/Stores"))
  const asked = Option.getOrUndefined(settings.store)
  if (Option.isSome(given.tenant)) return yield* ofTenant(opened, given.tenant.value, asked)
  const { name, shared } = yield* find(opened.configuration, asked)
  const [first, second] = [...opened.configuration.tenants.values()].filter(({ store }) => store === name)
  if (first === undefined) return { store: name }
  return second === undefined && !shared && !first.name.includes("*")
    ? { store: name, tenant: first.name }
    : yield* usage(`the store "${name}" serves tenants; say whose key this is.`, "Add: --tenant NAME")
})

/** The sink for this key: where its place has a key's name in it, that of the old key. */
const sinkOf = Effect.fnUntraced(function* (
  { definition, resources }: Opened,
  asked: string,
  place: Place,
  ref: KeyRef
) {
  const sink = definition.sinks.get(asked)
  if (sink?.perKey !== true) return asked
  const { sinkFor } = yield* Effect.promise(() => import("@keyfold/config/RotationSetup"))
  const store = yield* Effect.mapError(resources.store(place.store, place.tenant), ({ message }) => usage(message))
  const { name } = yield* store.get(ref)
  return (
    sinkFor(sink, name) ??
    (yield* usage(
      `the place of sink "${asked}" has a key's name in it, and this key has none.`,
      `Write: --sink ${asked}:NAME`
    ))
  )
}, Effect.scoped)

/** Stands for the id of a rotation that may never be. */
const noRotation = RotationId.make("check")

/** Whoever reads a sink that holds another key works with that one, and the holder of this key reads elsewhere. */
const checkHolder = Effect.fnUntraced(function* (
  { resources, rotations }: Opened,
  ref: KeyRef,
  { rotationId, sink, store, tenant }: Options
) {
  const records = yield* Stream.runCollect(rotations.list({ store, key: ref.id }))
  const isKnown = records.some(({ id, status }) => id === rotationId || (status !== "done" && status !== "undone"))
  if (isKnown) return
  const subject = { rotationId: rotationId ?? noRotation, store, tenant, key: ref }
  const asking = Effect.gen(function* () {
    const { identify } = yield* resources.store(store, tenant)
    const found = yield* resources.sink(sink, subject)
    return { name: found.name, holds: Option.getOrUndefined(yield* found.holds(identify)) }
  })
  const { holds, name } = yield* Effect.mapError(asking, ({ message }) => usage(message))
  if (holds === undefined || holds === ref.id) return
  return yield* new CommandError({
    exitCode: ExitCode.failed,
    problem: `${name} holds key ${holds}, so that the holder of key ${ref.id} reads elsewhere and would be locked out`,
    fix: "Name the sink that it reads, or do it all the same with --force."
  })
}, Effect.scoped)

const result = Effect.fnUntraced(function* (record: RotationRecord, json: boolean) {
  const { command, stdout } = yield* Shell
  yield* json ? printJson({ event: "result", ...plain(record) }) : print(details(record, stdout))
  const told = remark(record, command)
  if (!json && told !== "") yield* note(told)
  yield* outcome(exitCode([record]))
})

const interrupted = ({ id }: RotationRecord, json: boolean) =>
  Effect.flatMap(Shell, ({ command }) =>
    warn(
      json,
      `interrupted. Rotation ${id} goes on where it was with ${command} rotations resume ${id}, with the next ` +
        `${command} rotate --due, or in a runner that stays.`,
      { rotation: id }
    )
  )

/** Follows one rotation: to its end, or until there is nothing to do for a while. Then shows it. */
export const followOne = Effect.fnUntraced(function* (
  { rotations }: Pick<Opened, "rotations">,
  record: RotationRecord,
  {
    json,
    wait,
    within
  }: { readonly json: boolean; readonly wait: boolean; readonly within: Options["overlap"] | undefined }
) {
  const { id } = record
  const bound = within === undefined ? {} : { within }
  const changes = wait ? rotations.follow(id) : RotationRunner.settle(rotations, { ids: [id], ...bound })
  const records = yield* following
    .follow(changes, yield* following.progress(json))
    .pipe(Effect.onInterrupt(() => interrupted(record, json)))
  yield* result(records.at(-1) ?? record, json)
})

/** Rotates one key. */
export const rotateOne = Effect.fnUntraced(function* (opened: Opened, given: Given, ref: KeyRef, settings: Settings) {
  const request = yield* readRequest(given)
  const within = yield* optionalDuration("--within", given.within)
  const place = yield* placeOf(opened, given, settings)
  const sink = yield* sinkOf(
    opened,
    Option.getOrElse(given.sink, () => ""),
    place,
    ref
  )
  const options: Options = { ...request, ...place, sink }
  if (!given.force) yield* checkHolder(opened, ref, options)
  const record = yield* opened.rotations.start(ref, options)
  yield* followOne(opened, record, { json: settings.json, wait: given.wait, within })
})
