import { assert, describe, it } from "@effect/vitest"
import type { DriverError } from "@keyfold/core/Driver"
import type * as HttpBackend from "@keyfold/http/HttpBackend"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { countedBody, keyChunks, keyText, listChunks, mebibyte, type CountedBody } from "./CountedBody.ts"
import { assertReason, backendOver, json, Key, listKeys, recordedFetch, type RecordedFetch } from "./RecordedFetch.ts"

type Keys = Stream.Stream<ReadonlyArray<typeof Key.Type>, DriverError>

const open = (
  server: RecordedFetch,
  path: ReadonlyArray<string> = ["items"],
  options: Partial<HttpBackend.BackendOptions> = {}
) =>
  Effect.map(Effect.orDie(backendOver(server, options)), (backend): Keys =>
    backend.decodeItems(Key, listKeys, path, (key) => key)
  )

const itemsFrom = (body: CountedBody, path?: ReadonlyArray<string>) =>
  Effect.flatMap(open(body.server, path), (keys) =>
    Effect.map(Stream.runCollect(keys), (batches) => batches.flat().map(({ id }) => id))
  )

const answering = (text: string) => countedBody(() => [text])

const problemOf = (body: CountedBody, path?: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(itemsFrom(body, path))
    assertReason(error.reason, "InvalidResponse")
    assert.strictEqual(error.sent, "maybe")
    return error.reason.problem
  })

const ids = (count: number) => Array.from({ length: count }, (_, index) => `k${index}`)

const long = 12_000

/** What is taken in before the first items of a long body, and between two batches. */
const ahead = 384 * 1024

const notJson = "the backend answered success with a body that is not JSON"
const shape = "the backend's answer is not what it documents:"

describe("the items of an answer", () => {
  it.effect("are found at their path, or are the answer itself", () =>
    Effect.gen(function* () {
      for (const [path, text] of [
        [[], `[${keyText(0)},${keyText(1)}]`],
        [["items"], `{"total":2,"items":[${keyText(0)},${keyText(1)}]}`],
        [["data", "keys"], `{"data":{"keys":[${keyText(0)},${keyText(1)}]},"meta":{"keys":[1]}}`]
      ] as const) {
        assert.deepStrictEqual(yield* itemsFrom(answering(text), path), ["k0", "k1"])
      }
    })
  )

  it.effect("may be none", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* itemsFrom(answering(`{"items":[]}`)), [])
      const around = " ".repeat(mebibyte / 2)
      assert.deepStrictEqual(yield* itemsFrom(answering(`${around}{"items":[ ]}`)), [])
    })
  )

  it.effect("all come once and in order, however long the answer and wherever its chunks end", () =>
    Effect.gen(function* () {
      for (const perChunk of [7, 100, 1_500, long]) {
        assert.deepStrictEqual(yield* itemsFrom(countedBody(() => listChunks(long, perChunk))), ids(long))
        const bare = () => ["\ufeff[", ...keyChunks(long, perChunk), "]"]
        assert.deepStrictEqual(yield* itemsFrom(countedBody(bare), []), ids(long))
      }
    })
  )

  it.effect("are read from bytes as a whole text would be, broken UTF-8 included", () =>
    Effect.gen(function* () {
      const broken = Buffer.concat([Buffer.from(`${" ".repeat(mebibyte / 2)}[{"id":"`), Buffer.of(0xff, 0xe5)])
      const text = Buffer.concat([broken, Buffer.from(`","uses":1},`), Buffer.from(`{"id":"名😀","uses":1}]`)])
      const byByte = () => [
        text.subarray(0, mebibyte / 2),
        ...Array.from(text.subarray(mebibyte / 2), (byte) => Buffer.of(byte))
      ]
      assert.deepStrictEqual(yield* itemsFrom(countedBody(byByte), []), ["\ufffd\ufffd", "名😀"])
    })
  )
})

