/** What the campaign attacks: two gateways on one PostgreSQL, in front of a store in it and of an emulated Arthur. */
import { read } from "@keyfold/core/Label"
import * as Arthur from "@keyfold/emulators/Arthur"
import * as Gateway from "@keyfold/gateway/Gateway"
import * as FetchServer from "@keyfold/node/FetchServer"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Postgres } from "../chaos/postgres.ts"
import { makeGateway, type GatewayProcess } from "./gatewayProcess.ts"

/** The two tenants: one of the store in PostgreSQL, one of the emulated backend. */
export const tenants = ["acme", "globex"] as const

/** One of the two. */
export type Tenant = (typeof tenants)[number]

/** A key as its backend has it. */
export interface TrueKey {
  readonly id: string
  readonly name: string
  readonly isLive: boolean
}

/** The emulated backend, whose door can be shut. */
export interface Door {
  readonly close: () => Promise<void>
  readonly open: () => Promise<void>
  readonly keys: () => ReadonlyArray<TrueKey>
  /** The id of the live key that a secret belongs to. */
  readonly owner: (secret: string) => string | undefined
}

/** Everything there is. */
export interface World {
  readonly postgres: Postgres
  readonly url: string
  readonly gateways: ReadonlyArray<GatewayProcess>
  readonly door: Door
  readonly key: string
  /** The keys of a tenant, from the backend itself. */
  readonly truth: (tenant: Tenant) => Promise<ReadonlyArray<TrueKey>>
  readonly verifyAudit: () => Promise<boolean>
  readonly close: () => Promise<void>
}

const makeDoor = async (): Promise<readonly [door: Door, url: string, credential: string]> => {
  const credential = Arthur.makeCredential()
  const emulator = Arthur.make({ credentials: [{ kind: "master", value: credential }], log: 0, maxApiKeys: 1_000_000 })
  let scope = Scope.makeUnsafe()
  let port = 0
  const open = async () => {
    scope = Scope.makeUnsafe()
    const served = FetchServer.serve({ fetch: emulator.fetch, port })
    port = (await Effect.runPromise(Scope.provide(served, scope))).port
  }
  await open()
  const keys = () =>
    emulator.keys().map(({ id, label, revoked }) => ({ id, name: read(label).name ?? "", isLive: !revoked }))
  const owner = (secret: string) => (emulator.accepts(secret) ? emulator.owns(secret) : undefined)
  const close = () => Effect.runPromise(Scope.close(scope, Exit.void))
  return [{ open, close, keys, owner }, `http://127.0.0.1:${port}`, credential]
}

/** Clients of the campaign may send what they can. */
const unlimited = "caller: { requests: 10000000, within: 1 minute }, tenant: { requests: 10000000, within: 1 minute }"

const configuration = (url: string, door: string, limits: string): string =>
  [
    "stores:",
    `  local: { adapter: sql, url: "${url}", pepper: { file: ./secrets/pepper } }`,
    `  guard: { adapter: arthur, baseUrl: "${door}", apiKey: { env: ARTHUR_API_KEY },`,
    "    defaults: { scopes: [write] }, scopeMap: { write: [VALIDATION-USER] } }",
    "tenants: { acme: local, globex: guard }",
    `journal: { url: "${url}", secret: { file: ./secrets/journal } }`,
    "gateway:",
    `  url: "${url}"`,
    "  pepper: { file: ./secrets/pepper }",
    "  port: 0",
    "  shutdown: 5 seconds",
    `  limits: { ${limits} }`,
    ""
  ].join("\n")

const secretOf = (name: string): string => `a ${name} for a campaign that is long enough`

const write = (folder: string, text: string): void => {
  mkdirSync(join(folder, "secrets"))
  for (const name of ["pepper", "journal"]) {
    writeFileSync(join(folder, "secrets", name), secretOf(name), { mode: 0o600 })
  }
  writeFileSync(join(folder, "keyfold.yaml"), text)
}

const rowsOf = async (postgres: Postgres, url: string): Promise<ReadonlyArray<TrueKey>> => {
  const rows = await postgres.query(
    url,
    "SELECT id, name, revoked_at IS NULL FROM keyfold_keys WHERE tenant = 'acme' AND name IS NOT NULL"
  )
  return rows.map(([id = "", name = "", live]) => ({ id, name, isLive: live === "t" }))
}

const isIntact = (database: Gateway.Database) =>
  Effect.scoped(Effect.flatMap(Gateway.openAudit(database), (audit) => audit.verify())).pipe(
    Effect.map(({ intact }) => intact)
  )

/** Makes the world in an empty folder and an empty database, with both gateways running. */
export const makeWorld = async (
  postgres: Postgres,
  url: string,
  folder: string,
  limits: string = unlimited
): Promise<World> => {
  const [door, doorUrl, credential] = await makeDoor()
  write(folder, configuration(url, doorUrl, limits))
  const env = { ARTHUR_API_KEY: credential }
  const gateways = [makeGateway(folder, env), makeGateway(folder, env)]
  await Promise.all(gateways.map((gateway) => gateway.start()))
  const database = { url, pepper: Redacted.make(secretOf("pepper")) }
  const { secret } = await Effect.runPromise(Gateway.init(database))
  return {
    postgres,
    url,
    gateways,
    door,
    key: Redacted.value(secret),
    truth: (tenant) => (tenant === "acme" ? rowsOf(postgres, url) : Promise.resolve(door.keys())),
    verifyAudit: () => Effect.runPromise(isIntact(database)),
    close: async () => {
      await Promise.all(gateways.map((gateway) => gateway.stop()))
      await door.close()
    }
  }
}
