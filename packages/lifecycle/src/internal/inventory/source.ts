/** One source, from its first key to its end. */
import type { KeyStatus } from "@keyfold/core/ApiKey"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { statuses } from "@keyfold/core/KeyList"
import type { OwnedKey, Source } from "@keyfold/core/KeyStores"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Batch, Completeness, KeyEvent, Options, Origin, StoreDone } from "../../Inventory.ts"
import * as classify from "./classify.ts"

const every: ReadonlyArray<KeyStatus> = ["active", "expired", "revoked"]

/** What to ask the backend for, and what of the asked it does not list. */
const stateOf = ({ capabilities }: Source, { status }: Options) => {
  const asked = status === undefined ? every : statuses({ status })
  const isHidden = (state: KeyStatus) => state === "revoked" && capabilities.listsRevoked !== "always"
  return { listed: asked.filter((state) => !isHidden(state)), missing: asked.filter(isHidden) }
}

const ended = ({ capabilities }: Source, missing: ReadonlyArray<KeyStatus>): Completeness => {
  const lag = capabilities.consistency.visibility
  if (missing.length > 0) return { _tag: "statesMissing", states: missing, lag }
  return Duration.toMillis(lag.within) > 0 ? { _tag: "lagging", lag } : { _tag: "complete" }
}

/** What failed may say what it is: both kinds of errors hold no secret. A defect may hold anything. */
const broken = (error: ConfigurationError | KeyStoreError | undefined): Completeness => {
  if (error === undefined) {
    return { _tag: "failed", reason: "Bug", problem: "something happened that must not happen; this is a bug" }
  }
  const reason = error._tag === "KeyStoreError" ? error.reason._tag : "Configuration"
  return { _tag: "failed", reason, problem: error.message }
}

const keyEvent = (origin: Origin, owned: OwnedKey, findings: KeyEvent["findings"]): KeyEvent =>
  owned.tenant === undefined
    ? {
        _tag: "Key",
        origin,
        tenant: undefined,
        unassigned: owned.unassigned,
        ...(owned.partition === undefined ? {} : { partition: owned.partition }),
        key: owned.key,
        findings
      }
    : { _tag: "Key", origin, tenant: owned.tenant, key: owned.key, findings }

/** The keys that are told of, in these states. */
const wanted = (
  source: Source,
  listed: ReadonlyArray<KeyStatus>,
  { only, tenant }: Options
): ReturnType<Source["keys"]> => {
  if (listed.length === 0) return Stream.empty
  const all = source.keys({ status: listed, ...(tenant === undefined ? {} : { tenant }) })
  return only === undefined ? all : Stream.filter(all, (owned) => only(owned.tenant))
}

/** The keys of one source, judged, batch by batch, and its end. */
export const readSource = (source: Source, options: Options, limits: classify.Limits): Stream.Stream<Batch> =>
  Stream.suspend(() => {
    const { backend, credential, store, tenants } = source
    const origin: Origin = { store, ...(credential === undefined ? {} : { credential }), backend }
    const { judge, counts, gaps } = classify.make(source, options, limits)
    const { listed, missing } = stateOf(source, options)
    const { classes, tenant } = options
    let keys = 0
    const done = (completeness: Completeness): Batch => {
      const tenantsRead = tenant === undefined ? tenants : [tenant]
      const end: StoreDone = {
        _tag: "StoreDone",
        origin,
        tenants: tenantsRead,
        keys,
        findings: counts(),
        gaps: gaps(),
        completeness
      }
      return { keys: 0, events: [end] }
    }
    const toBatch = (owned: ReadonlyArray<OwnedKey>): Batch => {
      const events: Array<KeyEvent> = []
      for (const each of owned) {
        const findings = judge(each)
        if (classes === undefined || findings.length > 0) events.push(keyEvent(origin, each, findings))
      }
      keys += owned.length
      return { keys: owned.length, events }
    }
    return wanted(source, listed, options).pipe(
      Stream.mapArray((owned) => Arr.of(toBatch(owned))),
      Stream.concat(Stream.sync(() => done(ended(source, missing)))),
      Stream.catchCause((cause) =>
        Cause.hasInterruptsOnly(cause)
          ? Stream.failCause(Cause.interrupt())
          : Stream.sync(() => done(broken(Option.getOrUndefined(Cause.findErrorOption(cause)))))
      )
    )
  })
