/** The four operations on the calling user's keys. */
import { detail, empty, json, plain } from "../fastapi/answers.ts"
import { wallClock } from "../fastapi/times.ts"
import type { Switches } from "../../Occam.ts"
import { Refusal } from "../refusal.ts"
import type { Outgoing } from "../respond.ts"
import { hide, isUuid, keyOf } from "./keys.ts"
import type { Caller } from "./security.ts"
import type { Row, View } from "./table.ts"
import { usageOf } from "./usage.ts"
import type { World } from "./world.ts"

const visibleKey = (row: Row): Outgoing => json(200, { uuid: row.id, api_key: row.secret })

const newSecret = (world: World, id: string): string =>
  keyOf(world.switches().secretHex === "uuid" ? id : crypto.randomUUID())

const sameName = (world: World, caller: Caller, name: string): Row | undefined => {
  const { deletedNamesCount, repeatedName } = world.switches()
  const refuses = repeatedName === "conflict" || repeatedName === "badRequest"
  return world.table.named(caller.email, name).find((row) => !row.deleted || (refuses && deletedNamesCount))
}

const repeat = (world: World, row: Row): Outgoing | undefined => {
  const taken = "API key with this name already exists"
  switch (world.switches().repeatedName) {
    case "newKey":
      return undefined
    case "returnsFirst":
      return visibleKey(row)
    case "rotates":
      world.table.rotate(row, keyOf(crypto.randomUUID()))
      return visibleKey(row)
    case "conflict":
      throw detail(409, taken)
    case "badRequest":
      throw detail(400, taken)
  }
}

/** Creates a key, or treats a repeated name as the switch says. */
export const create = (world: World, caller: Caller, name: string): Outgoing => {
  const existing = sameName(world, caller, name)
  const repeated = existing === undefined ? undefined : repeat(world, existing)
  if (repeated !== undefined) return repeated
  if (world.table.countLive(caller.email) >= world.maxKeys) {
    throw detail(world.switches().limitStatus, "API key limit reached")
  }
  const id = crypto.randomUUID()
  const secret = newSecret(world, id)
  const times = { created: world.clock.wall(), committedAt: world.clock.now() }
  const row = world.table.insert({ ...times, id, email: caller.email, name, secret, origin: "created" })
  return { ...visibleKey(row), created: id }
}

const suffixes = { offset: "+00:00", zulu: "Z", none: "" }

const time = (epochMilliseconds: number, zone: Switches["createdZone"]) => wallClock(epochMilliseconds) + suffixes[zone]

const lastUsed = (row: Row, { lastUsedZone, neverUsed }: Switches): { readonly last_used?: string | null } => {
  if (row.lastUsed !== undefined) return { last_used: time(row.lastUsed, lastUsedZone) }
  switch (neverUsed) {
    case "null":
      return { last_used: null }
    case "absent":
      return {}
    case "created":
      return { last_used: time(row.created, lastUsedZone) }
    case "epoch":
      return { last_used: time(0, lastUsedZone) }
  }
}

const hiddenKey = (row: Row, switches: Switches) => ({
  uuid: row.id,
  name: row.name,
  api_key: hide(row.secret, switches.mask),
  created: time(row.created, switches.createdZone),
  ...lastUsed(row, switches)
})

/** Lists the caller's keys. */
export const list = (world: World, caller: Caller): Outgoing => {
  const switches = world.switches()
  const shown = world.table
    .visible(caller.email)
    .filter(({ deleted }) => switches.listIncludesDeleted || !deleted)
    .map(({ row }) => hiddenKey(row, switches))
  return json(200, switches.listOrder === "newestFirst" ? shown.toReversed() : shown)
}

const notFound = () => detail(404, "API key not found")
const internalError = () => new Refusal(plain(500, "Internal Server Error"))
const failure = (status: 404 | 500): Refusal => (status === 404 ? notFound() : internalError())

// Refuses what is no UUID or belongs to somebody else; undefined is an unknown key.
const own = <Found extends { readonly email: string }>(
  world: World,
  caller: Caller,
  id: string,
  found: Found | undefined
): Found | undefined => {
  const { foreignKey, malformedUuid } = world.switches()
  if (!isUuid(id)) throw failure(malformedUuid)
  if (found === undefined || found.email === caller.email) return found
  if (foreignKey === "forbidden") throw detail(403, "Not enough permissions")
  return undefined
}

const deleteAnswer = (world: World): Outgoing => {
  switch (world.switches().deleteBody) {
    case "null":
      return json(200, null)
    case "object":
      return json(200, {})
    case "empty":
      return empty(200)
    case "noContent":
      return empty(204)
  }
}

/** Deletes one key. */
export const revoke = (world: World, caller: Caller, id: string): Outgoing => {
  const { repeatedDelete, unknownDelete } = world.switches()
  const row = own(world, caller, id, world.table.find(id.toLowerCase()))
  const status = row === undefined ? unknownDelete : row.deleted ? repeatedDelete : 200
  if (status !== 200) throw failure(status)
  if (row?.deleted === false) world.table.remove(row)
  return deleteAnswer(world)
}

/** Reports the usage of one key. */
export const usage = (world: World, caller: Caller, id: string): Outgoing => {
  const { unknownUsage, usageOfDeleted } = world.switches()
  const view: View | undefined = world.table.see(id.toLowerCase())
  const row = own(world, caller, id, view?.row)
  if (row === undefined) throw failure(unknownUsage)
  if (view?.deleted === true && usageOfDeleted !== "reported") throw failure(usageOfDeleted)
  return json(200, usageOf(world, row))
}
