/** Creating keys: what comes back, and what is refused before anything is sent. */
import type { ApiKey } from "@keyfold/core/ApiKey"
import type { KeySpec } from "@keyfold/core/KeySpec"
import * as OperationId from "@keyfold/core/OperationId"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { inGroup } from "../definition.ts"
import { fails, isTrue, same, sameTexts } from "../expect.ts"
import { created, found, listed, refusedUnsent, settled, type World } from "../world.ts"

const create = inGroup("create")

const inMinutes = (minutes: number) =>
  Effect.map(DateTime.now, (now) => DateTime.add(now, { minutes, milliseconds: 123 }))

/** Creates a key and looks at it as create, get and list show it. */
const views = Effect.fnUntraced(function* (world: World, spec: KeySpec) {
  const { key } = yield* created(world, spec)
  const got = yield* world.store.get({ id: key.id })
  return { create: key, get: got, list: yield* found(yield* listed(world.store), key, "the list") }
})

const everywhere = (
  world: World,
  spec: KeySpec,
  check: (key: ApiKey, where: string) => Effect.Effect<void, unknown>
): Effect.Effect<void, unknown> =>
  Effect.flatMap(views(world, spec), (seen) =>
    Effect.forEach(Object.entries(seen), ([where, key]) => check(key, where), { discard: true })
  )

const returnsActiveKey = Effect.fnUntraced(function* ({ store }: World) {
  const { key, secret } = yield* store.create({ name: "ci" })
  yield* isTrue(key.id.length > 0, "the key has an id")
  yield* same(key.status, "active", "status of a new key")
  yield* isTrue(Redacted.isRedacted(secret), "the secret is Redacted")
  yield* isTrue(Redacted.value(secret).length >= 16, "the secret is long enough not to be guessed")
})

const differ = Effect.fnUntraced(function* ({ store }: World) {
  const issued = yield* Effect.forEach([1, 2, 3], () => store.create({ name: "the same name" }))
  yield* same(new Set(issued.map(({ key }) => key.id)).size, 3, "different ids of three keys")
  yield* same(new Set(issued.map(({ secret }) => Redacted.value(secret))).size, 3, "different secrets of three keys")
})

const createdNow = (world: World) =>
  Effect.flatMap(DateTime.now, (now) =>
    everywhere(world, { name: "ci" }, ({ createdAt }, where) => {
      const late = createdAt === undefined ? 0 : createdAt.epochMilliseconds - now.epochMilliseconds
      return isTrue(Math.abs(late) <= 2000, `createdAt of ${where} is ${late} ms away from the time of creation`)
    })
  )

/** A backend that can do without neither a name nor a mark may be given the operation's id. */
const unnamed = Effect.fnUntraced(function* (world: World) {
  const operationId = yield* OperationId.generate
  const { key } = yield* world.store.create({}, { operationId })
  yield* settled(world)
  const inList = yield* found(yield* listed(world.store), key, "the list")
  for (const { name } of [key, yield* world.store.get(key), inList]) {
    const isOperation = world.capabilities.createSafety === "none" && name === operationId
    yield* isTrue(name === undefined || isOperation, `a key created without a name is called ${name}`)
  }
})

const refusesNames = Effect.fnUntraced(function* (world: World) {
  yield* refusedUnsent(world, world.store.create({ name: "" }), "InvalidRequest")
  yield* refusedUnsent(world, world.store.create({ name: "a\u0000b" }), "InvalidRequest")
  yield* refusedUnsent(world, world.store.create({ name: "a\ud800b" }), "InvalidRequest")
})

const honoursExpiry = Effect.fnUntraced(function* (world: World) {
  const expiresAt = yield* inMinutes(5)
  yield* everywhere(world, { name: "ci", expiresAt }, (key, where) =>
    same(key.expiresAt?.epochMilliseconds, expiresAt.epochMilliseconds, `expiresAt of ${where}`)
  )
})

const expires = Effect.fnUntraced(function* (world: World) {
  const { key } = yield* created(world, { name: "ci", expiresAt: yield* inMinutes(5) })
  yield* same((yield* world.store.get(key)).status, "active", "status before its time")
  yield* Effect.sleep("6 minutes")
  yield* same((yield* world.store.get(key)).status, "expired", "status after its time")
})

const refusesPast = Effect.fnUntraced(function* (world: World) {
  const expiresAt = yield* inMinutes(-1)
  yield* refusedUnsent(world, world.store.create({ name: "ci", expiresAt }), "InvalidRequest")
})

const refusesUnsupported = (spec: Effect.Effect<KeySpec>) => (world: World) =>
  Effect.flatMap(spec, (value) => refusedUnsent(world, world.store.create(value), "Unsupported"))

const tags = { team: "platform", "cost center": "4711 – Ünïcode" }

const repeatedOperation = Effect.fnUntraced(function* (world: World) {
  const operationId = yield* OperationId.generate
  const { key } = yield* world.store.create({ name: "ci" }, { operationId })
  const error = yield* fails(world.store.create({ name: "ci" }, { operationId }), "Conflict")
  const existing = error.reason._tag === "Conflict" ? error.reason.existing?.id : undefined
  yield* same(existing, key.id, "the existing key the conflict names")
  yield* same(error.operationId, operationId, "the operation id of the error")
})

