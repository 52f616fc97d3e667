/** Clients as they should be: each create has an idempotency key, and who gets no answer asks another gateway the same. */
import { setTimeout as delay } from "node:timers/promises"
import { isDone, type Create, type Kind, type Ledger, type Revoke } from "./ledger.ts"
import { idIn, send, type Answer, type Ask } from "./wire.ts"
import { tenants, type Tenant, type World } from "./world.ts"

/** What clients are made from. */
export interface ClientOptions {
  readonly prefix: string
  readonly seed: number
  /** Without, they repeat a create as if it were a new one: what the campaign must notice. */
  readonly idempotent: boolean
}

/** A generator of numbers from 0 to 1 that repeats itself from a seed (mulberry32). */
const drawsFrom = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

interface Client {
  readonly world: World
  readonly ledger: Ledger
  readonly options: ClientOptions
  readonly draw: () => number
  gateway: number
}

const ask = async (
  client: Client,
  kind: Kind,
  tenant: Tenant,
  asked: Omit<Ask, "key" | "path"> & { path?: string }
) => {
  const { ledger, world } = client
  const began = Date.now()
  const { gateways, key } = world
  const gateway = gateways[client.gateway % gateways.length]
  const path = `/v1/tenants/${tenant}/${asked.path ?? "keys"}`
  const answer = await send(gateway?.url() ?? "", { ...asked, key, path })
  const { problem, status } = answer
  ledger.events.push({ began, at: Date.now(), kind, tenant, status, problem })
  // Whoever gets no answer, or hears of trouble, turns to the other one.
  if (status === 0 || status >= 500) client.gateway += 1
  return answer
}

const made = (create: Create, answer: Answer): void => {
  create.state = "made"
  create.id = idIn(answer)
  const { operationId, secret } = answer.json
  create.operationId = String(operationId)
  if (typeof secret === "string") create.secret = secret
}

const tryCreate = async (client: Client, create: Create): Promise<void> => {
  create.requests += 1
  const { idempotent } = client.options
  const answer = await ask(client, "create", create.tenant, {
    method: "POST",
    body: { name: create.name },
    idempotencyKey: idempotent ? create.name : undefined
  })
  if (isDone(answer) || (answer.problem === "conflict" && idIn(answer) !== undefined)) made(create, answer)
}

const tryRevoke = async (client: Client, revoke: Revoke): Promise<void> => {
  const path = `keys/${encodeURIComponent(revoke.id)}`
  const answer = await ask(client, "revoke", revoke.tenant, { method: "DELETE", path })
  if (isDone(answer)) revoke.state = "done"
}

const pause = 100

const insist = async (item: { readonly state: string }, again: () => Promise<void>, isOver: () => boolean) => {
  for (;;) {
    await again()
    if (item.state !== "open" || isOver()) return
    await delay(pause)
  }
}

const createOne = async (client: Client, tenant: Tenant, isOver: () => boolean): Promise<Create> => {
  const { ledger, options } = client
  const name = `${options.prefix}-${ledger.creates.length}`
  const create: Create = { name, tenant, state: "open", id: undefined, secret: undefined, operationId: "", requests: 0 }
  ledger.creates.push(create)
  await insist(create, () => tryCreate(client, create), isOver)
  return create
}

const revokeOne = async (client: Client, isOver: () => boolean): Promise<void> => {
  const { draw, ledger } = client
  const taken = new Set(ledger.revokes.map(({ id }) => id))
  const free = ledger.creates.filter(({ id, state }) => state === "made" && id !== undefined && !taken.has(id))
  const chosen = free[Math.floor(draw() * free.length)]
  if (chosen?.id === undefined) return
  const revoke: Revoke = { id: chosen.id, tenant: chosen.tenant, state: "open" }
  ledger.revokes.push(revoke)
  await insist(revoke, () => tryRevoke(client, revoke), isOver)
}

const readOne = async (client: Client, tenant: Tenant): Promise<void> => {
  const { draw, ledger } = client
  const known = ledger.creates.filter((create) => create.tenant === tenant && create.secret !== undefined)
  const some = known[Math.floor(draw() * known.length)]
  const which = draw()
  if (some?.id === undefined || which < 0.4) {
    await ask(client, "list", tenant, { method: "GET", path: "keys?limit=20" })
  } else if (tenant === "acme" && which < 0.8) {
    await ask(client, "verify", tenant, { method: "POST", path: "verify", body: { secret: some.secret } })
  } else {
    await ask(client, "get", tenant, { method: "GET", path: `keys/${encodeURIComponent(some.id)}` })
  }
}

const work = async (client: Client, isOver: () => boolean): Promise<void> => {
  const { draw } = client
  while (!isOver()) {
    const tenant = tenants[draw() < 0.5 ? 0 : 1]
    // As a balancer would: one that was gone is asked again.
    client.gateway = draw() < 0.5 ? 0 : 1
    const what = draw()
    if (what < 0.4) await createOne(client, tenant, isOver)
    else if (what < 0.55) await revokeOne(client, isOver)
    else await readOne(client, tenant)
    await delay(draw() * 20)
  }
}

/** Asks for a new key and its revocation, and tells whether both were carried out in time. */
export const probe = async (
  world: World,
  ledger: Ledger,
  options: ClientOptions,
  tenant: Tenant,
  isOver: () => boolean
): Promise<boolean> => {
  const client: Client = { world, ledger, options, draw: drawsFrom(options.seed), gateway: 0 }
  const { id } = await createOne(client, tenant, isOver)
  if (id === undefined) return false
  const revoke: Revoke = { id, tenant, state: "open" }
  ledger.revokes.push(revoke)
  await insist(revoke, () => tryRevoke(client, revoke), isOver)
  return ledger.revokes.some((one) => one.id === id && one.state === "done")
}

/** Keeps so many clients at work until it is over; what they were not told by then stays open. */
export const load = async (
  world: World,
  ledger: Ledger,
  options: ClientOptions,
  clients: number,
  isOver: () => boolean
): Promise<void> => {
  await Promise.all(
    Array.from({ length: clients }, (_, index) =>
      work({ world, ledger, options, draw: drawsFrom(options.seed * 1000 + index), gateway: index }, isOver)
    )
  )
}

/** Asks for what is still open until it is settled, or gives up; tells what is left. */
export const settle = async (world: World, ledger: Ledger, options: ClientOptions, within: number): Promise<number> => {
  const deadline = Date.now() + within
  const isOver = () => Date.now() > deadline
  const client: Client = { world, ledger, options, draw: drawsFrom(options.seed), gateway: 0 }
  const again = () => {
    client.gateway += 1
  }
  for (const create of ledger.creates.filter(({ state }) => state === "open")) {
    await insist(create, () => (again(), tryCreate(client, create)), isOver)
  }
  for (const revoke of ledger.revokes.filter(({ state }) => state === "open")) {
    await insist(revoke, () => (again(), tryRevoke(client, revoke)), isOver)
  }
  return [...ledger.creates, ...ledger.revokes].filter(({ state }) => state === "open").length
}
