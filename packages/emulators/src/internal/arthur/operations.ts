/** The four operations of the key router. */
import { detail, empty, json } from "../fastapi/answers.ts"
import { wallClock } from "../fastapi/times.ts"
import type { Outgoing } from "../respond.ts"
import { generateKey } from "./keys.ts"
import { repr } from "./python.ts"
import type { Row, View } from "./table.ts"
import type { NewKey } from "./validation.ts"
import type { World } from "./world.ts"

const notice =
  "Keep the value of key in a safe place. The engine stores only a hash of it and will not show it again; a lost key " +
  "has to be deactivated and replaced."

interface Extra {
  readonly key?: string
  readonly message: string
}

// Null members are omitted, never sent as null.
const apiKey = (world: World, { active, row }: View, extra: Extra) => ({
  id: row.id,
  ...(extra.key === undefined ? {} : { key: extra.key }),
  ...(row.description === null ? {} : { description: row.description }),
  is_active: active,
  created_at: wallClock(row.createdAt, world.serverOffsetMinutes),
  ...(active || row.deactivatedAt === undefined
    ? {}
    : { deactivated_at: wallClock(row.deactivatedAt, world.serverOffsetMinutes) }),
  message: extra.message,
  roles: row.roles
})

const refuseOutage = (world: World): void => {
  const { database } = world.switches()
  if (database === "down") throw detail(500, "Something went wrong.")
  if (database === "downAndLeaking") {
    throw detail(500, "Could not connect to postgresql+psycopg2://postgres:outage-password@db.internal:5432/genai")
  }
}

// PostgreSQL takes neither; the insert fails, and no key is made.
const refusesText = (text: string) => text.includes("\u0000") || !text.isWellFormed()

/** Mints a key. */
export const create = (world: World, request: NewKey): Outgoing => {
  refuseOutage(world)
  const refused = request.roles.filter((role) => role === "TENANT-USER")
  if (refused.length > 0) {
    const advice = "Tenant keys are issued by the tenant signup endpoint, POST /api/v2/tenant/signup."
    throw detail(400, `Roles ${repr(refused)} cannot be assigned to an API key here. ${advice}`)
  }
  if (world.table.countActive() >= world.maxApiKeys) throw detail(400, "Maximum number of active keys reached")
  if (world.switches().database === "postgresql" && refusesText(request.description ?? "")) {
    throw detail(500, "Something went wrong.")
  }
  const id = crypto.randomUUID()
  const row: Row = world.table.insert({
    ...request,
    id,
    secret: generateKey(id),
    organization: undefined,
    createdAt: world.processStart(),
    origin: "created",
    committedAt: world.clock.now(),
    active: true,
    deactivatedAt: undefined,
    deactivationCommittedAt: -Infinity
  })
  return { ...json(200, apiKey(world, { row, active: true }, { key: row.secret, message: notice })), created: id }
}

/** Lists the active keys of all organizations. */
export const list = (world: World): Outgoing => {
  refuseOutage(world)
  const active = world.table.visible().filter((view) => view.active)
  const ordered = world.switches().listOrder === "newestFirst" ? active.toReversed() : active
  return json(
    200,
    ordered.map((view) => apiKey(world, view, { message: "" }))
  )
}

/** Reads one key, deactivated ones included. */
export const get = (world: World, id: string): Outgoing => {
  refuseOutage(world)
  const view = world.table.see(id)
  if (view === undefined) throw detail(404, "API Key not found")
  return json(200, apiKey(world, view, { message: "" }))
}

/** Deactivates one key; a repeat succeeds too, and moves the time. */
export const revoke = (world: World, id: string): Outgoing => {
  refuseOutage(world)
  const row = world.table.find(id)
  if (row === undefined) throw detail(404, "API Key not found")
  world.table.deactivate(row)
  if (world.switches().deactivateAnswer === "noContent") return empty(204)
  return json(200, apiKey(world, { row, active: false }, { message: "" }))
}
