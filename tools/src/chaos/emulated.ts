/** Emulated backends on sockets, on scaled time, with faults that depend on the operation and the attempt alone. */
import { read } from "@keyfold/core/Label"
import * as Arthur from "@keyfold/emulators/Arthur"
import type { ArrivedRequest, Emulator, FaultSource, Lag, StoredKey } from "@keyfold/emulators/Emulator"
import * as Faults from "@keyfold/emulators/Faults"
import * as Occam from "@keyfold/emulators/Occam"
import * as WhyLabs from "@keyfold/emulators/WhyLabs"
import * as FetchServer from "@keyfold/node/FetchServer"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { emulated, latest, organization, person, type BackendName } from "./backend.ts"
import { drawsOf } from "./draws.ts"
import { realNow, toScaled } from "./scale.ts"
import type { Server, ServerOptions } from "./server.ts"
import { count } from "./tally.ts"

/** Names a backend that is emulated. */
export type EmulatedName = keyof typeof emulated

/** What is used of an emulator. */
export type Emulation = Pick<Emulator<never, StoredKey>, "fetch" | "clock" | "setFaults" | "keys" | "owns">

/** An emulator that sets no limit to the number of keys and remembers no requests. */
export const emulate = (
  backend: EmulatedName,
  clock: () => number,
  lag: Partial<Lag> = {}
): readonly [emulator: Emulation, credential: string] => {
  const { visibility } = emulated[backend]
  const shared = { clock, log: 0, lag: { visibility, revocation: visibility, ...lag } }
  if (backend === "arthur") {
    const value = Arthur.makeCredential()
    return [Arthur.make({ ...shared, credentials: [{ kind: "master", value }], maxApiKeys: 1_000_000 }), value]
  }
  if (backend === "occam") {
    const value = Occam.makeCredential()
    return [Occam.make({ ...shared, users: [{ email: person, keys: [value] }] }), value]
  }
  const organizations: ReadonlyArray<WhyLabs.Organization> = [{ id: organization, tier: "PAID" }]
  if (backend === "whylabs-v0") {
    const value = WhyLabs.makeCredential()
    return [WhyLabs.make({ ...shared, organizations, credentials: [{ kind: "system", value }] }), value]
  }
  const value = WhyLabs.makeCredential(organization)
  const caller = { kind: "caller", value, organization, scopes: [":administrator"] } as const
  return [WhyLabs.make({ ...shared, organizations, credentials: [caller] }), value]
}

/** What the faults of one round keep account of. */
interface Ledger {
  /** The create that is about to reach the emulator. */
  current: string | undefined
  isCalm: boolean
  /** When each key was committed, by its id. */
  readonly committed: Map<string, number>
  readonly counts: Map<string, number>
  readonly otherCounts: Map<string, number>
}

/** Changes nothing; it lets the plan hear of a request that meets no fault. */
const unharmed = { kind: "skew", milliseconds: 0 } as const

const timesOf = (backend: EmulatedName, slow: ServerOptions["slow"]): Partial<Faults.Times> => ({
  late: [1_000, latest],
  duplicate: [100, latest],
  stale: [0, emulated[backend].stale],
  ...(slow === undefined ? {} : { slow })
})

const sourceOf = (backend: EmulatedName, options: ServerOptions, ledger: Ledger): FaultSource => {
  const { forced, mix, seed, slow } = options
  const times = timesOf(backend, slow)
  const draws = drawsOf(seed)
  const others = Faults.plan({ seed, mix, times })
  const plans = new Map<string, Faults.Plan>()
  const planOf = (name: string): Faults.Plan => {
    const kind = plans.has(name) ? undefined : forced.get(name)
    const plan = plans.get(name) ?? Faults.plan({ seed: draws.whole("faults", name), mix, times })
    plans.set(name, plan)
    return kind === undefined ? plan : Faults.plan({ seed: draws.whole("forced", name), mix: { [kind]: 1 }, times })
  }
  const chosen = (request: ArrivedRequest): ReturnType<FaultSource["next"]> => {
    if (ledger.isCalm) return undefined
    const name = request.operation === "create" ? ledger.current : undefined
    const plan = name === undefined ? others : planOf(name)
    const found = plan.next(request)
    const kind = plan.injected.at(-1)?.kind
    if (found !== undefined && kind !== undefined) {
      count(request.operation === "create" ? ledger.counts : ledger.otherCounts, kind)
    }
    return found
  }
  return {
    next: (request) => {
      const { fault = unharmed, onHandled } = chosen(request) ?? {}
      return {
        fault,
        onHandled: (run) => {
          if (run.created !== undefined) ledger.committed.set(run.created, realNow())
          onHandled?.(run)
        }
      }
    }
  }
}

