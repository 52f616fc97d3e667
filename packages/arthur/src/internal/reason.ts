/** What Arthur means by a status, where the shared table does not know it. */
import { InvalidRequest, NotFound, PermissionDenied, QuotaExceeded, Unauthenticated } from "@keyfold/core/KeyStoreError"
import type { Refine } from "@keyfold/http/HttpReason"
import * as Predicate from "effect/Predicate"
import { assignableRoles } from "./wire.ts"

/** 404 and 405 of the server's router or of a proxy: a missing slash looks like this where the UI is mounted. */
const wrongPath: Refine = ({ status }) =>
  status === 404 || status === 405
    ? new InvalidRequest({
        field: "baseUrl",
        problem: "the server answers but has no Arthur API-key route there; check the address and its path prefix"
      })
    : undefined

const unauthenticated: Refine = ({ detail, status }) =>
  // The 500 comes before any handler: a token that looks like a JWT could not be checked.
  status === 401 || (status === 500 && detail === "Unable to verify credentials")
    ? new Unauthenticated({
        problem:
          "Arthur accepts the deployment's admin key or a Keycloak token here; keys made through this API are refused"
      })
    : undefined

const denied: Refine = ({ status }) =>
  status === 403
    ? new PermissionDenied({ problem: "the credential lacks the role: ORG-ADMIN to write, ORG-AUDITOR to read" })
    : undefined

/** Reads the failures every call shares. */
export const shared: Refine = (failure) => unauthenticated(failure) ?? denied(failure) ?? wrongPath(failure)

/**
 * Reads a failed create. Quota, a refused role and validation are all 400; two fixed texts tell the first two apart.
 *
 * Any other 400 is validation: its text echoes the input and a path of the server, so it is neither parsed nor kept.
 */
export const create =
  (limit: number | undefined): Refine =>
  ({ detail = "", status }) => {
    if (status !== 400 && status !== 422) return undefined
    if (detail.startsWith("Maximum number of active keys")) {
      return new QuotaExceeded(limit === undefined ? {} : { limit })
    }
    const roles = assignableRoles.join(", ")
    // A validation text lists the roles too: over several lines, or as a Python list on older servers.
    if (!/\n|^\s*\[/.test(detail) && detail.includes("TENANT-USER")) {
      const problem = `Arthur does not give TENANT-USER to keys; it accepts ${roles}`
      return new InvalidRequest({ field: "scopes", problem })
    }
    return new InvalidRequest({ problem: `Arthur refused the key as invalid; its roles are ${roles}` })
  }

/** Reads a failure about one key: a 404 of the handler, which has a `detail` that is not the router's own, is a key's. */
export const key: Refine = ({ detail, json, status }) =>
  status === 404 && Predicate.hasProperty(json, "detail") && detail !== "Not Found" ? new NotFound({}) : undefined
