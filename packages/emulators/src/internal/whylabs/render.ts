/** From a row to the JSON of the wire. */
import type { Switches } from "../../WhyLabs.ts"
import type { Row, View } from "./table.ts"
import { formatTime } from "./times.ts"

/** What differs between the places a `UserApiKey` appears in. */
export interface Details {
  /** The full key with its organization; on create only. */
  readonly key?: string
  /** Whether this mapping carries `lastUsedTime`. */
  readonly lastUsed: boolean
}

const time = (value: number | undefined) => (value === undefined ? undefined : formatTime(value))

// The stored set of scopes keeps no order; descending makes a client that expects its own order fail.
const scopesOf = (row: Row) =>
  row.scopes === undefined || row.scopes.length === 0 ? undefined : row.scopes.toSorted().toReversed()

const aliasOf = (row: Row, switches: Switches) => row.alias ?? (switches.unsetAlias === "empty" ? "" : undefined)

// JSON omits what is undefined.
const omitAbsent = (fields: Readonly<Record<string, unknown>>, switches: Switches) =>
  switches.explicitNulls
    ? Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, value ?? null]))
    : fields

/** The `UserApiKey` of create, list, get and revoke. */
export const userApiKey = ({ revoked, row }: View, switches: Switches, details: Details) =>
  omitAbsent(
    {
      key: details.key,
      keyId: row.keyId,
      orgId: row.organization,
      userId: row.userId,
      creationTime: formatTime(row.creationTime),
      expirationTime: time(row.expirationTime),
      lastUsedTime: details.lastUsed ? time(row.lastUsedTime) : undefined,
      scopes: scopesOf(row),
      resourceId: row.resourceId,
      alias: aliasOf(row, switches),
      revoked
    },
    switches
  )

/** The shorter item of the v1 list. */
export const apiKeyMetadata = ({ row }: View, switches: Switches) =>
  omitAbsent(
    {
      keyId: row.keyId,
      orgId: row.organization,
      expirationTime: time(row.expirationTime),
      scopes: scopesOf(row),
      alias: aliasOf(row, switches)
    },
    switches
  )
