/** Tenants, what their backends can do, and the inventory of their keys. */
import type { Source } from "@keyfold/core/KeyStores"
import * as Inventory from "@keyfold/lifecycle/Inventory"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { Backends, Caller } from "../Gateway.ts"
import { Admission, CurrentCaller } from "./admitting.ts"
import { answer, withStore } from "./answering.ts"
import { api } from "./contract.ts"
import { fromConfiguration } from "./problems.ts"
import { inventoried, visible } from "./visibleTenants.ts"
import type * as wire from "./wire.ts"

const keyLine = ({ findings, key, origin: { backend }, tenant, unassigned }: Inventory.KeyEvent) =>
  ({
    kind: "key",
    backend,
    ...(tenant === undefined ? {} : { tenant }),
    ...(unassigned === undefined ? {} : { unassigned }),
    key,
    findings
  }) as const

const endLine = (
  { completeness, findings, gaps, keys, origin: { backend } }: Inventory.StoreDone,
  tenants: ReadonlyArray<string>
) =>
  ({
    kind: "end",
    backend,
    tenants,
    keys,
    complete: completeness._tag === "complete",
    missingStates: completeness._tag === "statesMissing" ? completeness.states : [],
    ...("lag" in completeness ? { lagMillis: Duration.toMillis(completeness.lag.within) } : {}),
    // What the problem says may name what only the operator should know.
    ...(completeness._tag === "failed" ? { failed: completeness.reason } : {}),
    findings: { ...findings },
    gaps
  }) as const

type Line = typeof wire.InventoryLine.Type

const lineOf =
  (tenantsOf: (origin: Inventory.Origin) => ReadonlyArray<string>) =>
  (event: Inventory.Event): Line =>
    event._tag === "Key" ? keyLine(event) : endLine(event, tenantsOf(event.origin))

const nameOf = ({ credential, store }: Pick<Source, "credential" | "store"> | Inventory.Origin): string =>
  JSON.stringify([store, credential])

/** Every key that a caller may take inventory of: each backend's list is read once. */
const everything = (sources: ReadonlyArray<Source>, { grants }: Caller) => {
  const { found, only } = inventoried(sources, grants)
  const known = new Map(found.map(({ source, tenants }) => [nameOf(source), tenants]))
  const events = Inventory.stream(
    found.map(({ source }) => source),
    { only }
  )
  return Stream.map(
    events,
    lineOf((origin) => known.get(nameOf(origin)) ?? [])
  )
}

const tenants = (backends: Backends) =>
  HttpApiBuilder.group(api, "tenants", (handlers) =>
    handlers.handleAll({
      list: () =>
        answer(
          Effect.gen(function* () {
            const { grants } = yield* CurrentCaller
            const sources = yield* Effect.mapError(Effect.scoped(backends.sources), fromConfiguration)
            return { tenants: visible(sources, grants) }
          })
        ),
      inventory: () =>
        answer(
          Effect.gen(function* () {
            // The request's scope: what is read from stays open until the last line was sent.
            const sources = yield* Effect.mapError(backends.sources, fromConfiguration)
            return everything(sources, yield* CurrentCaller)
          })
        )
    })
  )

const lookingAt = (backends: Backends) =>
  HttpApiBuilder.group(api, "backends", (handlers) =>
    handlers.handleAll({
      capabilities: () =>
        answer(withStore(backends, ({ backend, capabilities }) => Effect.succeed({ backend, capabilities }))),
      inventory: () =>
        answer(
          Effect.gen(function* () {
            const { tenant } = yield* Admission
            // In the request's scope, too.
            const sources = yield* Effect.mapError(backends.sources, fromConfiguration)
            return Stream.map(
              Inventory.stream(sources, { tenant }),
              lineOf(() => [tenant])
            )
          })
        )
    })
  )

/** Answers the endpoints of tenants and their backends. */
export const layer = (backends: Backends) => Layer.mergeAll(tenants(backends), lookingAt(backends))
