/** A gateway without a socket over stores in memory, and callers of it. */
import type { Capabilities } from "@keyfold/core/Capabilities"
import { DriverError, type Driver } from "@keyfold/core/Driver"
import * as KeyStores from "@keyfold/core/KeyStores"
import type { Reason } from "@keyfold/core/KeyStoreError"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import * as Gateway from "@keyfold/gateway/Gateway"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** What a backend does instead of its work. */
export interface Backend {
  fault: Reason | undefined
  creates: number
}

/** A backend that can do little: its creates cannot be found again, and it cannot verify or count. */
export const poor: Capabilities = {
  ...MemoryDriver.capabilities,
  operations: { ...MemoryDriver.capabilities.operations, usage: "unsupported", verify: "unsupported" },
  usage: "unknown",
  createSafety: "none",
  tenancy: "none"
}

const failing = (driver: Driver, backend: Backend): Driver => {
  const { create, get } = driver
  const fault = Effect.suspend(() =>
    backend.fault === undefined
      ? Effect.void
      : Effect.fail(new DriverError({ reason: backend.fault, sent: backend.fault._tag === "Timeout" ? "maybe" : "no" }))
  )
  const { partition } = driver
  return {
    ...driver,
    create: (request) =>
      Effect.andThen(
        fault,
        Effect.suspend(() => {
          backend.creates += 1
          return create(request)
        })
      ),
    ...(get === undefined ? {} : { get: (ref) => Effect.andThen(fault, get(ref)) }),
    ...(partition === undefined ? {} : { partition: (tenant) => failing(partition(tenant), backend) })
  }
}

const definition = (capabilities: Capabilities, backend: Backend): KeyStores.StoreDefinition => ({
  backend: "memory",
  capabilities,
  driver: Effect.sync(() => {
    const driver = failing(MemoryDriver.make(), backend)
    if (capabilities.createSafety === "idempotent") return { ...driver, capabilities }
    const { findOperation: _findOperation, partition: _partition, partitions: _partitions, ...rest } = driver
    return { ...rest, capabilities }
  }),
  retry: { attempts: 1 }
})

/** Where a test's database is, until its scope closes. */
export const database = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "keyfold-gateway-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  ),
  (folder): Gateway.Database => ({
    url: `sqlite:${join(folder, "gateway.db")}`,
    pepper: Redacted.make("0123456789abcdef0123456789abcdef")
  })
)

/** The stores of the tenants acme, globex, team-1 and the like, and poor. */
export const stores = Effect.gen(function* () {
  const rich: Backend = { fault: undefined, creates: 0 }
  const plain: Backend = { fault: undefined, creates: 0 }
  const opened = yield* KeyStores.make({
    stores: { rich: definition(MemoryDriver.capabilities, rich), plain: definition(poor, plain) },
    tenants: { acme: "rich", globex: "rich", "team-*": "rich", poor: "plain" },
    // A memory store that is closed forgets its keys.
    idle: "1000 days"
  })
  return { rich, plain, opened }
})

/** What a test asks. */
export interface Ask {
  readonly key?: string | undefined
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** A response, read. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: Readonly<Record<string, unknown>>
}

const parsed = (text: string): Answer["json"] => {
  try {
    return JSON.parse(text)
  } catch {
    return {}
  }
}

/** Asks a fetch function. */
export const asking =
  (fetch: (request: Request) => Promise<Response>, base = "http://gateway.test") =>
  (line: string, { body, headers = {}, key }: Ask = {}): Effect.Effect<Answer> => {
    const [method = "GET", path = "/"] = line.split(" ")
    const isRaw = typeof body === "string"
    return Effect.promise(async () => {
      const response = await fetch(
        new Request(`${base}${path}`, {
          method,
          headers: {
            ...(body === undefined ? {} : { "content-type": "application/json" }),
            ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
            ...headers
          },
          ...(body === undefined ? {} : { body: isRaw ? body : JSON.stringify(body) })
        })
      )
      const text = await response.text()
      return { status: response.status, headers: response.headers, text, json: parsed(text) }
    })
  }

type Opened = Effect.Success<typeof stores>["opened"]

/** Makes a gateway and an administrator's key; `made` makes options that need the open stores. */
export const make = Effect.fnUntraced(function* (
  more: Partial<Gateway.Options> = {},
  journaled = false,
  made: (opened: Opened) => Effect.Effect<Partial<Gateway.Options>, never, Scope.Scope> = () => Effect.succeed({})
) {
  const { opened, plain, rich } = yield* stores
  const at = yield* database
  const { secret } = yield* Gateway.init(at)
  const { audit, fetch } = yield* Gateway.handler({
    backends: Gateway.fromKeyStores(opened, journaled),
    database: at,
    ...more,
    ...(yield* made(opened))
  })
  const caller = (...grants: ReadonlyArray<string>) =>
    Effect.map(Gateway.createCaller(at, { grants }), (issued) => Redacted.value(issued.secret))
  return { admin: Redacted.value(secret), ask: asking(fetch), fetch, audit, caller, at, rich, plain }
})
