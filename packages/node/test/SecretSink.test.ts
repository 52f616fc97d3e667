/** Sinks that are a function or a file of their own. */
import { assert, describe, it } from "@effect/vitest"
import { scan, watch } from "@keyfold/canary/Canary"
import * as KeyStore from "@keyfold/core/KeyStore"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import * as Sink from "@keyfold/core/Sink"
import * as SecretSink from "@keyfold/node/SecretSink"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { chmod, mkdir, readFile, readdir, stat, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { deliver, held, identifiesNothing, identify, issue } from "./Sinks.ts"
import { temporaryFolder } from "./TemporaryFolder.ts"

const canary = "id-7.CANARY+secret^must&never@show$UPin'ANY\"place%0001"
const issued = issue("id-7", canary)

const content = (path: string) => Effect.promise(() => readFile(path, "utf8"))
const mode = (path: string) => Effect.promise(() => stat(path).then((stats) => stats.mode & 0o777))
const listed = (folder: string) => Effect.promise(() => readdir(folder).then((names) => names.toSorted()))
const put = (path: string, text: string) => Effect.promise(() => writeFile(path, text, { mode: 0o600 }))

describe("a callback", () => {
  it.effect("is given the key and confirms it", () =>
    Effect.gen(function* () {
      const received: Array<string> = []
      const sink = SecretSink.callback("vault", ({ secret }) =>
        Effect.sync(() => received.push(Redacted.value(secret)))
      )
      assert.deepStrictEqual(yield* deliver(sink, issued), { holds: Option.some(issued.key.id) })
      assert.deepStrictEqual(received, [canary])
      assert.strictEqual(SecretSink.callback, Sink.callback)
    })
  )
})

describe("a file", () => {
  it.effect("holds exactly the secret, for its owner only, and says whose it is", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const sink = SecretSink.file("ci.key", { folder })
      const before = process.umask(0)
      const receipt = yield* deliver(sink, issued).pipe(Effect.ensuring(Effect.sync(() => process.umask(before))))
      assert.deepStrictEqual(receipt, { holds: Option.some(issued.key.id) })
      assert.strictEqual(yield* content(join(folder, "ci.key")), canary)
      assert.strictEqual(yield* mode(join(folder, "ci.key")), 0o600)
      assert.deepStrictEqual(yield* listed(folder), ["ci.key"])
      assert.strictEqual(yield* held(sink, identify), "id-7")
      assert.isUndefined(yield* held(sink, identifiesNothing))
    })
  )

  it.effect("holds no key before one was delivered, nor where none was", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const sink = SecretSink.file("ci.key", { folder, keyId: true })
      assert.isUndefined(yield* held(sink, identify))
      yield* Effect.scoped(sink.open)
      assert.isUndefined(yield* held(sink, identify))
      assert.deepStrictEqual(yield* listed(folder), [])
    })
  )

  it.effect("keeps the key's id beside it where it is asked to, for secrets that carry none", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const sink = SecretSink.file("ci.key", { folder, keyId: true })
      yield* deliver(sink, issued)
      assert.deepStrictEqual(yield* listed(folder), ["ci.key", "ci.key.id"])
      assert.strictEqual(yield* content(join(folder, "ci.key.id")), "id-7")
      assert.strictEqual(yield* mode(join(folder, "ci.key.id")), 0o600)
      assert.strictEqual(yield* held(sink, identifiesNothing), "id-7")
      yield* put(join(folder, "ci.key"), "id-8.another")
      assert.strictEqual(yield* held(sink, identify), "id-8", "the secret itself knows best")
    })
  )

  it.effect("holds nothing where an id was left without a secret", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const sink = SecretSink.file("ci.key", { folder, keyId: true })
      yield* put(join(folder, "ci.key.id"), "id-7")
      assert.isUndefined(yield* held(sink, identifiesNothing))
      assert.include((yield* Effect.flip(Effect.scoped(sink.open))).message, "the file ci.key.id exists already")
    })
  )

  it.effect("is refused when it is opened where it cannot be written, and says what to do", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* put(join(folder, "there"), "mine")
      yield* Effect.promise(() => symlink("nowhere", join(folder, "link")))
      for (const [path, message] of [
        [
          "there",
          "file there: the file there exists already and is not overwritten. Choose another path, or move that file away."
        ],
        [
          "link",
          "file link: the file link exists already and is not overwritten. Choose another path, or move that file away."
        ],
        [
          "none/key",
          "file none/key: the file none/key cannot be written: its folder does not exist. Create the folder, or choose another path."
        ]
      ] as const) {
        const error = yield* Effect.flip(Effect.scoped(SecretSink.file(path, { folder }).open))
        assert.instanceOf(error, Sink.SinkError)
        assert.strictEqual(error.message, message)
      }
      assert.strictEqual(yield* content(join(folder, "there")), "mine")
    })
  )

  it.effect("that appeared in the meantime stays, and neither the secret nor its id is left", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const sink = SecretSink.file("ci.key", { folder, keyId: true })
      const { exit, records } = yield* watch(
        "deliver",
        Effect.scoped(
          Effect.flatMap(sink.open, (write) => Effect.andThen(put(join(folder, "ci.key"), "mine"), write(issued)))
        )
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual(yield* content(join(folder, "ci.key")), "mine")
      assert.deepStrictEqual(yield* listed(folder), ["ci.key"])
      assert.deepStrictEqual(scan(records, [canary]), [])
    })
  )

  it.effect("that is a folder, or may not be read, is an error and not an absent key", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* Effect.promise(() => mkdir(join(folder, "ci.key")))
      const error = yield* Effect.flip(SecretSink.file("ci.key", { folder }).holds(identify))
      assert.strictEqual(error.message, "file ci.key: the file ci.key is a folder. Name a file in it.")
      yield* Effect.promise(() => chmod(join(folder, "ci.key"), 0o700))
    })
  )
})

it.effect("a create puts its secret into a sink, and makes no key where the sink cannot take one", () =>
  Effect.gen(function* () {
    const folder = yield* temporaryFolder
    const store = yield* KeyStore.make(MemoryDriver.make())
    const create = store.create({ name: "ci" }).pipe(Sink.deliverTo(SecretSink.file("ci.key", { folder })))
    const { holds, key } = yield* create
    assert.deepStrictEqual(holds, Option.some(key.id))
    const secret = Redacted.make(yield* content(join(folder, "ci.key")))
    assert.deepStrictEqual(store.identify(secret), Option.some({ id: key.id }))
    const error = yield* Effect.flip(create)
    assert.strictEqual(error.reason._tag, "NotDelivered")
    assert.include(error.message, "file ci.key: the file ci.key exists already and is not overwritten.")
    assert.strictEqual((yield* Stream.runCollect(store.list())).length, 1)
  })
)
