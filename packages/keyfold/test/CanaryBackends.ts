/** Every backend of the campaign, with marked secrets: the HTTP ones as emulators on real sockets. */
import type { Records } from "@keyfold/canary/Canary"
import * as Arthur from "@keyfold/arthur/Arthur"
import { promised } from "@keyfold/core/Capabilities"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Driver } from "@keyfold/core/Driver"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import * as ArthurEmulator from "@keyfold/emulators/Arthur"
import type { Emulator, StoredKey } from "@keyfold/emulators/Emulator"
import * as OccamEmulator from "@keyfold/emulators/Occam"
import * as WhyLabsEmulator from "@keyfold/emulators/WhyLabs"
import type { ConnectionOptions } from "@keyfold/http/Transport"
import * as FetchServer from "@keyfold/node/FetchServer"
import * as Occam from "@keyfold/occam/Occam"
import * as Sql from "@keyfold/sql/Sql"
import * as WhyLabs from "@keyfold/whylabs/WhyLabs"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { join } from "node:path"
import { given, redacted, type Canaries } from "./CanaryPlants.ts"

export type AnyEmulator = Emulator<never, StoredKey>

type MakeDriver = Effect.Effect<Driver, ConfigurationError, Scope.Scope>

/** One backend while a situation lasts. */
export interface World {
  readonly emulator?: AnyEmulator
  readonly baseUrl?: string
  /** The driver as an application makes it, with other options where a situation asks for them. */
  readonly driver: (changes?: Changes) => MakeDriver
  /** Makes every token on the way worthless, so that the next call needs a new one. */
  readonly forgetTokens?: () => void
  readonly owner?: string
  /** Secrets of several words that the server is sent. */
  readonly sent?: ReadonlyArray<string>
  /** What a test can get hold of besides: options, request logs. */
  readonly values: () => Records
}

export interface Changes {
  readonly timeout?: Duration.Duration
  readonly baseUrl?: string
}

export interface Backend {
  readonly name: string
  readonly kind: "http" | "dialect" | "file" | "memory"
  readonly world: (folder: string, canaries: Canaries) => Effect.Effect<World, ConfigurationError, Scope.Scope>
  /** Options that keep the store from booting, each with a secret in them. */
  readonly unbootable: ReadonlyArray<(baseUrl: string, folder: string) => MakeDriver>
}

/** An emulator on a socket, with every secret it hands out on record. */
const serve = Effect.fnUntraced(function* (emulator: AnyEmulator, canaries: Canaries) {
  const { url } = yield* FetchServer.serve({
    fetch: async (request) => {
      const response = await emulator.fetch(request)
      if (!response.ok || response.body === null) return response
      const [first, second] = response.body.tee()
      void new Response(second).text().then(canaries.collect, () => undefined)
      return new Response(first, response)
    }
  })
  return url
})

const overHttp = <Options extends object>(
  make: (options: Options) => MakeDriver,
  options: Options & { readonly baseUrl: string },
  emulator: AnyEmulator
) => ({
  emulator,
  baseUrl: options.baseUrl,
  driver: (changes: Changes = {}) => make({ ...options, ...changes }),
  values: (): Records => [
    ["options", options],
    ["request log", emulator.requests.all]
  ]
})

const organization = "org-7Kd3mQ"
const owner = "user-123"

/** Addresses that no store accepts, with a secret where a person might put one. */
const badAddresses = (baseUrl: string, secret: string): ReadonlyArray<string> => [
  baseUrl.replace("http://", `http://ann:${encodeURIComponent(secret)}@`),
  `${baseUrl}/?key=${encodeURIComponent(secret)}`,
  `${baseUrl}#${encodeURIComponent(secret)}`,
  `http://far.example/${encodeURIComponent(secret)}`,
  secret
]

/** Options of every HTTP store that keep it from booting; the connection's only where a transport takes them. */
type HttpChanges = { readonly baseUrl: string } & ConnectionOptions

const unbootableHttp = (make: (options: HttpChanges) => MakeDriver, secret: string): Backend["unbootable"] => {
  const pem = redacted(`-----BEGIN CERTIFICATE-----\n${secret}`)
  return [
    ...[0, 1, 2, 3, 4].map(
      (index) => (baseUrl: string) => make({ baseUrl: badAddresses(baseUrl, secret)[index] ?? "" })
    ),
    (baseUrl) => make({ baseUrl, proxy: redacted(`gopher://ann:${encodeURIComponent(given.proxyPassword)}@proxy`) }),
    (baseUrl) => make({ baseUrl, proxy: redacted(given.proxyPassword) }),
    (baseUrl) => make({ baseUrl, proxy: Effect.fail(new Error(given.proxyPassword)) }),
    (baseUrl) => make({ baseUrl, ca: pem }),
    (baseUrl) => make({ baseUrl, clientCertificate: { certificate: pem, key: pem } })
  ]
}

