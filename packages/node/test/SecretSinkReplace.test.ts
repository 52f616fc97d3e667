import { KeyId } from "@keyfold/core/ApiKey"
import type { Sink } from "@keyfold/core/Sink"
import * as SecretSink from "@keyfold/node/SecretSink"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { deliver, held, identifiesNothing, issue } from "./Sinks.ts"
import { temporaryFolder } from "./TemporaryFolder.ts"

const deliverKey = (sink: Sink, id: string) => deliver(sink, issue(id, `secret of ${id} ß`))

describe("a file that may be replaced", () => {
  it.effect("has the new secret in one step, keeps its mode, and says which key it holds", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, "key")
      const sink = SecretSink.file("key", { folder, keyId: true, replace: true })
      assert.deepStrictEqual(yield* deliverKey(sink, "first"), { holds: Option.some(KeyId.make("first")) })
      assert.strictEqual(statSync(path).mode & 0o777, 0o600)
      chmodSync(path, 0o640)
      yield* deliverKey(sink, "second")
      assert.strictEqual(readFileSync(path, "utf8"), "secret of second ß")
      assert.strictEqual(statSync(path).mode & 0o777, 0o640)
      assert.strictEqual(yield* held(sink, identifiesNothing), "second")
      assert.deepStrictEqual(readdirSync(folder).toSorted(), ["key", "key.id"])
      const plain = SecretSink.file("plain", { folder, replace: true })
      yield* deliverKey(plain, "first")
      yield* deliverKey(plain, "second")
      assert.isFalse(existsSync(join(folder, "plain.id")))
    })
  )

  it.effect("never has the new secret beside the old id", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const sink = SecretSink.file("key", { folder, keyId: true, replace: true })
      yield* deliverKey(sink, "first")
      const write = yield* sink.open
      // As if the folder were full after the old id is gone: the place of the secret is taken by what cannot be replaced.
      unlinkSync(join(folder, "key"))
      symlinkSync("elsewhere", join(folder, "key"))
      yield* Effect.flip(write(issue("second", "secret of second ß")))
      assert.isFalse(existsSync(join(folder, "key.id")))
      unlinkSync(join(folder, "key"))
      writeFileSync(join(folder, "key"), "secret of second ß")
      assert.isUndefined(yield* held(sink, identifiesNothing))
    }).pipe(Effect.scoped)
  )

  it.effect("is refused before a key is made where it is a link or others may write it", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      symlinkSync("elsewhere", join(folder, "link"))
      writeFileSync(join(folder, "open"), "old")
      chmodSync(join(folder, "open"), 0o666)
      const refused = (path: string) =>
        Effect.map(
          Effect.flip(Effect.scoped(SecretSink.file(path, { folder, replace: true }).open)),
          ({ problem }) => problem
        )
      assert.match(yield* refused("link"), /is a symbolic link/)
      assert.match(yield* refused("open"), /can be written by other users/)
      assert.match(yield* refused("missing/key"), /its folder does not exist/)
      assert.strictEqual(readFileSync(join(folder, "open"), "utf8"), "old")
    })
  )
})
