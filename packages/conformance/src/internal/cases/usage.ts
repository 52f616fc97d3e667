/** The numbers a backend reports. */
import type { KeyUsage } from "@keyfold/core/KeyUsage"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import { inGroup, type Terms } from "../definition.ts"
import { fails, isTrue, same } from "../expect.ts"
import { bare, created, refusedUnsent, settled, unknownRef, type World } from "../world.ts"
import { emptyRef } from "./get.ts"

const usage = inGroup("usage")

const counts = ["completedRequests", "successfulRequests", "failedRequests", "requestsPerDay", "quotaUsed"] as const

/** Checks a report against the declared precision: counts where there are some, and no zero for "not known". */
const isHonest = Effect.fnUntraced(function* (world: World, report: KeyUsage) {
  yield* same(report.precision, world.capabilities.usage, "precision of the report")
  for (const name of counts) {
    const value = report[name]
    if (world.capabilities.usage === "lastUsedOnly")
      yield* same(value, undefined, `${name} of a backend without counts`)
    else yield* isTrue(value === undefined || (Number.isFinite(value) && value >= 0), `${name} is a count or absent`)
  }
  if (world.capabilities.usage !== "lastUsedOnly") {
    yield* isTrue(
      counts.some((name) => report[name] !== undefined),
      "a backend with counts reports at least one"
    )
  }
})

const reports = Effect.fnUntraced(function* (world: World) {
  const { key } = yield* created(world, { name: "ci" })
  const report = yield* world.store.usage(bare(key))
  yield* same(report.id, key.id, "id of the report")
  yield* isHonest(world, report)
})

const neverUsed = Effect.fnUntraced(function* (world: World) {
  const { key } = yield* created(world, { name: "ci" })
  yield* same((yield* world.store.usage(bare(key))).lastUsedAt, undefined, "lastUsedAt of a key never used")
})

const verified = (world: World, secret: Redacted.Redacted<string>, times: number) =>
  Effect.forEach(Array.from({ length: times }), () =>
    Effect.andThen(Effect.sleep("1 second"), world.store.verify(secret))
  )

const countsVerified = Effect.fnUntraced(function* (world: World) {
  const { key, secret } = yield* created(world, { name: "ci" })
  const other = yield* created(world, { name: "unused" })
  yield* verified(world, secret, 3)
  yield* Effect.sleep("1 minute")
  const report = yield* world.store.usage(bare(key))
  yield* isHonest(world, report)
  if (world.capabilities.usage === "exact") {
    yield* same(report.completedRequests, 3, "completedRequests after three uses")
    yield* same(report.successfulRequests, 3, "successfulRequests after three uses")
  }
  const unused = yield* world.store.usage(bare(other.key))
  yield* same(unused.lastUsedAt, undefined, "lastUsedAt of another key")
  yield* same(unused.completedRequests ?? 0, 0, "completedRequests of another key")
})

const lastUsed = (
  use: (world: World, issued: Effect.Success<ReturnType<typeof created>>) => Effect.Effect<unknown, unknown>
) =>
  Effect.fnUntraced(function* (world: World) {
    const issued = yield* created(world, { name: "ci" })
    yield* Effect.sleep("10 minutes")
    const now = yield* DateTime.now
    yield* use(world, issued)
    yield* settled(world)
    const report = yield* world.store.usage(bare(issued.key))
    const key = yield* world.store.get(bare(issued.key))
    // A backend may count uses in one place and keep their time in another.
    const lastUsedAt = report.lastUsedAt ?? (world.capabilities.usage === "lastUsedOnly" ? undefined : key.lastUsedAt)
    const late = lastUsedAt === undefined ? Number.NaN : lastUsedAt.epochMilliseconds - now.epochMilliseconds
    yield* isTrue(Math.abs(late) <= 2000, `lastUsedAt is ${late} ms away from the time of use`)
  })

const supported = { when: ({ operations }) => operations.usage !== "unsupported" } satisfies Terms

const verifiable = {
  when: ({ operations }) => operations.usage !== "unsupported" && operations.verify === "native"
} satisfies Terms

/** The cases of usage. */
export const cases = [
  usage("a report has the declared precision and no number the backend does not know", reports, supported),
  usage("a key that was never used has no time of last use", neverUsed, supported),
  usage("uses that verify accepted are counted for their key alone", countsVerified, {
    when: (capabilities) => verifiable.when(capabilities) && capabilities.usage !== "lastUsedOnly"
  }),
  usage(
    "the time of last use is the time of the use",
    lastUsed((world, { secret }) => world.store.verify(secret)),
    { when: (capabilities) => verifiable.when(capabilities) && capabilities.usage !== "lastUsedOnly" }
  ),
  usage(
    "the time of last use follows the backend's own record",
    lastUsed((world, issued) => world.backend.use?.(issued) ?? Effect.die("the backend offers no use")),
    { ...supported, needs: ["use"] }
  ),
  usage(
    "the usage of an unknown id is NotFound",
    (world) => fails(world.store.usage(unknownRef(world)), "NotFound"),
    supported
  ),
  usage(
    "the usage of an empty id is refused unsent",
    (world) => refusedUnsent(world, world.store.usage(emptyRef), "InvalidRequest"),
    supported
  ),
  usage(
    "usage is Unsupported and sends nothing",
    (world) => refusedUnsent(world, world.store.usage(unknownRef(world)), "Unsupported"),
    {
      when: ({ operations }) => operations.usage === "unsupported"
    }
  )
]
