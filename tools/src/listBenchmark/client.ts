/** Reads one list in a process of its own and reports when its first key came, when its last, and the memory it took. */
import * as KeyStore from "@keyfold/core/KeyStore"
import * as UndiciTransport from "@keyfold/undici/UndiciTransport"
import * as WhyLabs from "@keyfold/whylabs/WhyLabs"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { median } from "../measurement/statistics.ts"

/** What one list took: milliseconds of the clock and of the processor. */
interface Taken {
  readonly keys: number
  readonly first: number
  readonly total: number
  readonly processor: number
}

/** The same, and the most resident memory this process had before the list and ever, in MiB. */
export interface Reading extends Taken {
  readonly before: number
  readonly peak: number
}

/** Opens a client of one organization, which reads its list and calls `each` for every key. */
type Client = (baseUrl: string, organization: string) => Promise<(each: () => void) => Promise<void>>

const overStore =
  (transport: Layer.Layer<never>): Client =>
  async (baseUrl, organization) => {
    const options = { apiKey: Redacted.make("key"), baseUrl, organization, defaults: { owner: "user-1" } }
    const runtime = ManagedRuntime.make(Layer.provide(WhyLabs.layer(options), transport))
    const keys = await runtime.runPromise(KeyStore.KeyStore)
    return (each) => runtime.runPromise(Stream.runForEach(keys.list(), () => Effect.sync(each)))
  }

const whole: Client = (baseUrl, organization) =>
  Promise.resolve(async (each) => {
    const response = await fetch(`${baseUrl}/v0/organizations/${organization}/api-key`, {
      headers: { "x-api-key": "key" }
    })
    const body: { readonly items: ReadonlyArray<unknown> } = JSON.parse(await response.text())
    for (const _ of body.items) each()
  })

/** The clients, by the name the table shows. */
export const clients: ReadonlyMap<string, Client> = new Map([
  ["fetch + JSON.parse", whole],
  ["Keyfold over ky", overStore(Layer.empty)],
  ["Keyfold over undici", overStore(UndiciTransport.layer)]
])

const read = async (list: Awaited<ReturnType<Client>>): Promise<Taken> => {
  const start = performance.now()
  const used = process.cpuUsage()
  let first = 0
  let count = 0
  await list(() => {
    if (count++ === 0) first = performance.now() - start
  })
  const { system, user } = process.cpuUsage(used)
  return { keys: count, first, total: performance.now() - start, processor: (system + user) / 1000 }
}

const peakMemory = (): number => process.resourceUsage().maxRSS / 1024

const measure = async (client: Client, baseUrl: string, keys: number): Promise<Reading> => {
  // What counts is the list, not the first use of every function.
  const warming = await client(baseUrl, String(Math.min(keys, 1_000)))
  for (let index = 0; index < Math.max(20, 20_000 / keys); index++) await read(warming)
  const list = await client(baseUrl, String(keys))
  const before = peakMemory()
  const readings: Array<Taken> = []
  for (let index = 0; index < Math.max(1, 20_000 / keys); index++) readings.push(await read(list))
  return {
    keys: readings[0]?.keys ?? 0,
    first: median(readings.map(({ first }) => first)),
    total: median(readings.map(({ total }) => total)),
    processor: median(readings.map(({ processor }) => processor)),
    before,
    peak: peakMemory()
  }
}

const [name = "", baseUrl = "", keys = ""] = process.argv.slice(2)
const client = clients.get(name)
if (client !== undefined) {
  const reading = await measure(client, baseUrl, Number(keys))
  process.send?.(reading, () => process.exit())
}
