/** One measurement in a process of its own: every key of a case, by the library or by hand. */
import * as Arthur from "@keyfold/arthur/Arthur"
import * as KeyStores from "@keyfold/core/KeyStores"
import * as Inventory from "@keyfold/lifecycle/Inventory"
import * as UndiciTransport from "@keyfold/undici/UndiciTransport"
import * as WhyLabs from "@keyfold/whylabs/WhyLabs"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { writeSync } from "node:fs"
import { byHand, judging } from "./byHand.ts"
import type { Backend, Measured, Task } from "./measured.ts"
import { labelSecret, organization, tenants } from "./seeds.ts"

const concurrency = 8

const names = (stores: number): ReadonlyArray<string> =>
  Array.from({ length: stores }, (_, number) => organization(number))

const manyStores = ({ credential, url }: Backend, stores: number): KeyStores.Options => {
  const define = (name: string) =>
    KeyStores.fromAdapter(
      WhyLabs.adapter,
      { baseUrl: url, organization: name, apiKey: Effect.succeed(Redacted.make(credential)) },
      { options: { defaults: { owner: "bot" } } }
    )
  return {
    stores: Object.fromEntries(names(stores).map((name) => [name, define(name)])),
    tenants: Object.fromEntries(names(stores).map((name) => [`tenant of ${name}`, name]))
  }
}

const oneStore = ({ credential, url }: Backend): KeyStores.Options => ({
  stores: {
    shared: KeyStores.fromAdapter(
      Arthur.adapter,
      { baseUrl: url, apiKey: Effect.succeed(Redacted.make(credential)), timeout: Duration.minutes(5) },
      { options: { labelSecret: Redacted.make(labelSecret) } }
    )
  },
  tenants: Object.fromEntries(tenants.map((tenant) => [tenant, "shared"]))
})

const byLibrary = (options: KeyStores.Options): Promise<number> =>
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

const run = ({ backends: { arthur, whylabs }, stores, way, which }: Task): Promise<number> => {
  if (way === "library") return byLibrary(which === "many" ? manyStores(whylabs, stores) : oneStore(arthur))
  const addresses =
    which === "many"
      ? names(stores).map((name) => `${whylabs.url}/v0/organizations/${name}/api-key`)
      : [`${arthur.url}/auth/api_keys/`]
  const headers =
    which === "many" ? { "x-api-key": whylabs.credential } : { authorization: `Bearer ${arthur.credential}` }
  return byHand(addresses, headers, concurrency, way === "judged" ? judging().take : () => {})
}

const kibibytesPerMebibyte = 1024

const task: Task = JSON.parse(process.argv[2] ?? "")
const began = performance.now()
const before = process.cpuUsage()
const keys = await run(task)
const seconds = (performance.now() - began) / 1000
const { system, user } = process.cpuUsage(before)
const resident = process.resourceUsage().maxRSS / kibibytesPerMebibyte
writeSync(3, JSON.stringify({ keys, seconds, busy: (user + system) / 1e6, resident } satisfies Measured))