describe("an answer whose items cannot be read", () => {
  const filler = [...keyChunks(long)].join("")

  it.effect("says what is wrong, and of which item, in a short answer as in a long one", () =>
    Effect.gen(function* () {
      const bad = `{"id":"k","uses":"canary"}`
      for (const [text, problem] of [
        ["", notJson],
        ["<html>canary</html>", notJson],
        [`{"items":[${keyText(0)}`, notJson],
        [`{"items":[${keyText(0)},]}`, notJson],
        [`{"items":[,${keyText(0)}]}`, notJson],
        [`{"items":[${keyText(0)}]}{"items":[]}`, notJson],
        [`{"items":[${keyText(0)}]`, notJson],
        [`7`, `${shape} the body has another shape`],
        [`[]`, `${shape} the body has another shape`],
        [`{"canary":[]}`, `${shape} unexpected value at items`],
        [`{"items":{"canary":1}}`, `${shape} unexpected value at items`],
        [`{"items":null}`, `${shape} unexpected value at items`],
        [`{"items":[${keyText(0)},${bad}]}`, `${shape} unexpected value at items.1.uses`],
        [`{"items":["canary"]}`, `${shape} unexpected value at items.0`]
      ] as const) {
        assert.strictEqual(yield* problemOf(answering(text)), problem, text)
        assert.strictEqual(yield* problemOf(answering(`${" ".repeat(mebibyte / 2)}${text}`)), problem, text)
      }
      for (const [text, problem] of [
        [`{"items":[${filler},${bad}]}`, `${shape} unexpected value at items.${long}.uses`],
        [`{"items":[${filler},${keyText(0)}`, notJson],
        [`{"items":[${filler},]}`, notJson],
        [`{"items":[${filler},,${keyText(0)}]}`, notJson],
        [`{"items":[${filler}]}}`, notJson],
        [`{"items":[${filler}}`, notJson],
        [`{"items":[${filler}],"items":null}`, `${shape} unexpected value at items`],
        [`{"a":1 "items":[${filler}]}`, notJson]
      ] as const) {
        assert.strictEqual(yield* problemOf(answering(text)), problem, text.slice(-50))
      }
    })
  )

  it.effect("is refused where it ends within a character", () =>
    Effect.gen(function* () {
      for (const text of [`{"items":[${keyText(0)}]}`, `{"items":[${filler}]}`]) {
        assert.strictEqual(yield* problemOf(countedBody(() => [text, Uint8Array.of(0xe5, 0x90)])), notJson)
      }
    })
  )

  it.effect("names the path of items that lie deeper", () =>
    Effect.gen(function* () {
      const at = ["data", "keys"]
      assert.strictEqual(yield* problemOf(answering(`{"data":7}`), at), `${shape} unexpected value at data`)
      assert.strictEqual(yield* problemOf(answering(`{"data":{}}`), at), `${shape} unexpected value at data.keys`)
      const bad = answering(`{"data":{"keys":[{"id":1}]}}`)
      assert.strictEqual(yield* problemOf(bad, at), `${shape} unexpected value at data.keys.0.id`)
    })
  )

  it.effect("is refused before any item where what comes before them is not JSON", () =>
    Effect.gen(function* () {
      const keys = yield* open(countedBody(() => [`{"a":1 "items":[`, ...keyChunks(long), "]}"]).server)
      let seen = 0
      yield* Effect.flip(Stream.runForEach(keys, (batch) => Effect.sync(() => void (seen += batch.length))))
      assert.strictEqual(seen, 0)
    })
  )

  it.effect("is refused where a long one holds two arrays in one place: the first is gone when the second comes", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* itemsFrom(answering(`{"items":[1],"items":[${keyText(4)}]}`)), ["k4"])
      const twice = answering(`{"items":[${filler}],"items":[${keyText(4)}]}`)
      assert.strictEqual(yield* problemOf(twice), `${shape} unexpected value at items`)
    })
  )

  it.effect("keeps its request id", () =>
    Effect.gen(function* () {
      const options = { requestIdHeader: "x-request-id" }
      for (const text of [`{"items":[{}]}`, `{"items":[${filler},{}]}`]) {
        const body = countedBody(() => [text], { headers: { "x-request-id": "r-1" } })
        const error = yield* Effect.flip(Stream.runDrain(yield* open(body.server, ["items"], options)))
        assert.strictEqual(error.requestId, "r-1")
      }
    })
  )
})

