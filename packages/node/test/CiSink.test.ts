/** The sink that appends a variable to a CI environment file. */
import { assert, describe, it } from "@effect/vitest"
import * as CiSink from "@keyfold/node/CiSink"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { appendFile, chmod, open, readFile, stat, symlink, writeFile, type FileHandle } from "node:fs/promises"
import { join } from "node:path"
import { deliver, held, identifiesNothing, identify, issue } from "./Sinks.ts"
import { temporaryFolder } from "./TemporaryFolder.ts"

const text = (path: string) => Effect.promise(() => readFile(path, "utf8"))
const put = (path: string, content: string) => Effect.promise(() => writeFile(path, content, { mode: 0o600 }))

const refusal = (path: string, variable = "API_KEY", options: CiSink.Options = {}) =>
  Effect.map(Effect.flip(Effect.scoped(CiSink.environmentFile(path, variable, options).open)), ({ message }) => message)

/** Lets the file's handle run something in place of its own `sync`. */
const onSync = (run: () => Promise<void>) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const handle = await open(import.meta.filename)
      const prototype: Pick<FileHandle, "sync"> = Object.getPrototypeOf(handle)
      await handle.close()
      const { sync } = prototype
      prototype.sync = run
      return () => void (prototype.sync = sync)
    }),
    (restore) => Effect.sync(restore)
  )

describe("a CI environment file", () => {
  it.effect("takes the variable between two lines of a delimiter, after what is there", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, "env")
      yield* put(path, "A=1\nB<<END\nx=y\n\nEND\nC=no newline")
      const sink = CiSink.environmentFile("env", "API_KEY", { folder })
      const secret = "two lines=\nADMIN=1\n"
      const receipt = yield* deliver(sink, issue("id-1", secret))
      assert.deepStrictEqual(receipt, { holds: Option.some(issue("id-1", "").key.id) })
      const written = yield* text(path)
      const found = /^A=1\nB<<END\nx=y\n\nEND\nC=no newline\nAPI_KEY<<(keyfold_[0-9a-f]{32})\n([^]*)\n\1\n$/.exec(
        written
      )
      assert.strictEqual(found?.[2], secret)
      assert.isUndefined(yield* held(sink, identifiesNothing))
      const other = CiSink.environmentFile("new", "API_KEY", { folder })
      yield* deliver(other, issue("id-7", "id-7.secret"))
      assert.strictEqual((yield* Effect.promise(() => stat(join(folder, "new")))).mode & 0o777, 0o600)
      assert.strictEqual(yield* held(other, identify), "id-7")
    })
  )

  it.effect("carries the key's id in a variable before the secret, which counts for that secret only", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, "env")
      const sink = CiSink.environmentFile(path, "API_KEY", { keyId: true, replace: true })
      assert.isUndefined(yield* held(sink, identifiesNothing))
      yield* deliver(sink, issue("key 1", "first"))
      assert.match(yield* text(path), /^API_KEY_KEY_ID<<(\S+)\nkey 1\n\1\nAPI_KEY<<\1\nfirst\n\1\n$/)
      assert.strictEqual(yield* held(sink, identifiesNothing), "key 1")
      yield* deliver(sink, issue("key-2", "second"))
      assert.strictEqual(yield* held(sink, identifiesNothing), "key-2")
      yield* Effect.promise(() => appendFile(path, "API_KEY=theirs\n"))
      assert.isUndefined(yield* held(sink, identifiesNothing))
    })
  )

  it.effect("is refused before a key is made where the variable is set, kept by the job system, or unreadable", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, "env")
      yield* put(path, "API_KEY=precious\n")
      assert.include(yield* refusal(path), "sets API_KEY already.")
      for (const variable of ["GITHUB_TOKEN", "runner_temp", "NODE_OPTIONS"]) {
        assert.include(yield* refusal(path, variable), `keeps ${variable} to itself`)
      }
      assert.include(yield* refusal(path, "A-B"), "expected the name of a variable")
      for (const content of ["# a comment\n", "A<<END\nx\n", "A<<\nx\n"]) {
        yield* put(path, content)
        assert.include(yield* refusal(path), "has a line that sets no variable")
      }
      yield* put(path, "")
      yield* Effect.promise(() => chmod(path, 0o622))
      assert.include(yield* refusal(path), "can be written by other users")
      yield* Effect.promise(() => symlink(path, join(folder, "link")))
      assert.include(yield* refusal(join(folder, "link")), "is a symbolic link")
      assert.include(yield* refusal(join(folder, "none", "env")), "its folder does not exist")
    })
  )

  it.effect("takes no secret that its readers would read as another", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, "env")
      for (const secret of ["a\rb", "a\0b", "\ud800"]) {
        const error = yield* Effect.flip(deliver(CiSink.environmentFile(path, "API_KEY"), issue("id-1", secret)))
        assert.include(error.message, "a character that no variable can hold")
      }
    })
  )

  it.effect("keeps what others append at the same time, and is cut back where the write fails", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, "env")
      const full = () => Promise.reject(Object.assign(new Error("CANARY"), { code: "ENOSPC" }))
      const fail = (run: () => Promise<void>) =>
        Effect.scoped(
          Effect.andThen(onSync(run), Effect.flip(deliver(CiSink.environmentFile(path, "API_KEY"), issue("id-1", "s"))))
        )
      yield* put(path, "A=1")
      assert.include((yield* fail(full)).message, "the disk is full")
      assert.strictEqual(yield* text(path), "A=1")
      yield* fail(() => appendFile(path, "B=2\n").then(full))
      assert.match(yield* text(path), /^A=1\nAPI_KEY<<(\S+)\ns\n\1\nB=2\n$/)
    })
  )
})
