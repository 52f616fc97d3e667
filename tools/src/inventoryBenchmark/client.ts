/** One measurement in a process of its own: every key of a case, by `keyfold inventory` or by hand. */
import * as Arthur from "@keyfold/arthur/Arthur"
import * as KeyStores from "@keyfold/core/KeyStores"
import * as Inventory from "@keyfold/lifecycle/Inventory"
import * as UndiciTransport from "@keyfold/undici/UndiciTransport"
import * as WhyLabs from "@keyfold/whylabs/WhyLabs"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { byHand, judging } from "./byHand.ts"
import { labelSecret, tenants } from "./bodies.ts"
import type { Case, Measured, Way } from "./measured.ts"

const concurrency = 8

const key = "a credential of the benchmark"

const manyStores = (baseUrl: string, stores: number): KeyStores.Options => {
  const names = Array.from({ length: stores }, (_, number) => `org-${number}`)
  const define = (organization: string) =>
    KeyStores.fromAdapter(
      WhyLabs.adapter,
      { baseUrl, organization, apiKey: Redacted.make(key) },
      { options: { defaults: { owner: "bot" } } }
    )
  return {
    stores: Object.fromEntries(names.map((name) => [name, define(name)])),
    tenants: Object.fromEntries(names.map((name) => [`tenant of ${name}`, name]))
  }
}

const oneStore = (baseUrl: string): KeyStores.Options => ({
  stores: {
    shared: KeyStores.fromAdapter(
      Arthur.adapter,
      { baseUrl, apiKey: Redacted.make(key), timeout: Duration.minutes(5) },
      { options: { labelSecret: Redacted.make(labelSecret) } }
    )
  },
  tenants: Object.fromEntries(tenants.map((tenant) => [tenant, "shared"]))
})

const byInventory = (options: KeyStores.Options): Promise<number> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const { sources } = yield* KeyStores.make(options)
      const summary = yield* Inventory.summarize(Inventory.stream(sources, { concurrency }))
      for (const { completeness, origin } of summary.sources) {
        if (completeness._tag === "failed") throw new Error(`${origin.store}: ${completeness.problem}`)
      }
      return summary.keys
    }).pipe(Effect.scoped, Effect.provide(UndiciTransport.layer))
  )

const run = (way: Way, which: Case, baseUrl: string, stores: number): Promise<number> => {
  if (way === "inventory") return byInventory(which === "many" ? manyStores(baseUrl, stores) : oneStore(baseUrl))
  const numbers = Array.from({ length: stores }, (_, number) => number)
  const addresses =
    which === "many"
      ? numbers.map((number) => `${baseUrl}/v0/organizations/org-${number}/api-key`)
      : [`${baseUrl}/auth/api_keys/`]
  const headers = which === "many" ? { "x-api-key": key } : { authorization: `Bearer ${key}` }
  return byHand(addresses, headers, concurrency, way === "judged" ? judging().take : () => {})
}

const megabyte = 2 ** 20

const measure = async (way: Way, which: Case, baseUrl: string, stores: number): Promise<Measured> => {
  const began = performance.now()
  const before = process.cpuUsage()
  const keys = await run(way, which, baseUrl, stores)
  const seconds = (performance.now() - began) / 1000
  const { system, user } = process.cpuUsage(before)
  const { maxRSS } = process.resourceUsage()
  return { keys, seconds, busy: (user + system) / 1e6, resident: (maxRSS * 1024) / megabyte }
}

const [way = "", which = "", baseUrl = "", stores = ""] = process.argv.slice(2)
const measured = await measure(
  way === "inventory" || way === "judged" ? way : "fetch",
  which === "many" ? "many" : "shared",
  baseUrl,
  Number(stores)
)
process.send?.(measured)
process.disconnect?.()
