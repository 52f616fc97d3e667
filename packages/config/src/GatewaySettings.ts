/**
 * The member `gateway` of the file: where the gateway listens, where it keeps its callers, and whom it lets in.
 *
 * @since 0.1.0
 */
import { Secret } from "@keyfold/core/Secret"
import * as Schema from "effect/Schema"
import { DialectSettings } from "./DialectSettings.ts"
import { Time } from "./internal/policies.ts"

const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1, { expected: "a whole number of 1 or more" }))

const Text = Schema.NonEmptyString

const Limit = Schema.Struct({
  requests: Count.annotateKey({ description: "So many requests." }),
  within: Time.annotateKey({ description: "The time within which they may be sent." })
})

const Limits = Schema.Struct({
  caller: Schema.optionalKey(
    Limit.annotateKey({ description: "What one caller may send; 1200 a minute when omitted." })
  ),
  tenant: Schema.optionalKey(
    Limit.annotateKey({ description: "What may be sent about one tenant; 6000 a minute when omitted." })
  ),
  refusals: Schema.optionalKey(
    Limit.annotateKey({
      description: "How many credentials may be refused to one address before it has to wait; 60 a minute when omitted."
    })
  ),
  counted: Schema.optionalKey(
    Schema.Literals(["memory", "database"]).annotateKey({
      description: "Where requests are counted: by each process, when omitted, or in the database for all."
    })
  ),
  bodyBytes: Schema.optionalKey(Count.annotateKey({ description: "The longest body; 64 KiB when omitted." })),
  headerBytes: Schema.optionalKey(Count.annotateKey({ description: "All headers together; 16 KiB when omitted." })),
  arrival: Schema.optionalKey(
    Time.annotateKey({ description: "How long a request may take to arrive; 30 seconds when omitted." })
  ),
  timeout: Schema.optionalKey(
    Time.annotateKey({ description: "How long an answer may take to begin; a minute when omitted." })
  )
})

const Issuer = Schema.Struct({
  issuer: Text.annotateKey({ description: "The issuer, as tokens name it." }),
  audience: Schema.Union([Text, Schema.Array(Text)]).annotateKey({ description: "Whom tokens must be for." }),
  jwks: Text.annotateKey({ description: "Where the issuer publishes its keys: an https: URL." }),
  algorithms: Schema.optionalKey(
    Schema.Array(Text).annotateKey({
      description: "Algorithms of signatures; RS256, PS256, ES256, EdDSA when omitted."
    })
  ),
  clockTolerance: Schema.optionalKey(
    Time.annotateKey({ description: "How far the clocks may be apart; 30 seconds when omitted." })
  ),
  scopesClaim: Schema.optionalKey(Text.annotateKey({ description: "The claim with the grants; scope when omitted." }))
})

const Tls = Schema.Struct({
  certificate: Text.annotateKey({ description: "The file with the certificate, in PEM." }),
  key: Text.annotateKey({ description: "The file with its private key, in PEM." })
})

const Port = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65_535 }, { expected: "a port from 0 to 65535" }))

const Metrics = Schema.Struct({
  host: Schema.optionalKey(Text.annotateKey({ description: "The address to listen on; 127.0.0.1 when omitted." })),
  port: Schema.optionalKey(Port.annotateKey({ description: "The port; 9464 when omitted, and any free one for 0." }))
})

/**
 * Decodes the member. Paths are as they are written.
 *
 * @category schemas
 * @since 0.1.0
 */
export const GatewaySettings = Schema.Struct({
  url: Text.annotateKey({ description: "The database of callers and audit: sqlite:gateway.db or postgres://..." }),
  password: Schema.optionalKey(Secret.annotateKey({ description: "The password of the database." })),
  pepper: Secret.annotateKey({ description: "What callers' keys are hashed with: at least 32 bytes of random text." }),
  previousPeppers: Schema.optionalKey(
    Schema.Array(Secret).annotateKey({ description: "Older peppers whose keys must still let their callers in." })
  ),
  busyTimeout: Schema.optionalKey(Time.annotateKey({ description: "How long to wait for another process's lock." })),
  host: Schema.optionalKey(Text.annotateKey({ description: "The address to listen on; 127.0.0.1 when omitted." })),
  port: Schema.optionalKey(Port.annotateKey({ description: "The port; 8080 when omitted, and any free one for 0." })),
  metrics: Schema.optionalKey(
    Metrics.annotateKey({ description: "Serves metrics for Prometheus at /metrics of this port; none when omitted." })
  ),
  tls: Schema.optionalKey(Tls.annotateKey({ description: "Serves HTTPS; without it a proxy must." })),
  jwt: Schema.optionalKey(Schema.Array(Issuer).annotateKey({ description: "Issuers whose tokens let callers in." })),
  cacheFor: Schema.optionalKey(
    Time.annotateKey({
      description: "How long a credential is taken for good once it was checked; 5 seconds when omitted."
    })
  ),
  trustedProxies: Schema.optionalKey(
    Schema.Array(Text).annotateKey({ description: "Addresses or networks whose X-Forwarded-For is believed." })
  ),
  drain: Schema.optionalKey(
    Time.annotateKey({
      description: "How long requests are still taken once it is to end, while /ready says so; not at all when omitted."
    })
  ),
  shutdown: Schema.optionalKey(
    Time.annotateKey({ description: "How long calls in flight may take to finish; 30 seconds when omitted." })
  ),
  console: Schema.optionalKey(
    Schema.Boolean.annotateKey({ description: "Serves the console at / and below /console/; true when omitted." })
  ),
  limits: Schema.optionalKey(Limits.annotateKey({ description: "What callers may send." })),
  dialects: Schema.optionalKey(
    DialectSettings.annotateKey({ description: "Protocols of other key services whose clients are served, too." })
  )
})

/**
 * Holds the member with its secrets.
 *
 * @category models
 * @since 0.1.0
 */
export interface GatewaySettings extends Schema.Schema.Type<typeof GatewaySettings> {}
