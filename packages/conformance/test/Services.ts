/** Arthur and Occam over their emulators, ready for the suite. */
import * as Arthur from "@keyfold/arthur/Arthur"
import * as Backend from "@keyfold/conformance/Backend"
import type * as Contract from "@keyfold/conformance/Contract"
import { KeyId } from "@keyfold/core/ApiKey"
import * as ArthurEmulators from "@keyfold/emulators/Arthur"
import * as OccamEmulators from "@keyfold/emulators/Occam"
import { Fetch } from "@keyfold/http/Fetch"
import * as Occam from "@keyfold/occam/Occam"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { foreignSecrets, reaching, type Reach, type Routed } from "./Subjects.ts"

const unknownId = "00000000-0000-4000-8000-000000000000"
const malformedIds = ["nonsense", "../x", "00000000-0000-4000-8000-00000000000g", `${unknownId}/`]

const idOf = (keys: ReadonlyArray<{ readonly id: string }>) => ({ id: KeyId.make(keys[0]?.id ?? "") })

const master = ArthurEmulators.makeCredential()
/** `MAX_API_KEYS` of the deployment. */
const keyLimit = 30

const engine = Backend.fromEmulator(
  (clock) => ArthurEmulators.make({ clock, credentials: [{ kind: "master", value: master }], maxApiKeys: keyLimit }),
  { foreignKey: (emulator) => Effect.sync(() => idOf(emulator.seed({ description: "not ours" }))) }
)

/** Arthur with the deployment's admin key. */
export const arthur = (reach: Reach) => {
  const options = { apiKey: Redacted.make(master), keyLimit }
  return {
    capabilities: Arthur.capabilities(options),
    samples: { scopes: ["TASK-ADMIN", "ORG-AUDITOR"], unknownId, malformedIds, foreignSecrets },
    credentials: [master],
    backend: reach(engine),
    layer: (store, { route }) => Arthur.layer({ ...options, ...store, baseUrl: route.url }).pipe(reaching(route)),
    driver: ({ route }) =>
      Arthur.make({ ...options, baseUrl: route.url }).pipe(Effect.provideService(Fetch, route.fetch))
  } satisfies Contract.BackedSubject<Routed<ArthurEmulators.ArthurEmulator>>
}

const email = "ann@example.com"
const password = "correct horse battery staple"
const credential = OccamEmulators.makeCredential()

const studio = Backend.fromEmulator(
  (clock) => OccamEmulators.make({ clock, users: [{ email, password, keys: [credential] }] }),
  {
    foreignKey: (emulator) => Effect.sync(() => idOf(emulator.seed({ email, name: "not ours" }))),
    use: (emulator, { secret }) => Effect.sync(() => void emulator.use(Redacted.value(secret)))
  }
)

/** Occam with an API key or with a password; `verifying` trades secrets for tokens. */
export const occam = (reach: Reach, login: "apiKey" | "password", verifyByTokenExchange = false) => {
  const options: Occam.Options = {
    ...(login === "apiKey"
      ? { apiKey: Redacted.make(credential) }
      : { username: email, password: Redacted.make(password) }),
    verifyByTokenExchange
  }
  return {
    capabilities: Occam.capabilities(options),
    samples: { unknownId, malformedIds, foreignSecrets },
    credentials: [credential, password],
    backend: reach(studio),
    layer: (store, { route }) => Occam.layer({ ...options, ...store, baseUrl: route.url }).pipe(reaching(route)),
    driver: ({ route }) =>
      Occam.make({ ...options, baseUrl: route.url }).pipe(Effect.provideService(Fetch, route.fetch))
  } satisfies Contract.BackedSubject<Routed<OccamEmulators.OccamEmulator>>
}
