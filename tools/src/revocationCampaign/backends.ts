/** Emulated backends full of keys, one in twenty of whose revocations fails. */
import * as Arthur from "@keyfold/emulators/Arthur"
import * as Faults from "@keyfold/emulators/Faults"
import * as Occam from "@keyfold/emulators/Occam"
import * as WhyLabs from "@keyfold/emulators/WhyLabs"

/** A backend, and what a run does to it. */
export interface Backend {
  readonly fetch: typeof globalThis.fetch
  readonly credential: string
  /** The members of its store besides `adapter`, `baseUrl` and `apiKey`. */
  readonly members: ReadonlyArray<string>
  readonly live: () => number
  /** Counts revocations that the backend acted on; reads its whole log. */
  readonly revocations: () => number
  /** Counts revocations that reached the backend, at no cost. */
  readonly sent: () => number
  readonly faults: Faults.Plan
}

const organization = "org-campaign"
const person = "campaign@example.com"

const numbers = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, index) => index)

const name = (index: number): string => `ci-${index}`

const count = (keys: ReadonlyArray<{ readonly origin: string; readonly revoked: boolean }>): number =>
  keys.filter(({ origin, revoked }) => origin === "seeded" && !revoked).length

/** Before the handler and after it, with an answer and without one: a twentieth of the requests. */
const plan = (seed: number): Faults.Plan =>
  Faults.plan({
    seed,
    mix: { none: 1 },
    operations: { revoke: { none: 380, status503: 5, status500: 5, resetBefore: 5, resetAfter: 5 } },
    times: { stale: [0, 0], retryAfter: [0, 0] }
  })

interface Emulator {
  readonly fetch: typeof globalThis.fetch
  readonly setFaults: (faults: Faults.Plan) => void
  readonly keys: () => ReadonlyArray<{ readonly origin: string; readonly revoked: boolean }>
  readonly requests: { readonly all: ReadonlyArray<{ readonly operation?: string; readonly handled: boolean }> }
}

const watched = (emulator: Emulator, seed: number, credential: string, members: ReadonlyArray<string>): Backend => {
  const faults = plan(seed)
  emulator.setFaults(faults)
  return {
    fetch: emulator.fetch,
    credential,
    members,
    faults,
    sent: () => [...faults.counts("revoke").values()].reduce((sum, { requests }) => sum + requests, 0),
    live: () => count(emulator.keys()),
    revocations: () =>
      emulator.requests.all.filter(({ handled, operation }) => operation === "revoke" && handled).length
  }
}

const whylabs = (keys: number, seed: number): Backend => {
  const credential = WhyLabs.makeCredential()
  const emulator = WhyLabs.make({
    organizations: [{ id: organization, tier: "PAID" }],
    credentials: [{ kind: "system", value: credential }],
    log: 10 * keys
  })
  emulator.seed(...numbers(keys).map((index) => ({ organization, userId: `user-${index % 20}`, alias: name(index) })))
  return watched(emulator, seed, credential, [`organization: ${organization}`, "defaults: { owner: bot, scopes: [] }"])
}

const arthur = (keys: number, seed: number): Backend => {
  const credential = Arthur.makeCredential()
  const emulator = Arthur.make({ credentials: [{ kind: "master", value: credential }], log: 10 * keys })
  emulator.seed(...numbers(keys).map((index) => ({ description: name(index) })))
  return watched(emulator, seed, credential, [])
}

const occam = (keys: number, seed: number): Backend => {
  const credential = Occam.makeCredential()
  const emulator = Occam.make({ users: [{ email: person, keys: [credential] }], log: 10 * keys })
  emulator.seed(...numbers(keys).map((index) => ({ email: person, name: name(index) })))
  return watched(emulator, seed, credential, [])
}

/** Makes a backend with so many keys, by the name of its adapter. */
export const backends: Readonly<Record<string, (keys: number, seed: number) => Backend>> = { whylabs, arthur, occam }