const operationIn = (label: string): string => /^op-\d+/.exec(label)?.[0] ?? ""

/** What `fetch` fails with where the connection breaks. */
export const reset = (): TypeError =>
  new TypeError("fetch failed", { cause: Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }) })

/** The emulator's fetch, told which create comes, and telling the parent of those it waits for. */
const fetchOf = (emulator: Emulation, { passed, watched }: ServerOptions, ledger: Ledger): FetchServer.Fetch => {
  const awaited = new Map(watched)
  return async (request) => {
    if (request.method !== "POST" && request.method !== "PUT") return emulator.fetch(request)
    const body = await request.text()
    const name = /op-\d+/.exec(request.url + body)?.[0]
    const passage = name === undefined ? undefined : awaited.get(name)
    const { headers, method, url } = request
    // Without the client's signal: what has arrived is handled, whatever becomes of the client.
    const detached = new Request(url, { method, headers, redirect: "manual", ...(body === "" ? {} : { body }) })
    if (name !== undefined && passage !== undefined) awaited.delete(name)
    if (name !== undefined && passage === "arrived") await passed(name)
    ledger.current = name
    const answer = emulator.fetch(detached)
    ledger.current = undefined
    if (name === undefined || passage !== "committed") return answer
    await answer
    await passed(name)
    throw reset()
  }
}

/** How often delays that are due are looked for, in the machine's milliseconds. */
const tick = 2

/** Every key that was created over the wire. */
const created = (emulator: Emulation) => emulator.keys().filter(({ origin }) => origin === "created")

const commitsOf = (emulator: Emulation, { committed }: Ledger): ReadonlyMap<string, number> =>
  new Map(
    created(emulator).flatMap(({ id, label }) => {
      const nonce = read(label).mark?.nonce
      const at = committed.get(id)
      return nonce === undefined || at === undefined ? [] : [[nonce, at] as const]
    })
  )

/** Serves an emulated backend until it is closed. */
export const serveEmulated = async (backend: EmulatedName, options: ServerOptions): Promise<Server> => {
  const [emulator, credential] = emulate(backend, () => toScaled(options.scale))
  const ledger: Ledger = {
    current: undefined,
    isCalm: false,
    committed: new Map(),
    counts: new Map(),
    otherCounts: new Map()
  }
  emulator.setFaults(sourceOf(backend, options, ledger))
  // The emulator sleeps on the machine's timers; on scaled time its delays are over earlier.
  const ticking = setInterval(() => emulator.clock.advance(0), tick)
  const scope = Scope.makeUnsafe()
  const fetch = fetchOf(emulator, options, ledger)
  const { url } = await Effect.runPromise(Scope.provide(FetchServer.serve({ fetch }), scope))
  return {
    url,
    credential,
    live: async () =>
      created(emulator)
        .filter(({ revoked }) => !revoked)
        .map(({ id, label }) => ({ id, operationId: operationIn(label) })),
    owners: async (secrets) => secrets.map((secret) => emulator.owns(secret)),
    made: async () => created(emulator).length,
    commits: () => commitsOf(emulator, ledger),
    faults: () => ledger.counts,
    otherFaults: () => ledger.otherCounts,
    calm: () => {
      ledger.isCalm = true
    },
    close: async () => {
      clearInterval(ticking)
      await Effect.runPromise(Scope.close(scope, Exit.void))
    }
  }
}

/** Whether a backend is emulated. */
export const isEmulated = (backend: BackendName): backend is EmulatedName => Object.hasOwn(emulated, backend)
