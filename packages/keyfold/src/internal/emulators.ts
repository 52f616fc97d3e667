/** Emulated backends on loopback sockets. */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { RequestLog } from "@keyfold/emulators/Emulator"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** An emulator that is being served. */
export interface RunningEmulator {
  readonly baseUrl: string
  /** A credential this emulator accepts, and nothing else in the world does. */
  readonly credential: string
  readonly requests: RequestLog
}

/** What an emulator is started with: a port, 0 for any, and how many example keys it holds. */
export interface StartOptions {
  readonly port: number
  readonly seed: number
}

/** One backend that can be emulated, and how a configuration names it. */
export interface EmulatedBackend {
  readonly title: string
  /** The environment variable that its credential is read from in examples. */
  readonly variable: string
  /** The members of its store besides `adapter`, `baseUrl` and `apiKey`. */
  readonly members: ReadonlyArray<string>
  readonly start: (options: StartOptions) => Effect.Effect<RunningEmulator, ConfigurationError, Scope.Scope>
}

const organization = "org-demo"
const person = "demo@example.com"

const day = 86_400_000

const numbers = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, index) => index)

const serve = Effect.fnUntraced(function* (
  { fetch, requests }: { readonly fetch: typeof globalThis.fetch; readonly requests: RequestLog },
  credential: string,
  port: number
): Effect.fn.Return<RunningEmulator, ConfigurationError, Scope.Scope> {
  const FetchServer = yield* Effect.promise(() => import("@keyfold/node/FetchServer"))
  const { url } = yield* FetchServer.serve({ fetch, port })
  return { baseUrl: url, credential, requests }
})

const startWhyLabs: EmulatedBackend["start"] = Effect.fnUntraced(function* ({ port, seed }) {
  const WhyLabs = yield* Effect.promise(() => import("@keyfold/emulators/WhyLabs"))
  const credential = WhyLabs.makeCredential()
  const emulator = WhyLabs.make({
    organizations: [{ id: organization, tier: "PAID" }],
    credentials: [{ kind: "system", value: credential }]
  })
  const now = emulator.clock.now()
  emulator.seed(
    ...numbers(seed).map((index) => ({
      organization,
      userId: `user-${(index % 5) + 1}`,
      alias: `example-${index + 1}`,
      scopes: [index % 3 === 0 ? ":user" : ":write_data"],
      creationTime: now - (seed - index) * day,
      ...(index % 4 === 3 ? { expirationTime: now + (index + 1) * day } : {})
    }))
  )
  return yield* serve(emulator, credential, port)
})

const startArthur: EmulatedBackend["start"] = Effect.fnUntraced(function* ({ port, seed }) {
  const Arthur = yield* Effect.promise(() => import("@keyfold/emulators/Arthur"))
  const credential = Arthur.makeCredential()
  const emulator = Arthur.make({
    credentials: [{ kind: "master", value: credential }],
    maxApiKeys: Math.max(1_000, seed + 1_000)
  })
  const roles = [["VALIDATION-USER"], ["TASK-ADMIN", "VALIDATION-USER"], ["ORG-AUDITOR"]]
  emulator.seed(
    ...numbers(seed).map((index) => ({
      description: `example-${index + 1}`,
      roles: roles[index % roles.length] ?? []
    }))
  )
  return yield* serve(emulator, credential, port)
})

const startOccam: EmulatedBackend["start"] = Effect.fnUntraced(function* ({ port, seed }) {
  const Occam = yield* Effect.promise(() => import("@keyfold/emulators/Occam"))
  const credential = Occam.makeCredential()
  const emulator = Occam.make({ users: [{ email: person, keys: [credential] }] })
  const now = emulator.clock.now()
  emulator.seed(
    ...numbers(seed).map((index) => ({
      email: person,
      name: `example-${index + 1}`,
      created: now - (seed - index) * day,
      ...(index % 2 === 0 ? { lastUsed: now - (index % 24) * (day / 24) } : {})
    }))
  )
  return yield* serve(emulator, credential, port)
})

/** Names a backend that can be emulated. */
export type EmulatedName = "whylabs" | "arthur" | "occam"

/** The backends that can be emulated, by the names of their adapters. */
export const emulated: Readonly<Record<EmulatedName, EmulatedBackend>> = {
  whylabs: {
    title: "WhyLabs",
    variable: "WHYLABS_API_KEY",
    members: [
      `organization: ${organization}`,
      "defaults: { owner: platform-bot, scopes: [write] }",
      'scopeMap: { write: [":write_data"] }'
    ],
    start: startWhyLabs
  },
  arthur: {
    title: "Arthur",
    variable: "ARTHUR_API_KEY",
    members: ["defaults: { scopes: [write] }", "scopeMap: { write: [VALIDATION-USER] }"],
    start: startArthur
  },
  occam: {
    title: "Occam",
    variable: "OCCAM_API_KEY",
    // Occam keys have no scopes; the empty list accepts that for programs that ask for this one.
    members: ["scopeMap: { write: [] }"],
    start: startOccam
  }
}

/** The names of the backends that can be emulated. */
export const emulatedNames: readonly [EmulatedName, EmulatedName, EmulatedName] = ["whylabs", "arthur", "occam"]

/** Writes a backend's entry of keyfold.yaml, without indentation; `secret` is a reference to its credential. */
export const entryOf = (name: EmulatedName, { baseUrl }: RunningEmulator, secret: string): ReadonlyArray<string> => [
  `adapter: ${name}`,
  `baseUrl: ${baseUrl}`,
  `apiKey: ${secret}`,
  ...emulated[name].members
]
