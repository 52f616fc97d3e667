/** One source, from its first key to its end. */
import type { KeyStatus } from "@keyfold/core/ApiKey"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { statuses } from "@keyfold/core/KeyList"
import type { OwnedKey, Source } from "@keyfold/core/KeyStores"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import type * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Completeness, Event, KeyEvent, Options, Origin, StoreDone } from "../../Inventory.ts"
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

/** The keys of one source, judged, and its end. */
export const readSource = (source: Source, options: Options, now: DateTime.Utc): Stream.Stream<Event> =>
  Stream.suspend(() => {
    const { backend, credential, store, tenants } = source
    const origin: Origin = { store, ...(credential === undefined ? {} : { credential }), backend }
    const { judge, counts, gaps } = classify.make(source, options, now.epochMilliseconds)
    const { listed, missing } = stateOf(source, options)
    const { only, tenant } = options
    let keys = 0
    const done = (completeness: Completeness): StoreDone => ({
      _tag: "StoreDone",
      origin,
      tenants: tenant === undefined ? tenants : [tenant],
      keys,
      findings: counts(),
      gaps: gaps(),
      completeness
    })
    const filter = { status: listed, ...(tenant === undefined ? {} : { tenant }) }
    const all = listed.length === 0 ? Stream.empty : source.keys(filter)
    const events = (only === undefined ? all : Stream.filter(all, (owned) => only(owned.tenant))).pipe(
      Stream.mapArray((batch) => {
        keys += batch.length
        return Arr.map(batch, (owned): Event => keyEvent(origin, owned, judge(owned)))
      })
    )
    return events.pipe(
      Stream.concat(Stream.sync(() => done(ended(source, missing)))),
      Stream.catchCause((cause) =>
        Cause.hasInterruptsOnly(cause)
          ? Stream.failCause(Cause.interrupt())
          : Stream.sync(() => done(broken(Option.getOrUndefined(Cause.findErrorOption(cause)))))
      )
    )
  })
