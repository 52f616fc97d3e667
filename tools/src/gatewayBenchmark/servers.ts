/** The servers of the benchmark, each in a process of its own, and the requests they are sent. */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { message, start } from "../measurement/processes.ts"
import * as betterAuth from "../sqlBenchmark/betterAuth.ts"
import { ownerName, perOwner } from "../sqlBenchmark/client.ts"
import type { Databases } from "../sqlBenchmark/databases.ts"
import * as gateway from "./gateway.ts"
import type { Wanted } from "./peerServer.ts"
import type { Request } from "./request.ts"

/** What is asked of a server. */
export type Operation = "verify" | "list"

/** A server that runs. */
export interface Server {
  readonly name: string
  readonly url: string
  readonly pid: number
  /** The files with the requests of each operation. */
  readonly requests: Readonly<Record<Operation, string>>
  readonly stop: () => Promise<void>
}

/** What servers are started with: databases with keys, and the secrets of these. */
export interface Ground {
  readonly folder: string
  readonly databases: Databases
  readonly owners: number
  readonly keypal: string | undefined
  readonly node: ReadonlyArray<string>
  readonly secretsOf: (seed: string) => ReadonlyArray<string>
}

const json = { "content-type": "application/json" }

const numbers = (length: number): ReadonlyArray<number> => Array.from({ length }, (_, number) => number)

const writeRequests = (folder: string, made: Readonly<Record<Operation, ReadonlyArray<Request>>>) => {
  const home = mkdtempSync(join(folder, "requests-"))
  const fileOf = (operation: Operation) => {
    const file = join(home, `${operation}.json`)
    writeFileSync(file, JSON.stringify(made[operation]), { mode: 0o600 })
    return file
  }
  return { verify: fileOf("verify"), list: fileOf("list") }
}

const verifying = (secrets: ReadonlyArray<string>, path: string, headers: Readonly<Record<string, string>> = {}) =>
  secrets.map((secret): Request => ({
    method: "POST",
    path,
    headers: { ...json, ...headers },
    body: JSON.stringify({ secret })
  }))

const startPeer = async (wanted: Wanted) => {
  const child = start(join(import.meta.dirname, "peerServer.ts"), [JSON.stringify(wanted)])
  const url = await message<string>(child)
  const stop = () =>
    new Promise<void>((resolve) => {
      child.once("exit", () => resolve())
      child.disconnect()
    })
  return { url, pid: child.pid ?? 0, stop }
}

const startGateway = async (name: string, { databases, folder, node, owners, secretsOf }: Ground): Promise<Server> => {
  const place = await databases.copy("keyfold")
  if (place.engine !== "sqlite") throw new Error("the gateway is measured on SQLite")
  const served = await gateway.serve(mkdtempSync(join(folder, "gateway-")), place.file, node)
  const headers = { authorization: `Bearer ${served.credential}` }
  const root = `/v1/tenants/${gateway.tenant}`
  const requests = writeRequests(folder, {
    verify: verifying(secretsOf("keyfold"), `${root}/verify`, headers),
    list: numbers(owners).map((owner) => ({
      method: "GET",
      path: `${root}/keys?owner=${ownerName(owner)}&limit=${perOwner}`,
      headers
    }))
  })
  const stop = async () => {
    await served.stop()
    await databases.drop(place)
  }
  return { name, url: served.url, pid: served.pid, requests, stop }
}

const ask = async ({ requests, url }: Server, operation: Operation): Promise<string> => {
  const [request]: ReadonlyArray<Request> = JSON.parse(readFileSync(requests[operation], "utf8"))
  if (request === undefined) throw new Error("there are no requests")
  const { body, headers, method, path } = request
  const answer = await fetch(url + path, { method, headers, ...(body === undefined ? {} : { body }) })
  if (!answer.ok) throw new Error(`the gateway answered ${answer.status}`)
  return answer.text()
}

/** Answers what the gateway answers, from memory. */
const startBare = async (name: string, ground: Ground): Promise<Server> => {
  const model = await startGateway(name, { ...ground, node: [] })
  const [verification, page] = [await ask(model, "verify"), await ask(model, "list")]
  await model.stop()
  const peer = await startPeer({ kind: "bare", verification, page })
  return { name, ...peer, requests: model.requests }
}

const startBetterAuth = async (name: string, ground: Ground): Promise<Server> => {
  const { databases, folder, keypal, owners, secretsOf } = ground
  const place = await databases.copy("better-auth")
  const client = await betterAuth.open(place, { owners: undefined, keypal })
  const cookies = await Promise.all(numbers(owners).map(client.cookieOf))
  await client.close()
  const peer = await startPeer({ kind: "better-auth", place, keypal })
  const requests = writeRequests(folder, {
    verify: verifying(secretsOf("better-auth"), "/verify"),
    list: cookies.map((cookie) => ({
      method: "GET",
      path: `/api/auth/api-key/list?limit=${perOwner}`,
      headers: { cookie }
    }))
  })
  const stop = async () => {
    await peer.stop()
    await databases.drop(place)
  }
  return { name, ...peer, requests, stop }
}

const startKeypal = async (name: string, ground: Ground, tracking: boolean): Promise<Server> => {
  const { databases, folder, keypal, owners, secretsOf } = ground
  const place = await databases.copy("keypal")
  const peer = await startPeer({ kind: "keypal", place, keypal, tracking })
  const requests = writeRequests(folder, {
    verify: verifying(secretsOf("keypal"), "/verify"),
    list: numbers(owners).map((owner) => ({ method: "GET", path: `/list?owner=${owner}`, headers: {} }))
  })
  const stop = async () => {
    await peer.stop()
    await databases.drop(place)
  }
  return { name, ...peer, requests, stop }
}

/** A server that can be started, and whose keys it needs. */
export interface Startable {
  readonly name: string
  readonly seed: "keyfold" | "better-auth" | "keypal"
  readonly start: (ground: Ground) => Promise<Server>
}

const startable = (
  name: string,
  seed: Startable["seed"],
  start: (name: string, ground: Ground) => Promise<Server>
): Startable => ({ name, seed, start: (ground) => start(name, ground) })

/** All servers; the first is what all are compared with, and the third the second once more. */
export const servers: ReadonlyArray<Startable> = [
  startable("bare node:http", "keyfold", startBare),
  startable("keyfold serve", "keyfold", startGateway),
  startable("keyfold serve, again", "keyfold", startGateway),
  startable("better-auth", "better-auth", startBetterAuth),
  startable("keypal", "keypal", (name, ground) => startKeypal(name, ground, true)),
  startable("keypal, no tracking", "keypal", (name, ground) => startKeypal(name, ground, false))
]
