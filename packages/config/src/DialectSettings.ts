/**
 * The member `gateway.dialects` of the file: the protocols of other key services that the gateway speaks, and where.
 *
 * @since 0.1.0
 */
import { Secret } from "@keyfold/core/Secret"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { Time } from "./internal/policies.ts"

/**
 * Lists the scopes that WhyLabs knows.
 *
 * @category constants
 * @since 0.1.0
 */
export const whylabsScopes: ReadonlyArray<string> = [
  ":account_administrator",
  ":administrator",
  ":authenticated",
  ":secure_container",
  ":user",
  ":write_data",
  ":write_notification",
  ":read_notification",
  ":write_resource",
  ":read_resource",
  ":whylabs_administrator",
  ":whylabs_system"
]

/**
 * Lists the roles that a key of Arthur's can be given.
 *
 * @category constants
 * @since 0.1.0
 */
export const arthurRoles: ReadonlyArray<string> = [
  "DEFAULT-RULE-ADMIN",
  "TASK-ADMIN",
  "VALIDATION-USER",
  "ORG-AUDITOR",
  "ORG-ADMIN"
]

const Text = Schema.NonEmptyString

const mountedAt = (path: string) =>
  Schema.optionalKey(
    Schema.String.check(
      Schema.isPattern(/^(?:\/[A-Za-z0-9._~-]+)+$/, { expected: "a path such as /whylabs, without a slash at its end" })
    ).annotateKey({ description: `The path that clients take for their host's; ${path} when omitted.` })
  )

const Owner = Schema.optionalKey(
  Text.annotateKey({ description: "The owner of keys made here; the store's default when omitted." })
)

const tenant = Text.annotateKey({ description: "The tenant whose keys these are." })

/**
 * Decodes one mount of WhyLabs' protocol.
 *
 * @category schemas
 * @since 0.1.0
 */
export const WhyLabs = Schema.Struct({
  path: mountedAt("/whylabs"),
  organizations: Schema.Record(Schema.String, Text).annotateKey({
    description: "The ids of organizations, as clients send them, and the tenant that stands for each."
  }),
  owner: Text.annotateKey({ description: "The user to whom keys without an owner belong." }),
  scopes: Schema.optionalKey(
    Schema.Record(Schema.String, Text).annotateKey({
      description:
        "WhyLabs' scopes that are accepted, and the portable scope of each; all by their own names when omitted."
    })
  ),
  defaultScopes: Schema.optionalKey(
    Schema.Array(Schema.String).annotateKey({
      description: "What a create without scopes asks for, in WhyLabs' names; none when omitted."
    })
  )
})

/**
 * Decodes one mount of the protocol of Arthur's GenAI Engine.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Arthur = Schema.Struct({
  path: mountedAt("/arthur"),
  tenant,
  owner: Owner,
  roles: Schema.optionalKey(
    Schema.Record(Schema.String, Text).annotateKey({
      description:
        "Arthur's roles that are accepted, and the portable scope of each; all by their own names when omitted."
    })
  )
})

const life = "a time from 1 second to 366 days"

const TokenLife = Time.check(
  Schema.makeFilter(
    (time: Duration.Duration) => Duration.toMillis(time) >= 1_000 && Duration.toMillis(time) <= 366 * 86_400_000,
    { expected: life }
  )
)

/**
 * Decodes one mount of Occam's protocol.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Occam = Schema.Struct({
  path: mountedAt("/occam"),
  tenant,
  owner: Owner,
  scopes: Schema.optionalKey(
    Schema.Array(Text).annotateKey({
      description: "The portable scopes of keys made here; the store's default when omitted."
    })
  ),
  secret: Secret.annotateKey({ description: "What tokens are signed with: at least 32 bytes of random text." }),
  users: Schema.optionalKey(
    Schema.Record(Schema.String, Text).annotateKey({
      description: "User names, and the caller who stands behind each; the caller of that name when omitted."
    })
  ),
  accessTokenLife: Schema.optionalKey(
    TokenLife.annotateKey({ description: "How long an access token is good; 24 hours when omitted." })
  ),
  refreshTokenLife: Schema.optionalKey(
    TokenLife.annotateKey({ description: "How long a refresh token is good; 28 days when omitted." })
  )
})

const oneOrMore = <S extends Schema.Top>(schema: S) => Schema.Union([schema, Schema.Array(schema)])

/**
 * Decodes the member: a mount of each dialect, or a list of mounts.
 *
 * @category schemas
 * @since 0.1.0
 */
export const DialectSettings = Schema.Struct({
  whylabs: Schema.optionalKey(
    oneOrMore(WhyLabs).annotateKey({
      description: "Speaks WhyLabs' protocol, v0 and v1; a list mounts it several times."
    })
  ),
  arthur: Schema.optionalKey(
    oneOrMore(Arthur).annotateKey({
      description: "Speaks the protocol of Arthur's GenAI Engine; a list mounts it several times."
    })
  ),
  occam: Schema.optionalKey(
    oneOrMore(Occam).annotateKey({ description: "Speaks Occam's protocol; a list mounts it several times." })
  )
})

/**
 * Says which dialects are spoken, and where.
 *
 * @category models
 * @since 0.1.0
 */
export interface DialectSettings extends Schema.Schema.Type<typeof DialectSettings> {}
