/** A driver whose answers a test chooses and whose calls a test can read, with the time of each. */
import { assert } from "@effect/vitest"
import { KeyId, type ApiKey, type IssuedKey, type KeyRef } from "@keyfold/core/ApiKey"
import type { Capabilities } from "@keyfold/core/Capabilities"
import { DriverError, type CreateRequest, type Driver, type ListRequest, type PageRequest } from "@keyfold/core/Driver"
import * as KeyStore from "@keyfold/core/KeyStore"
import type { KeyStoreError, Operation, Reason } from "@keyfold/core/KeyStoreError"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import { zero } from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

export const everyOperation: ReadonlyArray<Operation> = ["create", "get", "list", "revoke", "usage", "verify"]

/** Every capability, with each operation's support or any flag replaced. */
export const capabilitiesWith = (
  flags: Partial<Omit<Capabilities, "operations">> = {},
  operations: Partial<Capabilities["operations"]> = {}
): Capabilities => ({
  ...MemoryDriver.capabilities,
  pagination: "derived",
  createSafety: "none",
  tenancy: "none",
  ...flags,
  operations: { ...MemoryDriver.capabilities.operations, ...operations }
})

export const ref = (id: string, owner?: string): KeyRef => ({
  id: KeyId.make(id),
  ...(owner === undefined ? {} : { owner })
})

export const keyWith = (id: string, fields: Partial<Omit<ApiKey, "id">> = {}): ApiKey => ({
  id: KeyId.make(id),
  scopes: [],
  status: "active",
  tags: {},
  provider: {},
  ...fields
})

export const secretText = "canary-secret-f00dfeed"

export const issuedFrom = (id: string, request: CreateRequest): IssuedKey => ({
  key: keyWith(id, {
    scopes: request.scopes,
    tags: request.tags,
    ...(request.name === undefined ? {} : { name: request.name }),
    ...(request.owner === undefined ? {} : { owner: request.owner }),
    ...(request.expiresAt === undefined ? {} : { expiresAt: request.expiresAt })
  }),
  secret: Redacted.make(secretText, { label: "secret" })
})

/** A driver that succeeds at everything. */
export const willing = {
  backend: "fake",
  capabilities: capabilitiesWith(),
  defaultScopes: [],
  create: (request) => Effect.succeed(issuedFrom("new", request)),
  get: ({ id }) => Effect.succeed(keyWith(id)),
  list: { kind: "stream", open: () => Stream.make([keyWith("first"), keyWith("second")]) },
  revoke: ({ id }) => Effect.succeed({ id, effectiveWithin: zero }),
  usage: ({ id }) => Effect.succeed({ id, precision: "exact", completedRequests: 3, provider: {} }),
  verify: () => Effect.succeed({ valid: true }),
  identify: () => Option.some(ref("identified"))
} satisfies Driver

/** One call a driver received: the operation, its input, and the virtual time in milliseconds. */
export interface Call {
  readonly operation: keyof Driver
  readonly input: unknown
  readonly at: number
}

export interface Recorded {
  readonly driver: Driver
  readonly calls: Array<Call>
  readonly count: (operation?: keyof Driver) => number
  readonly times: (operation: keyof Driver) => ReadonlyArray<number>
  readonly created: () => ReadonlyArray<CreateRequest>
  readonly listed: () => ReadonlyArray<ListRequest & Partial<PageRequest>>
}

/** Records every call of a driver. */
export const record = (driver: Driver): Recorded => {
  const calls: Array<Call> = []
  const note = (operation: keyof Driver, input: unknown) =>
    Effect.map(Clock.currentTimeMillis, (at) => void calls.push({ operation, input, at }))
  const observed =
    <I, A>(operation: keyof Driver, run: (input: I) => Effect.Effect<A, DriverError>) =>
    (input: I): Effect.Effect<A, DriverError> =>
      Effect.flatMap(note(operation, input), () => run(input))
  const { get, identify, list, usage, verify } = driver
  const of = (operation?: keyof Driver) =>
    calls.filter((call) => operation === undefined || call.operation === operation)
  return {
    calls,
    count: (operation) => of(operation).length,
    times: (operation) => of(operation).map((call) => call.at),
    created: () => of("create").map((call) => call.input as CreateRequest),
    listed: () => of("list").map((call) => call.input as ListRequest & Partial<PageRequest>),
    driver: {
      ...driver,
      create: observed("create", driver.create),
      revoke: observed("revoke", driver.revoke),
      list:
        list.kind === "pages"
          ? { kind: "pages", page: observed("list", list.page) }
          : {
              kind: "stream",
              open: (request) =>
                Stream.unwrap(
                  Effect.as(
                    note("list", request),
                    Stream.suspend(() => list.open(request))
                  )
                )
            },
      ...(get === undefined ? {} : { get: observed("get", get) }),
      ...(usage === undefined ? {} : { usage: observed("usage", usage) }),
      ...(verify === undefined ? {} : { verify: observed("verify", verify) }),
      ...(identify === undefined
        ? {}
        : {
            identify: (secret) => {
              calls.push({ operation: "identify", input: "a secret", at: 0 })
              return identify(secret)
            }
          })
    }
  }
}

