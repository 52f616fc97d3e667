/** Our own clients at the dialects keep the whole contract of a store: the wire loses nothing of it on the way. */
import * as Arthur from "@keyfold/arthur/Arthur"
import * as Backend from "@keyfold/conformance/Backend"
import type * as Contract from "@keyfold/conformance/Contract"
import { suite } from "@keyfold/conformance/KeyStoreSuite"
import type { Capabilities } from "@keyfold/core/Capabilities"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { Driver } from "@keyfold/core/Driver"
import * as KeyStore from "@keyfold/core/KeyStore"
import type { Dialect, Host } from "@keyfold/gateway/Dialect"
import * as DialectArthur from "@keyfold/gateway/DialectArthur"
import * as DialectOccam from "@keyfold/gateway/DialectOccam"
import * as DialectTokens from "@keyfold/gateway/DialectTokens"
import * as DialectWhyLabs from "@keyfold/gateway/DialectWhyLabs"
import * as Occam from "@keyfold/occam/Occam"
import * as Sql from "@keyfold/sql/Sql"
import * as WhyLabs from "@keyfold/whylabs/WhyLabs"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { makeHost, memory, origin, reaching, root } from "./DialectHost.ts"

const apiKey = Redacted.make(root.secret)
const organization = "org-7Kd3mQ"
const foreignSecrets = ["abcdefghij.not-long-enough", "aGVsbG86d29ybGQ="]
const unknownId = "00000000-0000-4000-8000-000000000000"

const pepper = Redacted.make("a pepper for conformance that is long enough for everyone")

/** `npm run test:thorough` asks it of SQL too: a store that counts uses takes longer for the days that cases wait. */
const isThorough = process.env["KEYFOLD_THOROUGH"] !== undefined

const sql = Effect.flatMap(Sql.make({ url: "sqlite::memory:", pepper }), (driver) => KeyStore.make(driver))

const stores = isThorough ? { memory: memory(), sql } : { memory: memory() }

interface Spoken {
  readonly dialect: (host: Host) => Effect.Effect<Dialect, ConfigurationError>
  readonly client: (baseUrl: string) => Effect.Effect<Driver, ConfigurationError, Scope.Scope>
  readonly capabilities: Capabilities
  readonly samples: Contract.Samples
}

const spoken: Readonly<Record<string, Spoken>> = {
  WhyLabs: {
    dialect: (host) => DialectWhyLabs.make({ organizations: { [organization]: "acme" }, owner: "nobody" }, host),
    client: (baseUrl) => WhyLabs.make({ baseUrl, organization, apiKey }),
    capabilities: WhyLabs.capabilities({}),
    samples: {
      scopes: [":user", ":write_data"],
      unknownId: "Zz00Zz00Zz",
      foreignSecrets
    }
  },
  Arthur: {
    dialect: (host) => DialectArthur.make({ tenant: "acme" }, host),
    client: (baseUrl) => Arthur.make({ baseUrl, apiKey }),
    // The store behind keeps the time of the first revocation, where Arthur itself moves it.
    capabilities: { ...Arthur.capabilities({}), repeatedRevoke: "unchanged" },
    samples: { scopes: ["TASK-ADMIN", "ORG-AUDITOR"], unknownId, foreignSecrets }
  },
  Occam: {
    dialect: (host) =>
      Effect.flatMap(DialectTokens.inMemory, (storage) =>
        DialectOccam.make({ tenant: "acme", secret: pepper, scopes: ["use"] }, host, storage)
      ),
    client: (baseUrl) => Occam.make({ baseUrl, apiKey }),
    capabilities: Occam.capabilities({}),
    samples: { unknownId, foreignSecrets }
  }
}

/** The secret is the text of the store behind, so that nobody can read a key's id from it. */
const withoutIdentify = ({ identify: _identify, ...driver }: Driver, capabilities: Capabilities): Driver => ({
  ...driver,
  capabilities
})

for (const [name, { capabilities, client, dialect, samples }] of Object.entries(spoken)) {
  for (const [behind, open] of Object.entries(stores)) {
    const declared = { ...capabilities, identify: false }
    const driver: Effect.Effect<Driver, ConfigurationError, Scope.Scope> = Effect.gen(function* () {
      const mounted = yield* dialect(makeHost({ acme: yield* open }))
      return withoutIdentify(yield* reaching(client(`${origin}${mounted.path}`), mounted), declared)
    })
    suite(`the ${name} dialect over ${behind}`, {
      capabilities: declared,
      samples,
      credentials: [root.secret],
      backend: Backend.fromDriver(driver),
      layer: (options, { driver }) => KeyStore.layer(driver, options),
      driver: ({ driver }) => Effect.succeed(driver)
    })
  }
}