describe("a long answer", () => {
  it.effect("may be far longer than any other, and an item or what is around the items may not", () =>
    Effect.gen(function* () {
      const longest = (count: number) => `{"id":"k0","uses":1,"note":"${"x".repeat(count)}"}`
      const fitting = () => [
        `{"items":[`,
        ...Array.from({ length: 36 }, (_, index) => `${index === 0 ? "" : ","}${longest(mebibyte / 2)}`),
        "]}"
      ]
      assert.strictEqual((yield* itemsFrom(countedBody(fitting))).length, 36)
      const problem = "the answer has an item, or something around its items, that is longer than 1048576 characters"
      const spaces = (count: number) => Array.from({ length: count }, () => " ".repeat(mebibyte / 8))
      for (const chunks of [
        [`{"items":[${longest(0)},`, `{"id":"`, ...spaces(9)],
        [`{"items":[`, ...spaces(9)],
        [`{"before":"`, ...spaces(9)],
        [`{"items":[${longest(0)}],"after":"`, ...spaces(9)],
        [`{"before":"`, ...spaces(5), `","items":[${longest(0)}],"after":"`, ...spaces(5)]
      ]) {
        assert.strictEqual(yield* problemOf(countedBody(() => chunks)), problem)
      }
    })
  )

  it.effect("shows its first items after as little of it as any other, and holds no more while it lasts", () =>
    Effect.gen(function* () {
      const firsts: Array<number> = []
      for (const count of [6_000, 60_000]) {
        const body = countedBody(() => listChunks(count))
        let handed = 0
        let most = 0
        yield* Stream.runForEach(yield* open(body.server), (batch) =>
          Effect.sync(() => {
            if (handed === 0) firsts.push(body.pulled())
            most = Math.max(most, body.pulled() - handed)
            handed += batch.reduce((sum, { uses }) => sum + keyText(uses).length, 0)
          })
        )
        assert.isAtMost(most, ahead)
      }
      assert.strictEqual(firsts[0], firsts[1])
      assert.isAtMost(firsts[0] ?? Number.NaN, ahead)
    })
  )

  it.effect("without an end is left with what was taken of it, and its request is aborted", () =>
    Effect.gen(function* () {
      const body = countedBody(() => listChunks(Number.POSITIVE_INFINITY))
      const taken = yield* Stream.runCollect(Stream.take(yield* open(body.server), 2))
      assert.strictEqual(taken[0]?.[0]?.id, "k0")
      assert.isAtMost(body.pulled(), 2 * ahead)
      assert.isTrue(body.server.requests[0]?.signal.aborted)
      assert.isTrue(body.isCancelled())
    })
  )

  it.effect("that comes as one chunk is still handed out in parts", () =>
    Effect.gen(function* () {
      const keys = yield* open(answering([...listChunks(long)].join("")).server)
      const batches = yield* Stream.runCollect(keys)
      assert.strictEqual(batches.flat().length, long)
      for (const batch of batches) assert.isAtMost(batch.length * keyText(0).length, ahead)
    })
  )

  it.effect("that breaks off fails as the network, after the items that were complete", () =>
    Effect.gen(function* () {
      const breaking = function* () {
        yield `{"items":[`
        yield* keyChunks(long)
        throw new TypeError("canary", { cause: { code: "ECONNRESET" } })
      }
      let seen = 0
      const keys = yield* open(countedBody(breaking).server)
      const error = yield* Effect.flip(
        Stream.runForEach(keys, (batch) => Effect.sync(() => void (seen += batch.length)))
      )
      assertReason(error.reason, "Network")
      assert.strictEqual(error.reason.code, "ECONNRESET")
      assert.strictEqual(error.sent, "maybe")
      assert.isAbove(seen, 0)
      assert.isAtMost(seen, long)
    })
  )
})

