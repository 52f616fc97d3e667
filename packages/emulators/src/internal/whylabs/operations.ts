/** The operations both dialects are made of. */
import type { Organization } from "../../WhyLabs.ts"
import type { Outgoing } from "../respond.ts"
import { Refusal, success } from "./answers.ts"
import { generateKey, hashOf, keyIdOf } from "./keys.ts"
import { userApiKey } from "./render.ts"
import type { Row, View } from "./table.ts"
import { latestTime } from "./times.ts"
import { illegalArgument, internalError, notFound, ownerReadsBack, readable, refuseBlankUser } from "./world.ts"
import type { Call, World } from "./world.ts"

const shortestLifeMilliseconds = 60_000

/** Checks an expiration against the 60-second rule; exactly 60 s ahead passes. */
export const checkExpiration = (world: World, call: Call, expiration: bigint | undefined): number | undefined => {
  if (expiration === undefined) return undefined
  if (expiration < BigInt(world.clock.wall() + shortestLifeMilliseconds)) {
    throw illegalArgument(call, "Invalid expiration time")
  }
  const year10000 = 253_402_300_800_000n
  const refusesFarFuture = world.switches().farFutureExpiration === "internalError"
  if (expiration > BigInt(latestTime) || (refusesFarFuture && expiration >= year10000)) {
    throw internalError(call, "expiration time is out of range")
  }
  return Number(expiration)
}

/** Finds an organization that exists and is not deleted. */
export const organizationOf = (world: World, call: Call, id: string): Organization => {
  const organization = world.organizations.get(id)
  if (organization === undefined || organization.deleted === true) throw notFound(call, "Organization", id)
  return organization
}

/** Refuses a scope outside the accepted list; case and leading colon count. */
export const checkScopes = (
  call: Call,
  scopes: ReadonlyArray<string> | undefined,
  accepted: ReadonlyArray<string>
): void => {
  for (const scope of scopes ?? []) {
    if (!accepted.includes(scope)) throw illegalArgument(call, `Invalid scope provided: ${scope}`)
  }
}

/** What a new key is made of. */
export interface Mint {
  readonly organization: string
  readonly userId: string
  readonly expirationTime: number | undefined
  readonly scopes: ReadonlyArray<string> | undefined
  readonly alias: string | undefined
  readonly resourceId: string | undefined
}

/** Commits a new key and reads it back; the read-back of an owner with `#` fails although the key exists. */
export const mint = async (world: World, call: Call, fields: Mint): Promise<Outgoing> => {
  refuseBlankUser(world, call, fields.userId)
  const key = generateKey()
  const { clock } = world
  const times = { creationTime: clock.wall(), committedAt: clock.now() }
  const stored = { ...fields, ...times, key, keyId: keyIdOf(key), revoked: false }
  const row: Row = world.table.insert({ ...stored, origin: "created" })
  if (!ownerReadsBack(fields.userId)) {
    // The text of the real failure carries the key's hash too.
    const { answer } = internalError(call, `could not look up key after creation using hash ${await hashOf(key)}`)
    throw new Refusal({ ...answer, created: row.keyId })
  }
  const details = { key: `${key}:${fields.organization}`, lastUsed: true }
  return { ...success(userApiKey({ row, revoked: false }, world.switches(), details)), created: row.keyId }
}

/** Lists an organization's keys as its index shows them, without revoked ones. */
export const liveKeys = (world: World, call: Call, organization: string): ReadonlyArray<View> =>
  readable(call, world.table.byOrganization(organization)).filter((view) => view.revoked !== true)

/** Revokes one key of one owner; repeating it answers the same. */
export const revoke = (world: World, call: Call, organization: string, userId: string, keyId: string): Outgoing => {
  refuseBlankUser(world, call, userId)
  const matches = readable(call, world.table.byOwnerAndId(organization, userId, keyId))
  const [match] = matches
  if (match === undefined) {
    if (keyId === "" && world.switches().blankKeyId === 500) throw internalError(call, "key_id is empty")
    throw notFound(call, "ApiKey", keyId)
  }
  if (matches.length > 1) throw internalError(call, `more than one API key with ID ${keyId}`)
  if (match.revoked !== true) world.table.setRevoked(match.row, true)
  return success(userApiKey({ row: match.row, revoked: true }, world.switches(), { lastUsed: false }))
}
