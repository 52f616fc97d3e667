/** One store to examine, or one store with a tenant's own credential; opened without the journal and its requirements. */
import type { Configuration, Settings, StoreDefinition } from "@keyfold/config/Configuration"
import { BaseFolder } from "@keyfold/core/Adapter"
import type { Requirements } from "@keyfold/core/Capabilities"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Driver } from "@keyfold/core/Driver"
import { Journal } from "@keyfold/core/Journal"
import * as KeyStore from "@keyfold/core/KeyStore"
import { defaultPolicy, RetryPolicy } from "@keyfold/core/RetryPolicy"
import { Transport, type TransportFactory } from "@keyfold/http/Transport"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { type Exchange, observing } from "./exchanges.ts"

/** What is examined once it is open. */
export interface Opened {
  readonly store: KeyStore.KeyStore["Service"]
  readonly driver: Driver
  readonly requirements: Requirements
}

/** One store to examine. */
export interface Patient {
  readonly store: string
  readonly tenant: string | undefined
  readonly adapter: string
  /** Whether a database is behind it and no server with an API. */
  readonly isEmbedded: boolean
  /** Where the database is a file that nobody has made yet: opening would. */
  readonly isMissing: Effect.Effect<boolean, ConfigurationError>
  readonly exchanges: ReadonlyArray<Exchange>
  readonly open: Effect.Effect<Opened, ConfigurationError, Scope.Scope>
}

/** What is wrong is told, not tried again. */
const impatient = { ...defaultPolicy, attempts: 1 }

const opening = (
  { folder }: Configuration,
  { adapter, settings }: StoreDefinition,
  options: StoreDefinition["options"],
  transport: TransportFactory
): Patient["open"] =>
  Effect.gen(function* () {
    const { require = {}, ...store }: Settings["store"] = (yield* settings).store
    const driver = yield* adapter.driver(yield* options)
    return { store: yield* KeyStore.make(driver, store), driver, requirements: require }
  }).pipe(
    Effect.provideService(BaseFolder, folder),
    Effect.provideService(Journal, undefined),
    Effect.provideService(RetryPolicy, impatient),
    Effect.provideService(Transport, transport)
  )

const sqliteFile = (options: unknown): string | undefined => {
  const url: unknown = typeof options === "object" && options !== null ? Reflect.get(options, "url") : undefined
  const [, file] = typeof url === "string" ? (/^sqlite:(?:\/\/)?([^?]+)/.exec(url) ?? []) : []
  return file === ":memory:" ? undefined : file
}

const patientOf = (
  configuration: Configuration,
  definition: StoreDefinition,
  own: { readonly tenant: string | undefined; readonly options: StoreDefinition["options"] },
  transport: TransportFactory
): Patient => {
  const exchanges: Array<Exchange> = []
  const isEmbedded = definition.adapter.name === "sql"
  return {
    store: definition.name,
    tenant: own.tenant,
    adapter: definition.adapterName,
    isEmbedded,
    isMissing: isEmbedded
      ? Effect.map(own.options, (options) => {
          const file = sqliteFile(options)
          return file !== undefined && !existsSync(resolve(configuration.folder, file))
        })
      : Effect.succeed(false),
    exchanges,
    open: opening(configuration, definition, own.options, observing(transport, exchanges))
  }
}

/** The stores of a configuration, each once with its own credential and once with each that a tenant has instead. */
export const patientsOf = (
  configuration: Configuration,
  definitions: ReadonlyArray<StoreDefinition>,
  transport: TransportFactory
): ReadonlyArray<Patient> =>
  definitions.flatMap((definition) => {
    const credentials = new Map(
      [...configuration.tenants.values()].flatMap(({ credential, store }) =>
        store === definition.name && credential !== undefined ? [[credential.name, credential.options] as const] : []
      )
    )
    return [
      patientOf(configuration, definition, { tenant: undefined, options: definition.options }, transport),
      ...[...credentials].map(([tenant, options]) =>
        patientOf(configuration, definition, { tenant, options }, transport)
      )
    ]
  })