/** A recorded driver that succeeds at everything except what `parts` replace. */
export const recorded = (parts: Partial<Driver> = {}): Recorded => record({ ...willing, ...parts })

/** The same driver without the functions a backend need not have. */
export const without = (driver: Driver, ...names: ReadonlyArray<"get" | "usage" | "verify" | "identify">): Driver => {
  const rest = { ...driver }
  for (const name of names) delete rest[name]
  return rest
}

/** Builds a store over a recorded driver, in the test's scope. */
export const storeOf = (
  { driver }: Recorded,
  options?: KeyStore.StoreOptions
): Effect.Effect<KeyStore.KeyStore["Service"], never, Scope.Scope> => Effect.orDie(KeyStore.make(driver, options))

export const driverError = (reason: Reason, sent: "no" | "maybe" = "maybe"): DriverError =>
  new DriverError({ reason, sent })

/** Gives the outcomes in turn, the last one for ever. */
export const inTurn = <O extends ReadonlyArray<object>>(
  ...outcomes: O
): (() => Effect.Effect<Exclude<O[number], DriverError>, DriverError>) => {
  let next = 0
  return () =>
    Effect.suspend(() => {
      const outcome = outcomes[Math.min(next++, outcomes.length - 1)]
      return outcome instanceof DriverError
        ? Effect.fail(outcome)
        : Effect.succeed(outcome as Exclude<O[number], DriverError>)
    })
}

/** Lets forked fibers run until they wait, and then virtual time pass. */
export const advance = (time: Duration.Input): Effect.Effect<void> =>
  Effect.andThen(Effect.replicateEffect(Effect.yieldNow, 20, { discard: true }), TestClock.adjust(time))

/** Runs an effect to its end while virtual time passes. */
export const settle = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  time: Duration.Input = "1 day"
): Effect.Effect<Result.Result<A, E>, never, R> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(Effect.result(effect))
    yield* advance(time)
    return yield* Fiber.join(fiber)
  })

/** Runs an effect that must fail while virtual time passes, and returns its error. */
export const settleFailure = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  time?: Duration.Input
): Effect.Effect<E, never, R> =>
  Effect.flatMap(settle(effect, time), (result) =>
    result._tag === "Failure" ? Effect.succeed(result.failure) : Effect.die("a success where a failure was expected")
  )

/** Runs an effect that must succeed while virtual time passes. */
export const settleSuccess = <A, E, R>(effect: Effect.Effect<A, E, R>, time?: Duration.Input): Effect.Effect<A, E, R> =>
  Effect.flatMap(settle(effect, time), Effect.fromResult)

/** Runs one operation by name with a plain input. */
export const perform = (
  store: KeyStore.KeyStore["Service"],
  operation: Operation,
  id = "some-key"
): Effect.Effect<unknown, KeyStoreError> => {
  switch (operation) {
    case "create":
      return store.create({ name: "ci" })
    case "list":
      return Stream.runCollect(store.list())
    case "verify":
      return store.verify(Redacted.make(secretText))
    default:
      return store[operation](ref(id))
  }
}

/** Runs one of the operations that point at a key. */
export const performOn = (
  store: KeyStore.KeyStore["Service"],
  operation: "get" | "revoke" | "usage",
  key: KeyRef
): Effect.Effect<{ readonly id: KeyId }, KeyStoreError> => store[operation](key)

/** A driver of which one operation does what it is told; the list is unpaged. */
export const doing = (operation: Operation, run: () => Effect.Effect<never, DriverError>): Partial<Driver> =>
  operation === "list" ? { list: { kind: "stream", open: () => Stream.unwrap(run()) } } : { [operation]: run }

/** A driver of which one operation fails with each of the errors in turn and then succeeds. */
export const failingFirst = (operation: Operation, ...errors: ReadonlyArray<DriverError>): Partial<Driver> => {
  const left = [...errors]
  const then = <A>(run: Effect.Effect<A, DriverError>): Effect.Effect<A, DriverError> =>
    Effect.suspend(() => {
      const error = left.shift()
      return error === undefined ? run : Effect.fail(error)
    })
  const parts: Required<Pick<Driver, Operation>> = {
    create: (request) => then(willing.create(request)),
    get: (input) => then(willing.get(input)),
    list: { kind: "stream", open: () => Stream.unwrap(then(Effect.sync(willing.list.open))) },
    revoke: (input) => then(willing.revoke(input)),
    usage: (input) => then(willing.usage(input)),
    verify: () => then(willing.verify())
  }
  return { [operation]: parts[operation] }
}

/** Asserts an error's reason, and the given fields of it. */
export const assertReason = (
  error: { readonly reason: Reason },
  tag: Reason["_tag"],
  fields: Readonly<Record<string, unknown>> = {}
): void => {
  assert.strictEqual(error.reason._tag, tag, error.reason.message)
  assert.deepInclude(error.reason, fields)
}
