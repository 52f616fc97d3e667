/** An adapter over the memory driver that tells what happens to its drivers, and with which credential. */
import * as Adapter from "@keyfold/core/Adapter"
import type { Capabilities } from "@keyfold/core/Capabilities"
import { DriverError, type Driver } from "@keyfold/core/Driver"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { Unavailable } from "@keyfold/core/KeyStoreError"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import { resolve, Secret } from "@keyfold/core/Secret"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"

const Options = Schema.Struct({
  url: Schema.optionalKey(Schema.String),
  key: Secret,
  timeout: Schema.optionalKey(Schema.DurationFromString),
  dialect: Schema.optionalKey(Schema.Literals(["native", "label"]))
})

/** What happened: `open`, `close` and `get`, each with the credential. */
export interface Watched {
  readonly events: Array<string>
  /** Credentials with which no driver opens. */
  readonly broken: Set<string>
  readonly adapter: Adapter.Adapter<typeof Options.Type>
}

/** What every backend that keeps no tenants apart by itself has in common here. */
export const labelled: Partial<Capabilities> = { tenancy: "label", createSafety: "marker", pagination: "derived" }

const watching = (driver: Driver, event: (what: string) => void, isDown: boolean): Driver => ({
  ...driver,
  get: (ref) =>
    Effect.suspend(() => {
      event("get")
      return isDown || driver.get === undefined
        ? Effect.fail(new DriverError({ reason: new Unavailable({}), sent: "maybe" }))
        : driver.get(ref)
    }),
  partition: (tenant) => watching(driver.partition?.(tenant) ?? driver, event, isDown)
})

/** Makes such an adapter with nothing seen yet. Its backend is one, whoever opens a driver. */
export const watched = (changes: Partial<Capabilities> = {}, isDown = false): Watched => {
  const events: Array<string> = []
  const broken = new Set<string>()
  const backend = MemoryDriver.make()
  const capabilities = ({ dialect }: typeof Options.Type): Capabilities => ({
    ...MemoryDriver.capabilities,
    ...changes,
    ...(dialect === "label" ? labelled : {})
  })
  const adapter = Adapter.make<typeof Options.Type>({
    name: "watched",
    options: Options,
    capabilities,
    driver: Effect.fnUntraced(function* (options) {
      const key = Redacted.value(yield* Effect.orDie(resolve(options.key)))
      if (broken.has(key)) return yield* new ConfigurationError({ field: "key", problem: "it does not open." })
      const event = (what: string) => void events.push(`${what} ${key}`)
      const driver = yield* Effect.acquireRelease(
        Effect.sync(() => {
          event("open")
          return backend
        }),
        () => Effect.sync(() => event("close"))
      )
      return watching({ ...driver, backend: "watched", capabilities: capabilities(options) }, event, isDown)
    })
  })
  return { events, broken, adapter }
}
