/** Finding keys by the attempt that made them: by their marks, or by the operation a backend knows itself. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import type { ApiKey } from "../ApiKey.ts"
import type { Driver, DriverError, FoundOperation } from "../Driver.ts"
import { statuses } from "../KeyList.ts"
import * as Label from "../Label.ts"
import type { OperationId } from "../OperationId.ts"
import { listAll, together } from "./derive.ts"
import { retrying, type CallFailure, type Engine } from "./retry.ts"

/** A live key with a mark that this store's secret wrote. */
export type Marked = readonly [key: ApiKey, mark: Label.Mark]

/** Whether marks come back as they were written: `lost` once a key of ours was seen without its mark. */
export type Survival = "unknown" | "survives" | "lost"

/** Finds the keys of one store's creates. */
export interface Finder {
  /** Live keys of one attempt, by its mark; one list serves all who ask together. */
  readonly marked: (nonce: string) => Effect.Effect<ReadonlyArray<ApiKey>, CallFailure>
  /** The key a backend keeps under an operation id itself. */
  readonly operation: (operationId: OperationId) => Effect.Effect<FoundOperation | undefined, CallFailure>
  /** Live keys of one attempt, by whatever means the backend has. */
  readonly made: (operationId: OperationId, nonce: string) => Effect.Effect<ReadonlyArray<ApiKey>, CallFailure>
  /** Every live key with a mark of ours. */
  readonly all: Effect.Effect<ReadonlyArray<Marked>, CallFailure>
  /** Looks at the mark of a key that was just made, now and in every later list until it was seen. */
  readonly readBack: (id: string) => Effect.Effect<Survival, CallFailure>
  readonly survival: () => Survival
}

interface Expectation {
  id: string | undefined
  survival: Survival
}

/** Verifying a mark costs a digest, so only those that are wanted are verified. */
const consider = Effect.fnUntraced(function* (
  codec: Label.Codec,
  expectation: Expectation,
  key: ApiKey,
  isWanted: (mark: Label.Mark) => boolean
): Effect.fn.Return<ReadonlyArray<Marked>> {
  const label = key.name ?? ""
  const { mark } = Label.read(label)
  // A driver may list more than it was asked for.
  const isLive = key.status !== "revoked"
  const isExpected = key.id === expectation.id && expectation.survival === "unknown"
  if (!isExpected && (!isLive || mark === undefined || !isWanted(mark))) return []
  const trusted = yield* codec.trusted(label)
  if (isExpected) expectation.survival = trusted === undefined ? "lost" : "survives"
  return isLive && trusted !== undefined && isWanted(trusted) ? [[key, trusted]] : []
})

/** How long those who look for keys wait for each other, so that one list serves many. */
const gathering = "20 millis"

const everyLive = { owner: undefined, statuses: statuses({}) }

const collect = (
  driver: Driver,
  codec: Label.Codec,
  expectation: Expectation,
  isWanted: (mark: Label.Mark) => boolean
): Effect.Effect<ReadonlyArray<Marked>, DriverError> =>
  Effect.suspend(() => {
    const found: Array<Marked> = []
    return listAll(driver, everyLive).pipe(
      Stream.runForEach((keys) =>
        Effect.forEach(
          keys,
          (key) => Effect.map(consider(codec, expectation, key, isWanted), (marked) => void found.push(...marked)),
          { discard: true }
        )
      ),
      Effect.as(found)
    )
  })

/** Makes the finder of one driver. */
export const make = (driver: Driver, engine: Engine, codec: Label.Codec): Finder => {
  const expectation: Expectation = { id: undefined, survival: "unknown" }
  const list = (isWanted: (mark: Label.Mark) => boolean) =>
    driver.capabilities.createSafety === "marker"
      ? retrying("list", engine, () => collect(driver, codec, expectation, isWanted))
      : Effect.succeed([])
  const turn = Semaphore.makeUnsafe(1)
  const byNonce = together(
    (wanted: ReadonlySet<string>) =>
      Effect.map(
        list(({ nonce }) => wanted.has(nonce)),
        (found): ReadonlyMap<string, ReadonlyArray<Marked>> => Map.groupBy(found, ([, { nonce }]) => nonce)
      ),
    // While one list is under way, all who come meanwhile share the next.
    (run) => turn.withPermit(Effect.andThen(Effect.sleep(gathering), run))
  )
  const { findOperation } = driver
  const marked = (nonce: string) => Effect.map(byNonce(nonce), (found) => (found ?? []).map(([key]) => key))
  const operation = (operationId: OperationId) =>
    findOperation === undefined ? Effect.undefined : retrying("get", engine, () => findOperation(operationId))
  const knows = driver.capabilities.createSafety === "idempotent"
  return {
    marked,
    operation,
    made: (operationId, nonce) =>
      knows
        ? Effect.map(operation(operationId), (found) =>
            found?.nonce === nonce && found.key.status !== "revoked" ? [found.key] : []
          )
        : marked(nonce),
    all: list(() => true),
    readBack: (id) =>
      Effect.suspend(() => {
        expectation.id = id
        return Effect.map(byNonce(""), () => expectation.survival)
      }),
    survival: () => expectation.survival
  }
}
