/** What is asked for, checked and in the form in which it is kept. */
import type { KeyRef } from "@keyfold/core/ApiKey"
import { InvalidRequest } from "@keyfold/core/KeyStoreError"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Request, RotationId, type Options } from "../../Rotation.ts"
import type { RotationRecord } from "../../RotationStorage.ts"

const defaultHolderCheckWithin = Duration.minutes(5)

const invalid = (field: string, problem: string) => Result.fail(new InvalidRequest({ field, problem }))

/** Longer than any overlap that is meant, and short enough for every timer. */
const longest = Duration.days(3650)

const millis = (field: string, input: Duration.Input, atLeast: number): Result.Result<number, InvalidRequest> => {
  const duration = Option.getOrUndefined(Duration.fromInput(input))
  const value = duration === undefined ? Number.NaN : Duration.toMillis(duration)
  return value >= atLeast && value <= Duration.toMillis(longest)
    ? Result.succeed(Math.ceil(value))
    : invalid(
        field,
        `expected a duration ${atLeast > 0 ? "above zero" : "of zero or more"} and of 10 years at the most`
      )
}

const nameOf = (field: string, name: string | undefined): Result.Result<void, InvalidRequest> =>
  name === "" || (name !== undefined && (name.length > 255 || !name.isWellFormed() || name.includes("\u0000")))
    ? invalid(field, "expected a name of 1 to 255 characters")
    : Result.succeed(undefined)

const expiryOf = ({ expiry = "keep" }: Options): Request["expiry"] =>
  typeof expiry === "string" ? expiry : { at: expiry.at.epochMilliseconds }

/** Checks what was asked for. */
export const requestOf = (ref: KeyRef, options: Options): Result.Result<Request, InvalidRequest> =>
  Result.gen(function* () {
    if (ref.id === "") return yield* invalid("id", "expected a key id, as create or list returned it")
    if (options.rotationId !== undefined && !Schema.is(RotationId)(options.rotationId)) {
      return yield* invalid("rotationId", "expected 1 to 100 printable ASCII characters without spaces")
    }
    const { holderCheck, holderCheckWithin, overlap, probe, sink, store, tenant } = options
    for (const [field, name] of Object.entries({ store, tenant, sink, probe, holderCheck })) yield* nameOf(field, name)
    return {
      overlap: yield* millis("overlap", overlap, 0),
      sink,
      ...(probe === undefined ? {} : { probe }),
      ...(holderCheck === undefined ? {} : { holderCheck }),
      holderCheckWithin: yield* millis("holderCheckWithin", holderCheckWithin ?? defaultHolderCheckWithin, 1),
      expiry: expiryOf(options),
      force: options.force ?? false
    }
  })

/** A rotation that has not begun yet. */
export const recordOf =
  (id: RotationId, ref: KeyRef, { store, tenant }: Options, request: Request) =>
  (now: number): RotationRecord => ({
    id,
    store,
    ...(tenant === undefined ? {} : { tenant }),
    old: { id: ref.id, ...(ref.owner === undefined ? {} : { owner: ref.owner }) },
    request,
    status: "running",
    step: "plan",
    attempt: 1,
    discarded: [],
    handOffBegun: false,
    handedOver: false,
    stillUsed: false,
    revokeBegun: false,
    abortRequested: false,
    retries: 0,
    pause: 0,
    run: 1,
    epoch: 0,
    leaseUntil: now,
    createdAt: now,
    updatedAt: now
  })

const sameRequest = Schema.toEquivalence(Request)

/** Whether a record is that of what is asked for now. */
export const isSame = (record: RotationRecord, asked: RotationRecord): boolean =>
  record.store === asked.store &&
  record.tenant === asked.tenant &&
  record.old.id === asked.old.id &&
  sameRequest(record.request, asked.request)
