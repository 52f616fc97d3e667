/** Emulated backends on loopback sockets. */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { RequestLog } from "@keyfold/emulators/Emulator"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** An emulator that is being served. */
export interface RunningEmulator {
  readonly baseUrl: string
  readonly organization: string
  /** A credential this emulator accepts, and nothing else in the world does. */
  readonly credential: string
  readonly requests: RequestLog
}

const organization = "org-demo"

const day = 86_400_000

const exampleKeys = (count: number, now: number) =>
  Array.from({ length: count }, (_, index) => ({
    organization,
    userId: `user-${(index % 5) + 1}`,
    alias: `example-${index + 1}`,
    scopes: [index % 3 === 0 ? ":user" : ":write_data"],
    creationTime: now - (count - index) * day,
    ...(index % 4 === 3 ? { expirationTime: now + (index + 1) * day } : {})
  }))

/** Serves a WhyLabs emulator until the scope closes. */
export const startWhyLabs = Effect.fnUntraced(function* (options: {
  readonly port: number
  readonly seed: number
}): Effect.fn.Return<RunningEmulator, ConfigurationError, Scope.Scope> {
  const WhyLabs = yield* Effect.promise(() => import("@keyfold/emulators/WhyLabs"))
  const FetchServer = yield* Effect.promise(() => import("@keyfold/node/FetchServer"))
  const credential = WhyLabs.makeCredential()
  const emulator = WhyLabs.make({
    organizations: [{ id: organization, tier: "PAID" }],
    credentials: [{ kind: "system", value: credential }]
  })
  emulator.seed(...exampleKeys(options.seed, emulator.clock.now()))
  const { url } = yield* FetchServer.serve({ fetch: emulator.fetch, port: options.port })
  return { baseUrl: url, organization, credential, requests: emulator.requests }
})