describe("the time of an answer with items", () => {
  const after = { timeout: Duration.seconds(10) }

  it.effect("is the backend's: whoever takes the items may take any time for it", () =>
    Effect.gen(function* () {
      const keys = yield* open(countedBody(() => listChunks(long)).server, ["items"], after)
      const slow = Stream.runFold(
        Stream.tap(keys, () => Effect.sleep("1 hours")),
        () => 0,
        (sum, batch) => sum + batch.length
      )
      const fiber = yield* Effect.forkChild(slow)
      yield* TestClock.adjust("1 days")
      assert.strictEqual(yield* Fiber.join(fiber), long)
    })
  )

  /** Waits until a body has nothing more to give, then for as long as it takes. */
  const stallAfter = (count: number) =>
    Effect.gen(function* () {
      const stalled = yield* Deferred.make<void>()
      const chunks = function* (): Generator<string | Promise<string>> {
        yield `{"items":[`
        yield* keyChunks(count)
        Deferred.doneUnsafe(stalled, Effect.void)
        yield new Promise<string>(() => {})
      }
      const body = countedBody(chunks)
      const keys = yield* open(body.server, ["items"], after)
      const fiber = yield* Effect.forkChild(Effect.flip(Stream.runDrain(keys)))
      yield* Deferred.await(stalled)
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      return { body, fiber }
    })

  for (const [name, count] of [
    ["before its first items", 10],
    ["after some of them", long]
  ] as const) {
    it.effect(`ends with a body that stalls ${name}, and aborts the request`, () =>
      Effect.gen(function* () {
        const { body, fiber } = yield* stallAfter(count)
        yield* TestClock.adjust("9999 millis")
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        const error = yield* Fiber.join(fiber)
        assertReason(error.reason, "Timeout")
        assert.deepStrictEqual(error.reason.after, Duration.seconds(10))
        assert.strictEqual(error.sent, "maybe")
        assert.isTrue(body.server.requests[0]?.signal.aborted)
      })
    )
  }

  it.effect("starts anew with every part of the body", () =>
    Effect.gen(function* () {
      const gates = Array.from({ length: 8 }, () => Promise.withResolvers<string>())
      const texts = [`{"items":[`, ...keyChunks(6, 1), "]}"]
      const keys = yield* open(countedBody(() => gates.map(({ promise }) => promise)).server, ["items"], after)
      const fiber = yield* Effect.forkChild(Stream.runCollect(keys))
      for (const [index, gate] of gates.entries()) {
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        yield* TestClock.adjust("9 seconds")
        gate.resolve(texts[index] ?? "")
      }
      assert.strictEqual((yield* Fiber.join(fiber)).flat().length, 6)
    })
  )
})

describe("a list that is refused", () => {
  it.effect("fails by the same table as any call", () =>
    Effect.gen(function* () {
      for (const [status, tag] of [
        [401, "Unauthenticated"],
        [403, "PermissionDenied"],
        [503, "Unavailable"],
        [302, "InvalidRequest"]
      ] as const) {
        const keys = yield* open(recordedFetch(() => new Response("x", { status })))
        assert.strictEqual((yield* Effect.flip(Stream.runDrain(keys))).reason._tag, tag)
      }
    })
  )

  it.effect("with a 401 is asked for once more after renewing, and what was refused is closed first", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const server = recordedFetch(({ signal }) => {
        const number = events.push("asked")
        signal.addEventListener("abort", () => events.push("closed"))
        // Of a refusal no more than 64 KiB are read.
        const refusal = () => new Response("x".repeat(100_000), { status: 401 })
        return number === 1 ? refusal() : json({ items: [{ id: "k0", uses: 1 }] })
      })
      const renew = () => Effect.sync(() => void events.push("renewed"))
      const keys = yield* open(server, ["items"], { renew })
      assert.strictEqual((yield* Stream.runCollect(keys)).flat().length, 1)
      assert.deepStrictEqual(events, ["asked", "closed", "renewed", "asked"])
    })
  )
})