const forgetsOperations = Effect.fnUntraced(function* (world: World) {
  const operationId = yield* OperationId.generate
  const first = yield* world.store.create({ name: "ci" }, { operationId })
  yield* settled(world)
  const second = yield* world.store.create({ name: "ci" }, { operationId })
  yield* isTrue(first.key.id !== second.key.id, "a backend that knows no operation ids makes another key")
})

const limits = Effect.fnUntraced(function* ({ capabilities, store }: World) {
  const limit = capabilities.quota.source === "unknown" ? 0 : capabilities.quota.limit
  // Keys that were there before count too; the last ones are made apart so that the count is visible.
  const attempts = Effect.forEach(Array.from({ length: limit + 1 }), () =>
    Effect.andThen(Effect.sleep(capabilities.consistency.visibility.within), store.create({ name: "ci" }))
  )
  const error = yield* fails(attempts, "QuotaExceeded")
  yield* same(
    error.reason._tag === "QuotaExceeded" ? error.reason.limit : undefined,
    limit,
    "the limit the error names"
  )
  yield* same(error.isRetryable, false, "whether the same call may succeed later")
})

/** The cases of create. */
export const cases = [
  create("a new key is active and comes with a redacted secret", returnsActiveKey),
  create("keys of the same name differ in id and secret", differ),
  create("a name of many scripts reads back as it was given", (world: World) =>
    everywhere(world, { name: world.samples.name }, ({ name }, where) =>
      same(name, world.samples.name, `name of ${where}`)
    )
  ),
  create("a key created without a name has none, or that of its operation", unnamed),
  create("an empty name and text that cannot be stored are refused unsent", refusesNames),
  create("a creation time is the time of creation", createdNow),
  create("an input the backend does not know is refused unsent", (world: World) =>
    refusedUnsent(
      world,
      world.store.create({ name: "ci", provider: { [world.store.backend]: { noSuchInput: true } } }),
      "InvalidRequest"
    )
  ),
  create("an expiry reads back to the millisecond", honoursExpiry, { when: ({ expiry }) => expiry }),
  create("a key past its expiry reads as expired", expires, { when: ({ expiry }) => expiry }),
  create("an expiry in the past is refused unsent", refusesPast, { when: ({ expiry }) => expiry }),
  create(
    "an expiry is Unsupported and sends nothing",
    refusesUnsupported(Effect.map(inMinutes(5), (expiresAt) => ({ name: "ci", expiresAt }))),
    { when: ({ expiry }) => !expiry }
  ),
  create(
    "tags read back",
    (world: World) => everywhere(world, { name: "ci", tags }, (key, where) => same(key.tags, tags, `tags of ${where}`)),
    { when: (capabilities) => capabilities.tags }
  ),
  create("tags are Unsupported and send nothing", refusesUnsupported(Effect.succeed({ name: "ci", tags })), {
    when: (capabilities) => !capabilities.tags
  }),
  create(
    "scopes read back",
    (world: World) =>
      everywhere(world, { name: "ci", scopes: world.samples.scopes }, (key, where) =>
        sameTexts(key.scopes, world.samples.scopes, `scopes of ${where}`)
      ),
    { when: ({ scopes }) => scopes }
  ),
  create(
    "an explicit empty list of scopes makes a key without any",
    (world: World) =>
      everywhere(world, { name: "ci", scopes: [] }, (key, where) => same(key.scopes, [], `scopes of ${where}`)),
    { when: ({ scopes }) => scopes }
  ),
  create(
    "a key without any scopes is Unsupported where keys have none",
    refusesUnsupported(Effect.succeed({ scopes: [] })),
    {
      when: ({ scopes }) => !scopes
    }
  ),
  create("scopes are Unsupported and send nothing", refusesUnsupported(Effect.succeed({ scopes: ["read"] })), {
    when: ({ scopes }) => !scopes
  }),
  create(
    "an owner reads back",
    (world: World) =>
      everywhere(world, { name: "ci", owner: world.samples.owners[1] }, (key, where) =>
        same(key.owner, world.samples.owners[1], `owner of ${where}`)
      ),
    { when: ({ owners }) => owners !== "unsupported" }
  ),
  create(
    "a key without an owner has none",
    (world: World) =>
      everywhere(world, { name: "ci" }, (key, where) => same(key.owner, undefined, `owner of ${where}`)),
    { when: ({ owners }) => owners === "optional" }
  ),
  create("an owner is Unsupported and sends nothing", refusesUnsupported(Effect.succeed({ owner: "ann" })), {
    when: ({ owners }) => owners === "unsupported"
  }),
  create("an operation id used before is a Conflict that names its key", repeatedOperation, {
    when: ({ createSafety }) => createSafety === "idempotent"
  }),
  create("an operation id used before makes another key where the backend does not know it", forgetsOperations, {
    when: ({ createSafety }) => createSafety !== "idempotent"
  }),
  create("one key more than the limit is QuotaExceeded", limits, {
    when: ({ quota }) => quota.source !== "unknown" && quota.limit <= 100
  })
]
