/** Keyfold's store on SQL. */
import * as KeyStore from "@keyfold/core/KeyStore"
import * as Sql from "@keyfold/sql/Sql"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import { ownerName, perOwner, type Open } from "./client.ts"

/** Keys every hash of the benchmarks. */
export const pepper = "a pepper that is only ever used by benchmarks, of 32 bytes and more"

/** Opens the store; each call is a program of its own, as for somebody who does not write Effect. */
export const open: Open = async (place) => {
  const url = place.engine === "sqlite" ? `sqlite:${place.file}` : place.url
  const runtime = ManagedRuntime.make(Sql.layer({ url, pepper: Redacted.make(pepper) }))
  const keys = await runtime.runPromise(KeyStore.KeyStore)
  return {
    create: async (owner, name) => {
      const { secret } = await Effect.runPromise(keys.create({ name, owner: ownerName(owner), scopes: ["read"] }))
      return Redacted.value(secret)
    },
    verify: async (secret) => {
      const answer = await Effect.runPromise(keys.verify(Redacted.make(secret)))
      return { valid: answer.valid, answer }
    },
    list: async (owner) => {
      const page = await Effect.runPromise(keys.listPage({ owner: ownerName(owner), limit: perOwner }))
      return page.keys
    },
    close: () => runtime.dispose()
  }
}
