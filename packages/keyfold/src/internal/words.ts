/** Capabilities in words: pure, so that the command, the tour and the tables of the READMEs all say the same. */
import { supports, type Bound, type Capabilities, type Support } from "@keyfold/core/Capabilities"
import type { Operation } from "@keyfold/core/KeyStoreError"
import * as Duration from "effect/Duration"

/** The six operations, in the order a key lives through them. */
export const operations: ReadonlyArray<Operation> = ["create", "get", "list", "revoke", "usage", "verify"]

const served: { readonly [Kind in Support]: string } = {
  native: "by the backend",
  derived: "by keyfold, from other operations",
  unsupported: "not possible"
}

/** Says how an operation is served. */
export const support = (kind: Support): string => served[kind]

const units = [
  { name: "days", seconds: 86_400, from: 2 * 86_400 },
  { name: "h", seconds: 3600, from: 2 * 3600 },
  { name: "min", seconds: 60, from: 120 }
] as const

/** Says how long something takes, in the largest unit of which there are whole ones. */
export const duration = (length: Duration.Duration): string => {
  const seconds = Math.round(Duration.toMillis(length)) / 1000
  const unit = units.find((one) => seconds >= one.from && seconds % one.seconds === 0)
  return unit === undefined ? `${seconds} s` : `${seconds / unit.seconds} ${unit.name}`
}

/** Says how soon something has happened for sure, or should have. */
export const within = (length: Duration.Duration): string =>
  Duration.toMillis(length) === 0 ? "at once" : `within ${duration(length)}`

const bound = (bound: Bound): string =>
  Duration.toMillis(bound.within) === 0 ? "at once" : `${within(bound.within)} (${bound.basis})`

const choose = <Value extends string>(value: Value, words: { readonly [Key in Value]: string }): string => words[value]

const quota = ({ quota }: Capabilities): string =>
  quota.source === "unknown"
    ? "the backend's limit is not known"
    : `${quota.limit} live keys (${quota.source === "known" ? "the backend says so" : "the configuration says so"})`

const usage = (value: Capabilities["usage"]): string =>
  choose(value, {
    exact: "exact counts",
    approximate: "counts that may lag or be sampled",
    lastUsedOnly: "only the time of the last use",
    unknown: "none"
  })

type Facts = ReadonlyArray<readonly [name: string, words: string]>

const aboutKeys = (capabilities: Capabilities): Facts => [
  ["Owners", choose(capabilities.owners, { required: "every key has one", optional: "optional", unsupported: "none" })],
  ["Scopes", capabilities.scopes ? "a key may be limited to some" : "none"],
  ["Expiry", capabilities.expiry ? "a key may end by itself" : "keys never end by themselves"],
  ["Tags", capabilities.tags ? "yes" : "none"],
  [
    "Revoked keys",
    `${choose(capabilities.listsRevoked, {
      always: "listed on request",
      byOwner: "listed on request, for one owner at a time",
      never: "never listed"
    })}; get ${capabilities.getsRevoked ? "finds" : "does not find"} them`
  ],
  ["Pages", capabilities.pagination === "native" ? "from the backend" : "cut by keyfold from a fresh list"],
  ["Usage numbers", usage(capabilities.usage)],
  ["Leaked secrets", capabilities.identify ? "tell which key they belong to" : "do not tell which key they belong to"],
  ["Quota", quota(capabilities)],
  [
    "Tenants",
    choose(capabilities.tenancy, {
      native: "kept apart by the backend",
      label: "kept apart by a keyed mark in each name",
      none: "cannot be kept apart"
    })
  ]
]

const aboutChanges = (capabilities: Capabilities): Facts => [
  ["Revokes", capabilities.revokes === "any" ? "any key" : "only keys made with the same credential"],
  [
    "Revoking an unknown id",
    choose(capabilities.revokeUnknown, {
      notFound: "is reported as such",
      ambiguous: "looks like a wrong owner or a key too new to be seen",
      undocumented: "is not documented"
    })
  ],
  ["Revoking twice", capabilities.repeatedRevoke === "unchanged" ? "changes nothing" : "moves the time of revocation"],
  ["A revoked secret stops working", bound(capabilities.revocationLag)],
  ["A change shows in reads", bound(capabilities.consistency.visibility)],
  ["An abandoned request may still act", bound(capabilities.consistency.settle)],
  [
    "A lost create",
    choose(capabilities.createSafety, {
      idempotent: "is recognised by its operation id and replaced",
      marker: "is found by its mark and revoked, then made anew",
      none: "cannot be found again"
    })
  ]
]

/** The facts on which two backends differ, each as a name and a sentence's part. */
export const facts = (capabilities: Capabilities): Facts => [...aboutKeys(capabilities), ...aboutChanges(capabilities)]

const aboutRevoked = ({ getsRevoked, listsRevoked }: Capabilities): string => {
  if (listsRevoked === "always") return ""
  if (listsRevoked === "byOwner") return "revoked keys by owner only"
  return getsRevoked ? "revoked keys are not listed" : "revoked keys vanish"
}

/** Everybody reckons with a second. */
const noticeable = Duration.seconds(1)

/** What a person used to other backends should know first. */
export const caveats = (capabilities: Capabilities): ReadonlyArray<string> => {
  const { consistency, createSafety, expiry, revocationLag, revokes, scopes } = capabilities
  const missing = operations.filter((operation) => !supports(capabilities, operation))
  const { visibility } = consistency
  return [
    missing.length === 0 ? "" : `no ${missing.join(", no ")}`,
    expiry ? "" : "no expiry",
    scopes ? "" : "no scopes",
    aboutRevoked(capabilities),
    revokes === "any" ? "" : "revokes its own keys only",
    createSafety === "none" ? "a lost create cannot be found" : "",
    Duration.toMillis(visibility.within) === 0 ? "" : `reads lag up to ${duration(visibility.within)}`,
    Duration.isLessThanOrEqualTo(revocationLag.within, noticeable)
      ? ""
      : `a revoked secret works up to ${duration(revocationLag.within)} longer`
  ].filter((caveat) => caveat !== "")
}
