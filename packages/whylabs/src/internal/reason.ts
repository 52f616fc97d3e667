/** What WhyLabs means by a status, where the shared table does not know it. */
import {
  InvalidRequest,
  NotFound,
  PermissionDenied,
  QuotaExceeded,
  Unauthenticated,
  type Reason
} from "@keyfold/core/KeyStoreError"
import type { HttpFailure, Refine } from "@keyfold/http/HttpReason"
import { externalScopes } from "./wire.ts"

/**
 * Reads a 400. Quota and validation differ by message text only, so the texts are matched loosely and anything unknown
 * falls back to the shared table. No server text is kept: it can repeat the request.
 */
const badRequest =
  (limit: number | undefined): Refine =>
  ({ detail, status }) => {
    if (status !== 400 || detail === undefined) return undefined
    const text = detail.toLowerCase()
    if (text.includes("limit reached")) return new QuotaExceeded(limit === undefined ? {} : { limit })
    if (text.includes("invalid scope")) {
      const problem = `WhyLabs does not know one of the scopes; it accepts ${externalScopes.join(", ")}`
      return new InvalidRequest({ field: "scopes", problem })
    }
    if (text.includes("expiration")) {
      const problem = "WhyLabs refused the time; expected at least 60 seconds from its own clock"
      return new InvalidRequest({ field: "expiresAt", problem })
    }
    if (text.includes("cannot create api keys")) {
      return new PermissionDenied({ problem: "WhyLabs lets only paid organizations create keys in the v1 dialect" })
    }
    return undefined
  }

const denied = (needed: string): Refine => {
  const problem =
    "WhyLabs does not say why: the credential is unknown, expired or revoked, belongs to another organization, " +
    `or lacks ${needed}`
  const location = "WhyLabs does not permit requests from this network location"
  return ({ detail, status }) =>
    status !== 403
      ? undefined
      : new PermissionDenied({ problem: detail?.includes("this location") === true ? location : problem })
}

const unauthenticated: Refine = ({ status }) =>
  status === 401 ? new Unauthenticated({ problem: "no credential reached WhyLabs" }) : undefined

/** A 404 without a body is no missing key: the server has no such route. One that cannot be read is none either. */
const isUnroutable = ({ status, text = "" }: HttpFailure): boolean => (status === 404 || status === 415) && text === ""

const unroutable: Refine = (failure) =>
  isUnroutable(failure)
    ? new InvalidRequest({
        field: "baseUrl",
        problem: "the server answers but has no WhyLabs API-key route there; check the address and its path prefix"
      })
    : undefined

/** Reads the failures every call shares. `needed` names the role the dialect asks for. */
export const shared = (needed: string): Refine => {
  const refusal = denied(needed)
  return (failure) => unauthenticated(failure) ?? refusal(failure) ?? unroutable(failure)
}

/** Reads a failed create: its 404 is about the organization or, on v1, the resource (a "model"), not about a key. */
export const create = (limit: number | undefined): Refine => {
  const refuse = badRequest(limit)
  return (failure) => {
    if (failure.status !== 404 || isUnroutable(failure)) return refuse(failure)
    return failure.detail?.toLowerCase().includes("resource model") === true
      ? new InvalidRequest({ field: "provider.whylabs.resourceId", problem: "WhyLabs does not find the resource" })
      : new InvalidRequest({ field: "organization", problem: "WhyLabs does not find the organization" })
  }
}

/** Reads a failed revoke: unknown id, wrong owner and "made a moment ago" are one answer. */
export const revoke: Refine = (failure): Reason | undefined =>
  failure.status === 404 && !isUnroutable(failure)
    ? new NotFound({
        problem: "WhyLabs finds no such key of this owner; a key made moments ago may not be visible yet"
      })
    : undefined
