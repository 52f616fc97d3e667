/** What the operations of one emulator share. */
import type { Clock } from "../../Emulator.ts"
import type { Organization, Switches } from "../../WhyLabs.ts"
import { micronaut, Refusal, songbird } from "./answers.ts"
import type { Caller } from "./security.ts"
import type { Table, View } from "./table.ts"

/** The state an operation works on. */
export interface World {
  readonly clock: Clock
  readonly table: Table
  readonly organizations: ReadonlyMap<string, Organization>
  readonly switches: () => Switches
}

/** One authenticated, routed call. */
export interface Call {
  readonly caller: Caller
  readonly query: URLSearchParams
  readonly headers: Headers
  /** Path and query as received, for body B. */
  readonly href: string
  readonly requestId: string
}

/** Refuses with body A and the type every 400 of Songbird carries. */
export const illegalArgument = (call: Call, message: string): Refusal =>
  new Refusal(songbird(400, "IllegalArgument", message, call.requestId))

/** Refuses with the 404 of body A. */
export const notFound = (call: Call, resource: string, id: string): Refusal =>
  new Refusal(songbird(404, "ResourceNotFound", `Resource ${resource} with ID ${id} not found.`, call.requestId))

/** Fails with the 500 of body B. */
export const internalError = (call: Call, detail: string): Refusal =>
  new Refusal(micronaut(500, `Internal Server Error: ${detail}`, call.href))

/** Whether a row's owner reads back: the stored `ORG#…#USER#…` may hold no further `#`. */
export const ownerReadsBack = (userId: string): boolean => !userId.includes("#")

/** Maps index rows; one whose owner does not read back fails the whole read, revoked or not. */
export const readable = (call: Call, views: ReadonlyArray<View>): ReadonlyArray<View> => {
  for (const { row } of views) {
    if (!ownerReadsBack(row.userId)) throw internalError(call, "could not unconvert attribute user_id")
  }
  return views
}

/** Refuses a blank user id as the switch says; which status the server gives is unknown. */
export const refuseBlankUser = (world: World, call: Call, userId: string): void => {
  if (userId.trim() !== "") return
  if (world.switches().blankUserId === 400) throw illegalArgument(call, "Missing values: user_id")
  throw internalError(call, "Missing values: user_id")
}
