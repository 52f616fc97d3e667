/** Authentication: who presents which credential, and what roles it gives. */
import type { Clock } from "../../Emulator.ts"
import type { AwsIdentity, Credential } from "../../WhyLabs.ts"
import { parseKey } from "./keys.ts"
import type { Row, Table } from "./table.ts"

/** The id of WhyLabs' own organization, whose keys are the only ones that get internal roles. */
export const internalOrganization = "0"

/** The ten scopes a customer may use. */
export const externalScopes: ReadonlyArray<string> = [
  ":account_administrator",
  ":administrator",
  ":authenticated",
  ":secure_container",
  ":user",
  ":write_data",
  ":write_notification",
  ":read_notification",
  ":write_resource",
  ":read_resource"
]

const internalScopes: ReadonlyArray<string> = [":whylabs_administrator", ":whylabs_system"]

/** The twelve scopes v0 takes. */
export const allScopes: ReadonlyArray<string> = [...externalScopes, ...internalScopes]

/** An authenticated caller. */
export interface Caller {
  /** The calling key's id; for an AWS identity the forwarded identity or a fixed name. */
  readonly id: string
  readonly organization: string
  readonly roles: ReadonlySet<string>
  readonly superAdministrator: boolean
  /** AWS identities bypass the rate limit. */
  readonly bypassesRateLimit: boolean
}

/** Finds out who calls: nobody, somebody whose credential is refused, or a caller. */
export type Identify = (headers: Headers) => "absent" | "refused" | Caller

const roleOf = (scope: string) => scope.slice(1).toUpperCase()

const awsCacheMilliseconds = 15 * 60_000

/** The credential a request presents: the header first, even when empty, then the cookie of the same name. */
export const presented = (headers: Headers): string | undefined => {
  const header = headers.get("x-api-key")
  if (header !== null) return header
  for (const pair of (headers.get("cookie") ?? "").split(";")) {
    const [name = "", ...value] = pair.split("=")
    if (name.trim() === "X-API-Key") return value.join("=").trim()
  }
  return undefined
}

/** Reads the JSON of AWS session credentials; undefined when it is something else. */
export const parseAwsIdentity = (value: string): AwsIdentity | undefined => {
  if (!value.startsWith("{") || !value.endsWith("}")) return undefined
  try {
    const { AccessKeyId, SecretAccessKey, SessionToken } = JSON.parse(value)
    const complete = [AccessKeyId, SecretAccessKey, SessionToken].every((field) => typeof field === "string")
    return complete ? { AccessKeyId, SecretAccessKey, SessionToken } : undefined
  } catch {
    return undefined
  }
}

const callerOfRow = (row: Row): Caller => {
  const internal = row.organization === internalOrganization
  const own = row.scopes ?? []
  // Keys of the internal organization get every external role; internal scopes of other organizations are inert.
  const effective = internal
    ? [...externalScopes, ...own.filter((scope) => internalScopes.includes(scope))]
    : own.filter((scope) => externalScopes.includes(scope))
  return {
    id: row.keyId,
    organization: row.organization,
    roles: new Set(["AUTHENTICATED", ...effective.map(roleOf)]),
    superAdministrator: effective.some((scope) => internalScopes.includes(scope)),
    bypassesRateLimit: false
  }
}

/** Makes the authentication of one emulator. */
export const makeIdentify = (table: Table, clock: Clock, credentials: ReadonlyArray<Credential>): Identify => {
  const recognisers = credentials.flatMap((credential) =>
    credential.kind === "awsIdentity" ? [credential.accepts] : []
  )
  const acceptedUntil = new Map<string, number>()
  const isAccepted = (value: string, identity: AwsIdentity) => {
    if ((acceptedUntil.get(value) ?? -Infinity) > clock.now()) return true
    if (!recognisers.some((accepts) => accepts(identity))) return false
    acceptedUntil.set(value, clock.now() + awsCacheMilliseconds)
    return true
  }
  return (headers) => {
    const value = presented(headers)
    if (value === undefined) return "absent"
    const identity = parseAwsIdentity(value)
    if (identity !== undefined) {
      if (!isAccepted(value, identity)) return "refused"
      // Beyond WHYLABS_SYSTEM the page names no roles for an AWS identity; it is treated as an internal key.
      return {
        id: headers.get("x-forwarded-identity") ?? "aws-identity",
        organization: internalOrganization,
        roles: new Set(["AUTHENTICATED", ...[...externalScopes, ":whylabs_system"].map(roleOf)]),
        superAdministrator: true,
        bypassesRateLimit: true
      }
    }
    const key = parseKey(value)
    const found = key === undefined ? undefined : table.authenticate(key)
    if (found === undefined) return "refused"
    // A use is buffered as soon as the key is found, before expiry and revocation are looked at.
    table.markUsed(found.row)
    const expired = found.row.expirationTime !== undefined && clock.wall() > found.row.expirationTime
    return expired || found.revoked === true ? "refused" : callerOfRow(found.row)
  }
}
