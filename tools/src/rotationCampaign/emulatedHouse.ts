/** An emulated backend on a socket of this process. */
import * as FetchServer from "@keyfold/node/FetchServer"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { emulate, reset, type EmulatedName, type Emulation } from "../chaos/emulated.ts"
import { realNow, toScaled, type Scale } from "../chaos/scale.ts"
import { knockOf } from "./door.ts"
import { runIn, type House, type HouseOptions, type Watch } from "./house.ts"

/** How long the door does not know a new key, nor of a revocation, in scaled milliseconds; Arthur accepts new keys at once. */
const authentication = 9_000

/** What a house knows of its keys. */
interface Ledger {
  readonly runs: Map<string, string>
  readonly revoked: Map<string, number>
}

const noteRevocations = (emulator: Emulation, { revoked }: Ledger): boolean => {
  const fresh = emulator.keys().filter((key) => key.revoked && !revoked.has(key.id))
  const now = realNow()
  for (const { id } of fresh) revoked.set(id, now)
  return fresh.length > 0
}

const runOf = ({ runs }: Ledger, call: Watch["call"], text: string): string | undefined =>
  call === "create" ? runIn(text) : [...runs].find(([id]) => text.includes(id))?.[1]

const fetchOf = (emulator: Emulation, options: HouseOptions, ledger: Ledger): FetchServer.Fetch => {
  const { lost, passed, revoked, watches } = options
  return async (request) => {
    if (request.method === "GET") return emulator.fetch(request)
    const { headers, method, url } = request
    const body = await request.text()
    const call = method === "DELETE" ? "revoke" : "create"
    const run = runOf(ledger, call, url + body)
    const watch = run === undefined ? undefined : watches.get(run)
    const isWatched = run !== undefined && watch?.call === call
    // Without the client's signal: what has arrived is handled, whatever becomes of the client.
    const detached = new Request(url, { method, headers, redirect: "manual", ...(body === "" ? {} : { body }) })
    if (isWatched) watches.delete(run)
    if (isWatched && watch.at === "arrived") await passed(run, watch)
    const answer = await emulator.fetch(detached)
    if (call === "revoke" && noteRevocations(emulator, ledger)) revoked()
    if (isWatched && watch.at === "committed") await passed(run, watch)
    if (isWatched || (run !== undefined && call === "create" && lost.delete(run))) throw reset()
    return answer
  }
}

const tick = 2

const created = (emulator: Emulation) => emulator.keys().filter(({ origin }) => origin === "created")

/** Serves an emulated backend until it is closed. */
export const emulatedHouse = async (backend: EmulatedName, scale: Scale, options: HouseOptions): Promise<House> => {
  const lag = backend === "arthur" ? {} : { authentication }
  const [emulator, credential] = emulate(backend, () => toScaled(scale), lag)
  const ledger: Ledger = { runs: new Map(), revoked: new Map() }
  // The emulator sleeps on the machine's timers; on scaled time its delays are over earlier.
  const ticking = setInterval(() => emulator.clock.advance(0), tick)
  const scope = Scope.makeUnsafe()
  const serving = FetchServer.serve({ fetch: fetchOf(emulator, options, ledger) })
  const { url } = await Effect.runPromise(Scope.provide(serving, scope))
  return {
    url,
    credential,
    live: async () => new Set(created(emulator).flatMap(({ id, revoked }) => (revoked ? [] : [id]))),
    idOf: async (secret) => emulator.owns(secret),
    letsIn: async (secret) => {
      const { headers, path } = knockOf(backend, secret)
      const response = await emulator.fetch(new Request(`${url}/${path}`, { headers }))
      return response.status === 200
    },
    revocations: async () => ledger.revoked,
    keys: async () =>
      new Map(
        [...Map.groupBy(created(emulator), ({ label }) => runIn(label) ?? "")].map(([run, keys]) => [
          run,
          keys.map(({ id }) => id)
        ])
      ),
    learn: (id, run) => void ledger.runs.set(id, run),
    close: async () => {
      clearInterval(ticking)
      await Effect.runPromise(Scope.close(scope, Exit.void))
    }
  }
}
