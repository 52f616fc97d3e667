/** One page of a tenant's rotations, the newest first. */
import type { KeyId } from "@keyfold/core/ApiKey"
import type { Rotations } from "@keyfold/lifecycle/Rotations"
import type { RotationError, Status } from "@keyfold/lifecycle/Rotation"
import type { RotationRecord } from "@keyfold/lifecycle/RotationStorage"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/** Where a page ends: the rotation that was told of last. */
export interface Place {
  readonly createdAt: number
  readonly id: string
}

/** Writes a cursor. It says nothing that the page does not. */
export const write = ({ createdAt, id }: Place): string =>
  Buffer.from(`${createdAt}.${id}`, "utf8").toString("base64url")

/** Reads a cursor; undefined where it is none. */
export const read = (cursor: string): Place | undefined => {
  const [, at, id] = /^(\d{1,15})\.([\x21-\x7e]{1,100})$/.exec(Buffer.from(cursor, "base64url").toString("utf8")) ?? []
  const place = at === undefined || id === undefined ? undefined : { createdAt: Number(at), id }
  return place !== undefined && write(place) === cursor ? place : undefined
}

const isBefore = (record: Place, place: Place): boolean =>
  record.createdAt < place.createdAt || (record.createdAt === place.createdAt && record.id < place.id)

/** What is asked for. */
export interface Asked {
  readonly tenant: string
  readonly statuses?: ReadonlyArray<Status> | undefined
  readonly key?: KeyId | undefined
  readonly before?: Place | undefined
  readonly limit: number
}

/** A page, and whether there are older ones. */
export interface Page {
  readonly records: ReadonlyArray<RotationRecord>
  readonly next: string | undefined
}

/** Reads a page. The storage reads from the oldest on, so that only the last ones are kept of what is read. */
export const page = (
  rotations: Rotations["Service"],
  { before, limit, ...filter }: Asked
): Effect.Effect<Page, RotationError> =>
  Effect.suspend(() => {
    const kept: Array<RotationRecord> = []
    return rotations.list(filter).pipe(
      Stream.takeWhile((record) => before === undefined || isBefore(record, before)),
      Stream.runForEach((record) =>
        Effect.sync(() => {
          if (kept.push(record) > limit + 1) kept.shift()
        })
      ),
      Effect.map(() => {
        const records = kept.toReversed().slice(0, limit)
        const last = records.at(-1)
        return { records, next: kept.length > limit && last !== undefined ? write(last) : undefined }
      })
    )
  })
