/** What clients without safe create leave behind on the same backends under the same faults. */
import type { Mix } from "@keyfold/emulators/Faults"
import ky, { isHTTPError, type KyInstance, type Options } from "ky"
import { organization, owner, type BackendName } from "./backend.ts"
import { settle } from "./converge.ts"
import { serveEmulated } from "./emulated.ts"
import { eachFaultOnce } from "./plan.ts"
import { pauseScaled, realNow, type Scale } from "./scale.ts"
import type { Server } from "./server.ts"
import { makeTally } from "./tally.ts"
import { judge, type Truth } from "./truth.ts"

/** Names a client. */
export type ClientName = "ky" | "ky without retry" | "until it works"

/** The clients, in the order of the report. */
export const clientNames: ReadonlyArray<ClientName> = ["ky", "ky without retry", "until it works"]

type EmulatedName = Parameters<typeof serveEmulated>[0]

/** The time a request may take, in scaled milliseconds: ky's default. */
const timeout = 10_000

const mostTries = 8

/** ky with its default retry, on scaled time: the same counts, methods and statuses, and shorter waits. */
const retrying = ({ factor }: Scale): Options["retry"] => ({
  delay: (attempt) => (300 * 2 ** (attempt - 1)) / factor,
  maxRetryAfter: Math.max(1, 5_000 / factor)
})

const clientOf = (name: ClientName, scale: Scale): KyInstance =>
  ky.create({ timeout: timeout / scale.factor, retry: name === "ky" ? (retrying(scale) ?? 0) : 0 })

interface Request {
  readonly method: "post" | "put"
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly json?: object
}

const requestOf = (backend: BackendName, name: string): Request => {
  const query = { alias: name, scopes: ":write_data" }
  switch (backend) {
    case "whylabs-v0":
      return { method: "post", path: `v0/organizations/${organization}/api-key`, query: { user_id: owner, ...query } }
    case "whylabs-v1":
      return { method: "post", path: "v1/api-key", query }
    case "occam":
      return { method: "put", path: "keys/", json: { name } }
    default:
      return { method: "post", path: "auth/api_keys/", json: { description: name, roles: ["VALIDATION-USER"] } }
  }
}

const tokenFrom = async (server: Server, tries = mostTries): Promise<string> => {
  const response = await fetch(`${server.url}/auth/access-token?key=${encodeURIComponent(server.credential)}`).catch(
    () => undefined
  )
  const found: unknown = await response?.json().catch(() => undefined)
  if (typeof found === "object" && found !== null && "access_token" in found) return String(found.access_token)
  if (tries <= 0) throw new Error("the emulator gives no token")
  return tokenFrom(server, tries - 1)
}

const headersOf = async (backend: BackendName, server: Server): Promise<Readonly<Record<string, string>>> => {
  if (backend === "arthur") return { authorization: `Bearer ${server.credential}` }
  if (backend === "occam") return { authorization: `Bearer ${await tokenFrom(server)}` }
  return { "x-api-key": server.credential }
}

/** The texts of an answer; one of them is the secret. */
const textsIn = (value: unknown): ReadonlyArray<string> => {
  if (typeof value === "string") return [value]
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : []
}

interface Issued {
  readonly id: string
  readonly secret: string
}

interface Shop {
  readonly backend: EmulatedName
  readonly client: ClientName
  readonly http: KyInstance
  readonly headers: Readonly<Record<string, string>>
  readonly server: Server
  readonly scale: Scale
}

/** Creates one key and gives the secret; undefined where the client gives up. */
const create = async (shop: Shop, name: string, tries: number): Promise<Issued | undefined> => {
  const { backend, client, headers, http, scale, server } = shop
  const { json, method, path, query } = requestOf(backend, name)
  try {
    const answer: unknown = await http(`${server.url}/${path}`, {
      method,
      headers,
      ...(json === undefined ? {} : { json }),
      ...(query === undefined ? {} : { searchParams: query })
    }).json()
    const texts = textsIn(answer)
    const owners = await server.owners(texts)
    const at = owners.findIndex((id) => id !== undefined)
    const [id, secret] = [owners[at], texts[at]]
    if (id !== undefined && secret !== undefined) return { id, secret }
  } catch (error) {
    if (isHTTPError(error) && error.response.status < 429) throw error
  }
  if (client !== "until it works" || tries <= 1) return undefined
  await pauseScaled(scale, 500)
  return create(shop, name, tries - 1)
}

/** What one client left on one backend. */
export interface Naive extends Truth {
  readonly backend: BackendName
  readonly client: ClientName
  readonly operations: number
  readonly made: number
}

/** Says how a client is run. */
export interface NaiveOptions {
  readonly seed: number
  readonly factor: number
  readonly mix: Mix
  readonly operations: number
  readonly concurrency: number
}

type Holdings = Map<string, Array<Issued>>

const createAll = async (shop: Shop, names: ReadonlyArray<string>, concurrency: number, held: Holdings) => {
  const left = [...names]
  const one = async (): Promise<void> => {
    const name = left.shift()
    if (name === undefined) return
    const found = await create(shop, name, mostTries)
    if (found !== undefined) held.set(name, [found])
    await one()
  }
  await Promise.all(Array.from({ length: concurrency }, one))
}

/** Runs one client on one backend. */
export const runNaive = async (backend: EmulatedName, client: ClientName, options: NaiveOptions): Promise<Naive> => {
  const { concurrency, factor, mix, operations, seed } = options
  const scale: Scale = { origin: Math.trunc(realNow()), factor }
  const names = Array.from({ length: operations }, (_, index) => `op-${index}`)
  const unwatched = { watched: new Map(), passed: () => Promise.resolve() }
  const server = await serveEmulated(backend, { seed, scale, mix, forced: eachFaultOnce(names), ...unwatched })
  try {
    const tally = makeTally()
    const http = clientOf(client, scale)
    const headers = await headersOf(backend, server)
    await createAll({ backend, client, http, headers, server, scale }, names, concurrency, tally.held)
    server.calm()
    await settle(scale)
    return { backend, client, operations, made: await server.made(), ...(await judge(server, new Map(), tally, 0)) }
  } finally {
    await server.close()
  }
}
