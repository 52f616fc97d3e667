/** Reads one list in a process of its own and reports when its first key came, when its last, and the memory it took. */
import * as KeyStore from "@keyfold/core/KeyStore"
import * as UndiciTransport from "@keyfold/undici/UndiciTransport"
import * as WhyLabs from "@keyfold/whylabs/WhyLabs"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"

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

/** Reads the list of one organization and calls `each` for every key. */
type Client = (baseUrl: string, organization: string, each: () => void) => Promise<void>

const overStore =
  (transport: Layer.Layer<never>): Client =>
  (baseUrl, organization, each) => {
    const store = WhyLabs.layer({
      apiKey: Redacted.make("key"),
      baseUrl,
      organization,
      defaults: { owner: "user-1" }
    })
    const listing = Effect.flatMap(KeyStore.KeyStore, (keys) => Stream.runForEach(keys.list(), () => Effect.sync(each)))
    return Effect.runPromise(Effect.provide(listing, Layer.provide(store, transport)))
  }

const whole: Client = async (baseUrl, organization, each) => {
  const response = await fetch(`${baseUrl}/v0/organizations/${organization}/api-key`, {
    headers: { "x-api-key": "key" }
  })
  const body: { readonly items: ReadonlyArray<unknown> } = JSON.parse(await response.text())
  for (const _ of body.items) each()
}

/** The clients, by the name the table shows. */
export const clients: ReadonlyMap<string, Client> = new Map([
  ["fetch + JSON.parse", whole],
  ["Keyfold over ky", overStore(Layer.empty)],
  ["Keyfold over undici", overStore(UndiciTransport.layer)]
])

const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0

const read = async (client: Client, baseUrl: string, keys: number): Promise<Taken> => {
  const start = performance.now()
  const used = process.cpuUsage()
  let first = 0
  let count = 0
  await client(baseUrl, String(keys), () => {
    if (count++ === 0) first = performance.now() - start
  })
  const { system, user } = process.cpuUsage(used)
  return { keys: count, first, total: performance.now() - start, processor: (system + user) / 1000 }
}

const peakMemory = (): number => process.resourceUsage().maxRSS / 1024

const measure = async (client: Client, baseUrl: string, keys: number): Promise<Reading> => {
  // What counts is the list, not the first use of every function.
  for (let index = 0; index < 20; index++) await read(client, baseUrl, 250)
  const before = peakMemory()
  const readings: Array<Taken> = []
  for (let index = 0; index < Math.max(1, 20_000 / keys); index++) readings.push(await read(client, baseUrl, keys))
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
if (client !== undefined) process.send?.(await measure(client, baseUrl, Number(keys)))
