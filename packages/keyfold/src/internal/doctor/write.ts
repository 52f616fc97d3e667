/** One key, made the way every key is, read back and revoked: what reading alone does not show. */
import type { ApiKey } from "@keyfold/core/ApiKey"
import type { ListRequest } from "@keyfold/core/Driver"
import type { KeySpec } from "@keyfold/core/KeySpec"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import * as Label from "@keyfold/core/Label"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { failure, type Finding, info, ok, rightFix, warning } from "./finding.ts"
import type { Opened } from "./patient.ts"

const name = "keyfold-doctor"

/** So long a create may take, with whatever has to be settled for it. */
const within = Duration.seconds(15)

/** What a key is seen within, beyond the time the backend may take to show it. */
const margin = Duration.seconds(3)

/** What a create that failed says. */
const uncreated = ({ operationId, reason }: KeyStoreError, store: string): Finding => {
  switch (reason._tag) {
    case "PermissionDenied":
    case "Unauthenticated":
      return failure("role", `creating a key: ${reason.message}`, rightFix("create keys"))
    case "QuotaExceeded":
      return failure("quota", reason.message, "Revoke keys that are not used any more, or raise the limit.")
    case "OutcomeUnknown": {
      const fix = `Look for a key named ${name} with: keyfold list --store ${store}. Revoke it.`
      return failure("cleanup", `creating a key: ${reason.message} (operation ${operationId ?? "unknown"})`, fix)
    }
    default:
      return failure("role", `creating a key: ${reason.message}`, `Try: keyfold create --store ${store}`)
  }
}

const everyLive: ListRequest = { owner: undefined, statuses: ["active"] }

/** Keys with their names as the backend has them, marks included. */
const labelled = ({ driver: { list } }: Opened): Stream.Stream<ReadonlyArray<ApiKey>, unknown> =>
  list.kind === "stream"
    ? list.open(everyLive)
    : Stream.paginate(Option.getOrUndefined(Option.none<string>()), (position) =>
        Effect.map(
          list.page({ ...everyLive, limit: 1000, position }),
          ({ keys, next }) => [[keys], Option.fromUndefinedOr(next)] as const
        )
      )

/** The key's name as the backend lists it, once it does. */
const listedName = (opened: Opened, id: string): Effect.Effect<Option.Option<string>, unknown> =>
  labelled(opened).pipe(
    Stream.flattenIterable,
    Stream.filter((key) => key.id === id),
    Stream.runHead,
    Effect.map(Option.map((key) => key.name ?? ""))
  )

const markOf = Effect.fnUntraced(function* (opened: Opened, id: string): Effect.fn.Return<Finding> {
  const { consistency, createSafety } = opened.driver.capabilities
  if (createSafety === "idempotent") return ok("marker", "the backend knows a create again by its operation id")
  if (createSafety === "none") {
    return info("marker", "the backend keeps no mark of a create: one whose answer is lost cannot be found again")
  }
  const patience = Duration.sum(consistency.visibility.within, margin)
  const deadline = (yield* Clock.currentTimeMillis) + Duration.toMillis(patience)
  for (;;) {
    const found = yield* Effect.orElseSucceed(listedName(opened, id), () => Option.none())
    if (Option.isSome(found)) {
      return Label.read(found.value).mark === undefined
        ? failure(
            "marker",
            "the mark in the new key's name did not come back: a create whose answer is lost cannot be found again",
            "See whether something in front of the backend changes names. If not, expect OutcomeUnknown from creates here."
          )
        : ok("marker", "the mark in the new key's name came back")
    }
    if ((yield* Clock.currentTimeMillis) >= deadline) {
      const message = `the new key was not listed within ${Duration.format(patience)}`
      return warning("marker", message, "Run the doctor again; the backend shows new keys later than it says.")
    }
    yield* Effect.sleep("250 millis")
  }
})

const cleanUp = (opened: Opened, key: ApiKey): Effect.Effect<Finding> =>
  Effect.match(
    Effect.retry(opened.store.revoke(key), Schedule.upTo(Schedule.exponential("100 millis"), { times: 3 })),
    {
      onSuccess: () => ok("cleanup", `key ${key.id} was created, read back and revoked`),
      onFailure: ({ reason }) =>
        failure(
          "cleanup",
          `key ${key.id} was created and could not be revoked: ${reason.message}`,
          `Revoke it with: keyfold revoke ${key.id} --store ${opened.store.store}`
        )
    }
  )

const specOf = ({ driver }: Opened): Effect.Effect<KeySpec> =>
  Effect.map(DateTime.now, (now) => ({
    name,
    // Where revoking fails it ends by itself.
    ...(driver.capabilities.expiry ? { expiresAt: DateTime.add(now, { hours: 1 }) } : {})
  }))

/** Creates a key, reads it back and revokes it, also where the examination is cut off in between. */
export const writing = (chart: Array<Finding>, opened: Opened): Effect.Effect<void> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const { store } = opened
      const created = yield* Effect.result(restore(store.create(yield* specOf(opened), { within })))
      if (created._tag === "Failure") return void chart.push(uncreated(created.failure, store.store))
      const { key } = created.success
      yield* Effect.onExit(restore(Effect.map(markOf(opened, key.id), (finding) => void chart.push(finding))), () =>
        Effect.map(cleanUp(opened, key), (finding) => void chart.push(finding))
      )
    })
  )