const whylabs = (dialect: "v0" | "v1"): Backend => {
  const options = {
    apiKey: redacted(dialect === "v0" ? given.whylabsSystem : given.whylabsCaller),
    dialect,
    ...(dialect === "v0" ? { organization } : {})
  }
  return {
    name: `whylabs ${dialect}`,
    kind: dialect === "v0" ? "http" : "dialect",
    world: Effect.fnUntraced(function* (_folder, canaries) {
      const emulator = WhyLabsEmulator.make({
        organizations: [{ id: organization, tier: "PAID" }],
        lag: { visibility: 0, revocation: 0 },
        credentials: [
          { kind: "system", value: given.whylabsSystem },
          { kind: "caller", value: given.whylabsCaller, organization, scopes: [":administrator"] }
        ]
      })
      const baseUrl = yield* serve(emulator, canaries)
      return { ...overHttp(WhyLabs.make, { ...options, baseUrl }, emulator), ...(dialect === "v0" ? { owner } : {}) }
    }),
    unbootable: [
      ...unbootableHttp((changes) => WhyLabs.make({ ...options, ...changes }), given.whylabsSystem),
      (baseUrl) => WhyLabs.make({ apiKey: options.apiKey, baseUrl }),
      (baseUrl) => WhyLabs.make({ ...options, dialect: "v0", baseUrl, organization: given.whylabsSystem })
    ]
  }
}

const arthur: Backend = {
  name: "arthur",
  kind: "http",
  world: Effect.fnUntraced(function* (_folder, canaries) {
    const emulator = ArthurEmulator.make({ credentials: [{ kind: "master", value: given.arthurMaster }] })
    const baseUrl = yield* serve(emulator, canaries)
    return overHttp(Arthur.make, { apiKey: redacted(given.arthurMaster), baseUrl }, emulator)
  }),
  unbootable: unbootableHttp(
    (changes) => Arthur.make({ apiKey: redacted(given.arthurMaster), ...changes }),
    given.arthurMaster
  )
}

const occam = (login: "a key" | "a password"): Backend => {
  const username = "ann@example.com"
  const options = {
    ...(login === "a key"
      ? { apiKey: redacted(given.occamKey) }
      : { username, password: redacted(given.occamPassword) }),
    verifyByTokenExchange: true
  }
  return {
    name: `occam by ${login}`,
    kind: login === "a key" ? "http" : "dialect",
    world: Effect.fnUntraced(function* (_folder, canaries) {
      const user = { email: username, password: given.occamPassword, keys: [given.occamKey] }
      const emulator = OccamEmulator.make({ users: [user] })
      const baseUrl = yield* serve(emulator, canaries)
      return {
        ...overHttp(Occam.make, { ...options, baseUrl }, emulator),
        forgetTokens: emulator.rotateSigningKey,
        sent: login === "a key" ? [] : [given.occamPassword]
      }
    }),
    unbootable: [
      ...unbootableHttp((changes) => Occam.make({ ...options, ...changes }), given.occamKey),
      (baseUrl) => Occam.make({ ...options, apiKey: redacted(given.occamKey), username, baseUrl }),
      (baseUrl) => Occam.make({ password: redacted(given.occamPassword), baseUrl })
    ]
  }
}

const sql: Backend = {
  name: "sql",
  kind: "file",
  world: (folder) => {
    const options = {
      url: `sqlite:${join(folder, "data", "keys.db")}`,
      pepper: redacted(given.pepper),
      busyTimeout: Duration.millis(5)
    }
    return Effect.succeed({ driver: () => Sql.make(options), values: () => [["options", options]] })
  },
  unbootable: [
    ...[
      `postgres://ann:${encodeURIComponent(given.proxyPassword)}@127.0.0.1:1/keys`,
      `postgres://ann@127.0.0.1:1/keys?password=${encodeURIComponent(given.proxyPassword)}`,
      given.pepper,
      `mysql://${encodeURIComponent(given.pepper)}`
    ].map((url) => () => Sql.make({ url, pepper: redacted(given.pepper) })),
    () =>
      Sql.make({
        url: "postgres://ann@127.0.0.1:1/keys",
        password: redacted(given.proxyPassword),
        pepper: redacted(given.pepper)
      }),
    (_, folder) => Sql.make({ url: `sqlite:${join(folder, "nowhere", "keys.db")}`, pepper: redacted(given.pepper) }),
    (_, folder) =>
      Sql.make({ url: `sqlite:${join(folder, "data", "short.db")}`, pepper: redacted(given.pepper.slice(0, 25)) }),
    (_, folder) =>
      Sql.make({
        url: `sqlite:${join(folder, "data", "keys.db")}`,
        pepper: Effect.fail(new Error(given.pepper))
      })
  ]
}

const memory: Backend = {
  name: "memory",
  kind: "memory",
  world: () => {
    const driver = MemoryDriver.make()
    return Effect.succeed({ driver: () => Effect.succeed(driver), values: (): Records => [["driver", driver]] })
  },
  unbootable: []
}

export const backends: ReadonlyArray<Backend> = [
  whylabs("v0"),
  whylabs("v1"),
  arthur,
  occam("a key"),
  occam("a password"),
  sql,
  memory
]

/** The driver, with every secret it makes on record, and its backend settling at once so that closing takes no time. */
export const observed = (driver: Driver, canaries: Canaries): Driver => ({
  ...driver,
  capabilities: {
    ...driver.capabilities,
    consistency: { visibility: promised(0), settle: promised("20 millis") }
  },
  create: (request) =>
    Effect.tap(driver.create(request), ({ secret }) => Effect.sync(() => canaries.add(Redacted.value(secret))))
})
