import { assert, describe, it } from "@effect/vitest"
import { KeyId } from "@keyfold/core/ApiKey"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import * as Effect from "effect/Effect"
import { KeysClosedError } from "keyfold"
import { collect, failure, keysOver, rejection } from "./PromiseKeys.ts"

/** What a driver answers with, one number after the other, in pages of two. */
const endlessPages = () => {
  const asked: Array<number> = []
  const key = (id: number) =>
    ({ id: KeyId.make(`k${id}`), scopes: [], status: "active", tags: {}, provider: {} }) as const
  return {
    asked,
    list: {
      kind: "pages",
      page: ({ position = "0" }: { readonly position: string | undefined }) =>
        Effect.sync(() => {
          const start = Number(position)
          asked.push(start)
          return { keys: [key(start), key(start + 1)], next: String(start + 2) }
        })
    }
  } as const
}

describe("a listing", () => {
  it("reads nothing before it is iterated over, and stops reading at break", async () => {
    const { asked, list } = endlessPages()
    await using keys = await keysOver({ list })
    const listing = keys.forTenant("acme").list()
    assert.deepStrictEqual(asked, [])
    const seen: Array<string> = []
    for await (const { id } of listing) {
      seen.push(id)
      if (seen.length === 3) break
    }
    assert.deepStrictEqual(seen, ["k0", "k1", "k2"])
    assert.deepStrictEqual(asked, [0, 2])
  })

  it("is read anew each time", async () => {
    await using keys = await keysOver()
    const store = keys.forTenant("acme")
    const listing = store.list()
    const { key } = await store.create()
    assert.deepStrictEqual(await collect(listing), [key.id])
    await store.revoke(key)
    assert.deepStrictEqual(await collect(listing), [])
  })

  it("rejects with the signal's reason between two keys that are there already", async () => {
    const { asked, list } = endlessPages()
    await using keys = await keysOver({ list })
    const controller = new AbortController()
    const iterator = keys.forTenant("acme").list({}, { signal: controller.signal })[Symbol.asyncIterator]()
    assert.strictEqual((await iterator.next()).value?.id, "k0")
    controller.abort()
    const error = await rejection(iterator.next())
    assert.strictEqual(error, controller.signal.reason)
    assert.deepStrictEqual(await iterator.next(), { done: true, value: undefined })
    assert.deepStrictEqual(asked, [0])
  })

  it("answers calls of next that come at once in their order, and return ends the one under way", async () => {
    const { list } = endlessPages()
    let pages = 0
    await using keys = await keysOver({
      list: { kind: "pages", page: (request) => (++pages === 3 ? Effect.never : list.page(request)) }
    })
    const iterator = keys.forTenant("acme").list()[Symbol.asyncIterator]()
    const five = [1, 2, 3, 4, 5].map(() => iterator.next())
    const four = await Promise.all(five.slice(0, 4))
    assert.deepStrictEqual(
      four.map(({ value }) => value?.id),
      ["k0", "k1", "k2", "k3"]
    )
    await iterator.return?.()
    assert.deepStrictEqual(await five[4], { done: true, value: undefined })
  })

  it("rejects where the filter cannot be met", async () => {
    await using keys = await keysOver()
    const { reason } = await failure(collect(keys.forTenant("acme").list({ status: [] })))
    assert.strictEqual(reason._tag, "InvalidRequest")
  })
})

