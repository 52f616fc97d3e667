/** The stores this repository promises to conform, ready for the suite. */
import * as Backend from "@keyfold/conformance/Backend"
import type * as Contract from "@keyfold/conformance/Contract"
import { KeyId } from "@keyfold/core/ApiKey"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Driver } from "@keyfold/core/Driver"
import * as KeyStore from "@keyfold/core/KeyStore"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import * as Emulators from "@keyfold/emulators/WhyLabs"
import { Fetch } from "@keyfold/http/Fetch"
import { serve } from "@keyfold/node/FetchServer"
import * as Sql from "@keyfold/sql/Sql"
import * as WhyLabs from "@keyfold/whylabs/WhyLabs"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"

export const foreignSecrets = [
  "kf_0000000000000000_nothing_at_all",
  "mem_short.secret",
  "abcdefghij.not-long-enough",
  "aGVsbG86d29ybGQ="
]

/** A store over a driver, with a backend that counts and breaks the driver's calls. */
export const overDriver = (
  make: Effect.Effect<Driver, ConfigurationError, Scope.Scope>,
  stated: Contract.Stated
): Contract.BackedSubject<Backend.DriverBackend> => ({
  samples: { foreignSecrets },
  ...stated,
  backend: Backend.fromDriver(make),
  layer: (options, { driver }) => KeyStore.layer(driver, options),
  driver: ({ driver }) => Effect.succeed(driver)
})

export const memory = overDriver(Effect.sync(MemoryDriver.make), { capabilities: MemoryDriver.capabilities })

const pepper = "a pepper for conformance that is long enough for everyone"

const sqlite = (path: Effect.Effect<string, never, Scope.Scope>) =>
  overDriver(
    Effect.flatMap(path, (name) => Sql.make({ url: `sqlite:${name}`, pepper: Redacted.make(pepper) })),
    { capabilities: Sql.sqliteCapabilities, credentials: [pepper] }
  )

export const sqlInMemory = sqlite(Effect.succeed(":memory:"))

export const sqlInFile = sqlite(
  Effect.acquireRelease(
    Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "keyfold-conformance-"))),
    (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true, force: true }))
  ).pipe(Effect.map((folder) => Path.join(folder, "keys.db")))
)

/** What an HTTP store under test is reached by. */
export interface Route {
  readonly url: string
  readonly fetch: typeof globalThis.fetch
}

/** A backend with the route to it. */
export interface Routed<E> extends Backend.EmulatorBackend<E> {
  readonly route: Route
}

/** Reaches an emulator by calling it. */
export const inProcess = <E>(fake: Backend.Fake<Backend.EmulatorBackend<E>>): Backend.Fake<Routed<E>> => ({
  ...fake,
  make: Effect.map(fake.make, (backend) => ({
    ...backend,
    route: { url: "http://localhost:8080", fetch: backend.fetch }
  }))
})

/** Reaches an emulator over a real socket. */
export const overSocket = <E extends { readonly fetch: typeof globalThis.fetch }>(
  fake: Backend.Fake<Backend.EmulatorBackend<E>>
): Backend.Fake<Routed<E>> => ({
  ...fake,
  make: Effect.gen(function* () {
    const backend = yield* fake.make
    const { url } = yield* serve({ fetch: backend.emulator.fetch })
    return { ...backend, route: { url, fetch: backend.track(globalThis.fetch) } }
  })
})

/** A way to reach an emulator. */
export type Reach = typeof overSocket

/** The same layer over the route's `fetch`. */
export const reaching = ({ fetch }: Route) => Layer.provide(Layer.succeed(Fetch, fetch))

const organization = "org-7Kd3mQ"
const system = Emulators.makeCredential()
const administrator = Emulators.makeCredential(organization)
/** The limit of a free organization. */
const keyLimit = 25

const songbird = (tier: "FREE" | "PAID") =>
  Backend.fromEmulator(
    (clock) =>
      Emulators.make({
        clock,
        organizations: [{ id: organization, tier }],
        credentials: [
          { kind: "system", value: system },
          { kind: "caller", value: administrator, organization, scopes: [":administrator"], userId: "administrator" }
        ]
      }),
    {
      foreignKey: (emulator) =>
        Effect.sync(() => {
          const [key] = emulator.seed({ organization, userId: "somebody-else", alias: "not ours" })
          return { id: KeyId.make(key?.id ?? "") }
        }),
      use: (emulator, { key: { id } }) =>
        Effect.promise(() => {
          emulator.touch(id)
          return emulator.flush()
        })
    }
  )

const whylabsSamples: Contract.Samples = {
  scopes: [":user", ":write_data"],
  unknownId: "Zz00Zz00Zz",
  malformedIds: ["with space", "../x", "a/b", "ключ"],
  foreignSecrets
}

/** WhyLabs v0 on a free organization, so that its limit is reached. */
export const whylabsV0 = (reach: Reach, more: Partial<WhyLabs.Options> = {}) => {
  const options: WhyLabs.Options = { apiKey: Redacted.make(system), organization, keyLimit, ...more }
  return {
    capabilities: WhyLabs.capabilities(options),
    samples: whylabsSamples,
    credentials: [system],
    backend: reach(songbird("FREE")),
    layer: (store, { route }) => WhyLabs.layer({ ...options, ...store, baseUrl: route.url }).pipe(reaching(route)),
    driver: ({ route }) =>
      WhyLabs.make({ ...options, baseUrl: route.url }).pipe(Effect.provideService(Fetch, route.fetch))
  } satisfies Contract.BackedSubject<Routed<Emulators.WhyLabsEmulator>>
}

/** WhyLabs v1 with the key of an administrator. */
export const whylabsV1 = (reach: Reach) => {
  const options: WhyLabs.Options = { apiKey: Redacted.make(administrator), dialect: "v1" }
  return {
    capabilities: WhyLabs.v1Capabilities,
    samples: whylabsSamples,
    credentials: [administrator],
    backend: reach(songbird("PAID")),
    layer: (store, { route }) => WhyLabs.layer({ ...options, ...store, baseUrl: route.url }).pipe(reaching(route)),
    driver: ({ route }) =>
      WhyLabs.make({ ...options, baseUrl: route.url }).pipe(Effect.provideService(Fetch, route.fetch))
  } satisfies Contract.BackedSubject<Routed<Emulators.WhyLabsEmulator>>
}
