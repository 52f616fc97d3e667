/** Tenants, what their backends can do, and the inventory of their keys. */
import type { Source } from "@keyfold/core/KeyStores"
import * as Inventory from "@keyfold/lifecycle/Inventory"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { Backends } from "../Gateway.ts"
import * as Grant from "../Grant.ts"
import { Admission, CurrentCaller } from "./admitting.ts"
import { answer, withStore } from "./answering.ts"
import { api } from "./contract.ts"
import { fromConfiguration } from "./problems.ts"
import type * as wire from "./wire.ts"

type Tenant = typeof wire.Tenant.Type

const isPattern = (name: string): boolean => name.includes("*")

/** Tenants that grants name one by one. */
const namedIn = (grants: ReadonlyArray<Grant.Grant>): ReadonlyArray<string> =>
  grants.map(({ tenant }) => tenant).filter((tenant) => !isPattern(tenant))

/** The tenants of all sources that the grants are about. Of a pattern's tenants only those are known that grants name. */
const visible = (sources: ReadonlyArray<Source>, grants: ReadonlyArray<Grant.Grant>): ReadonlyArray<Tenant> => {
  const found = new Map<string, Tenant>()
  const named = namedIn(grants)
  for (const { backend, serves, tenants } of sources) {
    const candidates = tenants.flatMap((name) => (isPattern(name) ? named.filter((tenant) => serves(tenant)) : [name]))
    for (const tenant of candidates.filter((name) => Grant.sees(grants, name))) {
      found.set(tenant, { tenant, backend, operations: Grant.operationsOn(grants, tenant) })
    }
  }
  return [...found.values()].toSorted((left, right) => (left.tenant < right.tenant ? -1 : 1))
}

const keyLine = ({ findings, key, origin: { backend }, tenant, unassigned }: Inventory.KeyEvent) =>
  ({
    kind: "key",
    backend,
    ...(tenant === undefined ? {} : { tenant }),
    ...(unassigned === undefined ? {} : { unassigned }),
    key,
    findings
  }) as const

const endLine = ({ completeness, findings, gaps, keys, origin: { backend } }: Inventory.StoreDone) =>
  ({
    kind: "end",
    backend,
    keys,
    complete: completeness._tag === "complete",
    missingStates: completeness._tag === "statesMissing" ? completeness.states : [],
    ...("lag" in completeness ? { lagMillis: Duration.toMillis(completeness.lag.within) } : {}),
    // What the problem says may name what only the operator should know.
    ...(completeness._tag === "failed" ? { failed: completeness.reason } : {}),
    findings: { ...findings },
    gaps
  }) as const

const lineOf = (event: Inventory.Event): typeof wire.InventoryLine.Type =>
  event._tag === "Key" ? keyLine(event) : endLine(event)

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
            // The request's scope: what is read from stays open until the last line was sent.
            const sources = yield* Effect.mapError(backends.sources, fromConfiguration)
            return Stream.map(Inventory.stream(sources, { tenant }), lineOf)
          })
        )
    })
  )

/** Answers the endpoints of tenants and their backends. */
export const layer = (backends: Backends) => Layer.mergeAll(tenants(backends), lookingAt(backends))