describe("a signal", () => {
  it("that is aborted already keeps everything from being opened", async () => {
    let taken = 0
    await using keys = await keysOver(
      {},
      (take) => (tenant) =>
        Effect.andThen(
          Effect.sync(() => taken++),
          take(tenant)
        )
    )
    const reason = new Error("no time")
    assert.strictEqual(
      await rejection(keys.forTenant("acme").create({}, { signal: AbortSignal.abort(reason) })),
      reason
    )
    assert.strictEqual(taken, 0)
  })

  it("ends a call under way, which rejects with an AbortError", async () => {
    const began = Promise.withResolvers<void>()
    let interrupted = false
    await using keys = await keysOver({
      get: () =>
        Effect.sync(() => began.resolve()).pipe(
          Effect.andThen(Effect.never),
          Effect.onInterrupt(() => Effect.sync(() => (interrupted = true)))
        )
    })
    const controller = new AbortController()
    const getting = rejection(keys.forTenant("acme").get("k1", { signal: controller.signal }))
    await began.promise
    controller.abort()
    const error = await getting
    assert.instanceOf(error, DOMException)
    assert.strictEqual(error instanceof DOMException ? error.name : "", "AbortError")
    assert.isTrue(interrupted)
  })

  it("leaves no key of a create that was under way", async () => {
    const memory = MemoryDriver.make()
    const minted = Promise.withResolvers<void>()
    const keys = await keysOver({
      ...memory,
      // The backend makes the key, and its answer never comes.
      create: (request) =>
        Effect.tap(memory.create(request), () =>
          Effect.andThen(
            Effect.sync(() => minted.resolve()),
            Effect.never
          )
        )
    })
    const store = keys.forTenant("acme")
    const controller = new AbortController()
    const creating = rejection(store.create({ name: "ci" }, { signal: controller.signal }))
    await minted.promise
    controller.abort()
    assert.strictEqual(await creating, controller.signal.reason)
    await keys.close()
    await using later = await keysOver(memory)
    const statuses: Array<string> = []
    for await (const { status } of later.forTenant("acme").list({ status: ["active", "revoked"] }))
      statuses.push(status)
    assert.deepStrictEqual(statuses, ["revoked"])
  })

  it("reaches the function that takes a secret, and its key is revoked", async () => {
    const memory = MemoryDriver.make()
    const keys = await keysOver(memory)
    const controller = new AbortController()
    let isToldToStop = false
    const deliver = (_: unknown, { signal }: { readonly signal: AbortSignal }) =>
      new Promise(() => {
        signal.addEventListener("abort", () => (isToldToStop = true))
        controller.abort()
      })
    const error = await rejection(keys.forTenant("acme").create({}, { deliver, signal: controller.signal }))
    assert.strictEqual(error, controller.signal.reason)
    assert.isTrue(isToldToStop)
    await keys.close()
    await using later = await keysOver(memory)
    assert.strictEqual((await collect(later.forTenant("acme").list({ status: "revoked" }))).length, 1)
    assert.deepStrictEqual(await collect(later.forTenant("acme").list()), [])
  })

  it("that comes after the key was made loses no key", async () => {
    const leaving = Promise.withResolvers<void>()
    const left = Promise.withResolvers<void>()
    const controller = new AbortController()
    await using keys = await keysOver(
      {},
      (take) => (tenant) =>
        Effect.tap(take(tenant), () =>
          Effect.addFinalizer(() =>
            Effect.promise(() => {
              leaving.resolve()
              return left.promise
            })
          )
        )
    )
    const creating = keys.forTenant("acme").create({ name: "ci" }, { signal: controller.signal })
    await leaving.promise
    controller.abort()
    left.resolve()
    assert.strictEqual((await creating).key.name, "ci")
  })
})

describe("closing", () => {
  /** Notes when a call, or a listing, lets go of its store. */
  const noting =
    (log: Array<string>): Parameters<typeof keysOver>[1] =>
    (take) =>
    (tenant) =>
      Effect.tap(take(tenant), () => Effect.addFinalizer(() => Effect.sync(() => log.push("let go"))))

  it("waits for calls under way, refuses those that come later, and then closes the stores", async () => {
    const began = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<void>()
    const log: Array<string> = []
    const get = () =>
      Effect.promise(() => {
        began.resolve()
        return answer.promise
      }).pipe(Effect.as({ id: KeyId.make("k1"), scopes: [], status: "active", tags: {}, provider: {} } as const))
    const keys = await keysOver({ get }, noting(log), () => log.push("closed"))
    const store = keys.forTenant("acme")
    const getting = store.get("k1")
    await began.promise
    const closing = keys.close()
    assert.instanceOf(await rejection(store.get("k2")), KeysClosedError)
    // Whatever could happen without the answer has happened by the next turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepStrictEqual(log, [])
    answer.resolve()
    assert.strictEqual((await getting).id, "k1")
    await closing
    assert.deepStrictEqual(log, ["let go", "closed"])
    await keys.close()
    assert.lengthOf(log, 2)
  })

  it("ends a listing that nobody reads from", async () => {
    const log: Array<string> = []
    const { list } = endlessPages()
    const keys = await keysOver({ list }, noting(log), () => log.push("closed"))
    const iterator = keys.forTenant("acme").list()[Symbol.asyncIterator]()
    await iterator.next()
    assert.deepStrictEqual(log, [])
    await keys[Symbol.asyncDispose]()
    assert.deepStrictEqual(log, ["let go", "closed"])
    assert.instanceOf(await rejection(iterator.next()), KeysClosedError)
    assert.deepStrictEqual(await iterator.next(), { done: true, value: undefined })
  })
})
