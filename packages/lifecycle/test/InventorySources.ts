/** Sources whose keys and capabilities a test chooses. */
import { KeyId, type ApiKey } from "@keyfold/core/ApiKey"
import type { Capabilities } from "@keyfold/core/Capabilities"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import type { OwnedKey, Source, SourceFilter } from "@keyfold/core/KeyStores"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import type { Event, KeyEvent, StoreDone } from "@keyfold/lifecycle/Inventory"
import * as DateTime from "effect/DateTime"
import * as Stream from "effect/Stream"

const millisPerDay = 86_400_000

/** The day on which every inventory of the tests is made. */
export const today = 20_000 * millisPerDay

/** A time that many days from today. */
export const inDays = (days: number): DateTime.Utc => DateTime.makeUnsafe(today + days * millisPerDay)

export const keyWith = (id: string, fields: Partial<Omit<ApiKey, "id">> = {}): ApiKey => ({
  id: KeyId.make(id),
  owner: "ada",
  scopes: [],
  status: "active",
  createdAt: inDays(-1),
  lastUsedAt: inDays(0),
  tags: {},
  provider: {},
  ...fields
})

/** A key without the fields named. */
export const without = (key: ApiKey, ...names: ReadonlyArray<keyof ApiKey>): ApiKey => {
  const rest = Object.fromEntries(Object.entries(key).filter(([name]) => !names.some((one) => one === name)))
  return { ...rest, id: key.id, scopes: key.scopes, status: key.status, tags: key.tags, provider: key.provider }
}

export const of = (tenant: string, ...keys: ReadonlyArray<ApiKey>): ReadonlyArray<OwnedKey> =>
  keys.map((key) => ({ tenant, key }))

export interface Spec {
  readonly store?: string
  readonly backend?: string
  readonly capabilities?: Partial<Capabilities>
  readonly tenants?: ReadonlyArray<string>
  readonly keys?: (filter: SourceFilter) => Stream.Stream<OwnedKey, KeyStoreError | ConfigurationError>
}

export const sourceOf = (keys: ReadonlyArray<OwnedKey>, spec: Spec = {}): Source => {
  const { backend = "memory", store = "store", tenants = ["acme"] } = spec
  const capabilities = { ...MemoryDriver.capabilities, ...spec.capabilities }
  return {
    store,
    credential: undefined,
    backend,
    capabilities,
    tenants,
    serves: (tenant) => tenants.includes(tenant),
    keys: (filter = {}) => spec.keys?.(filter) ?? Stream.fromIterable(keys)
  }
}

export const keysOf = (events: ReadonlyArray<Event>): ReadonlyArray<KeyEvent> =>
  events.filter((event) => event._tag === "Key")

export const endsOf = (events: ReadonlyArray<Event>): ReadonlyArray<StoreDone> =>
  events.filter((event) => event._tag === "StoreDone")

/** What was found about each key, by its id. */
export const classesOf = (events: ReadonlyArray<Event>): Readonly<Record<string, ReadonlyArray<string>>> =>
  Object.fromEntries(keysOf(events).map(({ findings, key }) => [key.id, findings.map((finding) => finding.class)]))
