/** The drivers of the packages, as processes of a campaign open them. */
import * as Arthur from "@keyfold/arthur/Arthur"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Driver } from "@keyfold/core/Driver"
import type { StoreOptions } from "@keyfold/core/KeyStore"
import * as Occam from "@keyfold/occam/Occam"
import * as Sql from "@keyfold/sql/Sql"
import * as WhyLabs from "@keyfold/whylabs/WhyLabs"
import { Clock } from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { organization, owner, type BackendName } from "./backend.ts"
import { clockOf } from "./scale.ts"

/** Where a backend is, and a credential it accepts; the database's URL and pepper for `sql`. */
export interface Door {
  readonly backend: BackendName
  readonly url: string
  readonly credential: string
}

/** Opens a driver; the scope's end closes it. */
export const driverOf = (setup: Door): Effect.Effect<Driver, ConfigurationError, Scope.Scope> => {
  const { backend, url: baseUrl } = setup
  const apiKey = Redacted.make(setup.credential)
  switch (backend) {
    case "whylabs-v0":
      return WhyLabs.make({ baseUrl, apiKey, organization })
    case "whylabs-v1":
      return WhyLabs.make({ baseUrl, apiKey, dialect: "v1" })
    case "arthur":
      return Arthur.make({ baseUrl, apiKey })
    case "occam":
      return Occam.make({ baseUrl, apiKey })
    case "sqlite":
    case "postgres":
      return Sql.make({ url: baseUrl, pepper: apiKey })
  }
}

/** What a backend needs to be told of every key. */
export const defaultsOf = ({ backend }: Pick<Door, "backend">): NonNullable<StoreOptions["defaults"]> => {
  if (backend === "whylabs-v0") return { owner, scopes: [":write_data"] }
  return backend === "whylabs-v1" ? { scopes: [":write_data"] } : {}
}

/** Connections to a database are opened on the machine's clock: how long that takes does not scale. */
export const onMachineTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provideService(effect, Clock, clockOf({ origin: 0, factor: 1 }, 0))
