/** The WhyLabs dialect over one organization, spoken by somebody who may do everything. */
import type * as KeyStore from "@keyfold/core/KeyStore"
import type { Host } from "@keyfold/gateway/Dialect"
import * as DialectWhyLabs from "@keyfold/gateway/DialectWhyLabs"
import * as Effect from "effect/Effect"
import { makeHost, memory, root, send, type Account } from "./DialectHost.ts"

export const organization = "org-7Kd3mQ"
export const keys = `/v0/organizations/${organization}/api-key`
export const options: DialectWhyLabs.Options = { organizations: { [organization]: "acme" }, owner: "nobody" }
const headers = { "x-api-key": root.secret, accept: "application/json" }

/** Mounts the dialect and gives a way to call it. */
export const speaking = Effect.fnUntraced(function* (
  changes: {
    readonly options?: Partial<DialectWhyLabs.Options>
    readonly accounts?: ReadonlyArray<Account>
    readonly host?: Partial<Host>
    readonly store?: KeyStore.KeyStore["Service"]
  } = {}
) {
  const store = changes.store ?? (yield* memory())
  const host = makeHost({ acme: store, other: yield* memory() }, changes.accounts, changes.host)
  const dialect = yield* DialectWhyLabs.make({ ...options, ...changes.options }, host)
  const call = (method: string, path: string, more: Record<string, string> = {}) =>
    send(dialect, path, { method, headers: { ...headers, ...more } })
  return { call, dialect, host, store }
})
