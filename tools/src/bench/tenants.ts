/** A thousand tenants of one Arthur deployment, which all list at once: in a process of its own. */
import { monitorEventLoopDelay, performance } from "node:perf_hooks"
import * as Arthur from "@keyfold/arthur/Arthur"
import * as KeyStores from "@keyfold/core/KeyStores"
import * as Label from "@keyfold/core/Label"
import * as OperationId from "@keyfold/core/OperationId"
import * as UndiciTransport from "@keyfold/undici/UndiciTransport"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { oneByOne } from "./client.ts"
import { credential, formats } from "./formats.ts"
import { budget, keys, listPath, tenants, ways, type Way, type Witnessed } from "./tenantWays.ts"

const labelSecret = Redacted.make("a secret for the marks of benchmarks")

const [chosen = "", url = ""] = process.argv.slice(2)

/** One key each for as many tenants as there are keys. */
const markedList = Effect.gen(function* () {
  const items = yield* Effect.forEach(tenants.slice(0, keys), (tenant, index) =>
    Effect.gen(function* () {
      const codec = yield* Label.make({ secret: labelSecret, backend: "arthur", tenant })
      const operation = OperationId.OperationId.make(`op_${index}`)
      const description = yield* codec.write("ci", operation, String(index).padStart(8, "0"))
      return { ...formats.arthur.item(index), description }
    })
  )
  return JSON.stringify(formats.arthur.envelope(items))
})

const byKeyfold = ({ hasBudget, over }: Extract<Way, { readonly over: string }>): Promise<number> => {
  const options: KeyStores.Options = {
    stores: {
      shared: KeyStores.fromAdapter(
        Arthur.adapter,
        { baseUrl: `${url}/tenants`, apiKey: Effect.succeed(Redacted.make(credential)) },
        { options: { labelSecret }, ...(hasBudget ? { budget } : {}) }
      )
    },
    tenants: Object.fromEntries(tenants.map((tenant) => [tenant, "shared"]))
  }
  const listing = Effect.gen(function* () {
    const stores = yield* KeyStores.make(options)
    const list = (tenant: string) =>
      Effect.scoped(Effect.flatMap(stores.forTenant(tenant), (store) => Stream.runCount(store.list())))
    const counts = yield* Effect.forEach(tenants, list, { concurrency: "unbounded" })
    return counts.reduce((sum, count) => sum + count, 0)
  })
  return Effect.runPromise(
    Effect.provide(Effect.scoped(listing), over === "undici" ? UndiciTransport.layer : Layer.empty)
  )
}

const byHand = async (): Promise<number> => {
  const { headers } = formats.arthur.list(keys)
  let found = 0
  await oneByOne(tenants, 64, async (tenant) => {
    const response = await fetch(url + listPath, { headers })
    const listed = (await response.json()) as ReadonlyArray<{ readonly id: string }>
    const own = listed[tenants.indexOf(tenant)]
    if (own !== undefined) found++
    return true
  })
  return found
}

const witness = async (way: Way): Promise<Witnessed> => {
  const delays = monitorEventLoopDelay({ resolution: 1 })
  delays.enable()
  const before = performance.eventLoopUtilization()
  const used = process.cpuUsage()
  const began = performance.now()
  const found = await (way.over === undefined ? byHand() : byKeyfold(way))
  const elapsed = performance.now() - began
  const { utilization } = performance.eventLoopUtilization(before)
  const { system, user } = process.cpuUsage(used)
  delays.disable()
  if (found !== keys) throw new Error(`${way.title}: found ${found} keys, and there are ${keys}`)
  return { elapsed, processor: (system + user) / 1000, utilization, delay: delays.max / 1e6 }
}

const way = ways.find(({ title }) => title === chosen)
if (way === undefined) throw new Error(`there is no way called ${chosen}`)
process.on("message", () => {
  witness(way).then(
    (witnessed) => process.send?.(witnessed),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    }
  )
})
process.once("disconnect", () => process.exit())
process.send?.(await Effect.runPromise(markedList))
