import { assert, describe, it } from "@effect/vitest"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as SecretFile from "@keyfold/node/SecretFile"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { chmod, mkdir, readFile, readdir, stat, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { inspect } from "node:util"
import { temporaryFolder } from "./TemporaryFolder.ts"

const canary = "canary-77c1"
const secret = Redacted.make(canary)

const listed = (folder: string) => Effect.promise(() => readdir(folder))
const content = (path: string) => Effect.promise(() => readFile(path, "utf8"))
const mode = (path: string) => Effect.promise(() => stat(path).then((stats) => stats.mode & 0o777))

const problemOf = (error: ConfigurationError, folder: string) => {
  assert.instanceOf(error, ConfigurationError)
  assert.notInclude(inspect(error, { depth: 9 }), canary)
  return error.message.replaceAll(folder, "FOLDER")
}

describe("write", () => {
  it.effect("writes exactly the secret, for its owner only, and leaves nothing else", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const before = process.umask(0)
      yield* SecretFile.write("key", secret, { folder }).pipe(Effect.ensuring(Effect.sync(() => process.umask(before))))
      assert.strictEqual(yield* content(join(folder, "key")), canary)
      assert.strictEqual(yield* mode(join(folder, "key")), 0o600)
      assert.deepStrictEqual(yield* listed(folder), ["key"])
    })
  )

  it.effect("refuses to overwrite a file, a folder or a broken link", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* Effect.promise(async () => {
        await writeFile(join(folder, "file"), "mine")
        await mkdir(join(folder, "folder"))
        await symlink("nowhere", join(folder, "link"))
      })
      for (const name of ["file", "folder", "link"]) {
        const error = yield* Effect.flip(SecretFile.write(name, secret, { folder }))
        assert.strictEqual(
          problemOf(error, folder),
          `the file ${name} exists already and is not overwritten. Choose another path, or move that file away.`
        )
      }
      assert.strictEqual(yield* content(join(folder, "file")), "mine")
      assert.deepStrictEqual((yield* listed(folder)).toSorted(), ["file", "folder", "link"])
    })
  )

  it.effect("says what to do where the folder is missing or is a file", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* Effect.promise(() => writeFile(join(folder, "file"), ""))
      const missing = yield* Effect.flip(SecretFile.write(join(folder, "missing", "key"), secret))
      assert.strictEqual(
        problemOf(missing, folder),
        "the file FOLDER/missing/key cannot be written: its folder does not exist. Create the folder, or choose another path."
      )
      const inFile = yield* Effect.flip(SecretFile.write("file/key", secret, { folder }))
      assert.include(problemOf(inFile, folder), "a part of its path is a file")
      assert.deepStrictEqual(yield* listed(folder), ["file"])
    })
  )
})

describe("reserve", () => {
  it.effect("shows nothing at the path until the secret is written", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, "key")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const reservation = yield* SecretFile.reserve("key", { folder })
          assert.strictEqual(reservation.path, path)
          const [temporary = ""] = yield* listed(folder)
          assert.notStrictEqual(temporary, "key")
          assert.strictEqual(yield* mode(join(folder, temporary)), 0o600)
          yield* reservation.write(secret)
          assert.deepStrictEqual(yield* listed(folder), ["key"])
        })
      )
      assert.strictEqual(yield* content(path), canary)
    })
  )

  it.effect("leaves nothing behind where no secret came", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* Effect.scoped(SecretFile.reserve("key", { folder }))
      assert.deepStrictEqual(yield* listed(folder), [])
    })
  )

  it.effect("keeps a file that appeared in the meantime, and leaves nothing of its own", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, "key")
      const error = yield* Effect.scoped(
        Effect.gen(function* () {
          const reservation = yield* SecretFile.reserve("key", { folder })
          yield* Effect.promise(() => writeFile(path, "mine"))
          return yield* Effect.flip(reservation.write(secret))
        })
      )
      assert.include(error.message, "key exists already and is not overwritten")
      assert.strictEqual(yield* content(path), "mine")
      assert.deepStrictEqual(yield* listed(folder), ["key"])
    })
  )

  it.effect("writes once: a second secret changes nothing", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const error = yield* Effect.scoped(
        Effect.gen(function* () {
          const reservation = yield* SecretFile.reserve("key", { folder })
          yield* reservation.write(secret)
          return yield* Effect.flip(reservation.write(Redacted.make("second")))
        })
      )
      assert.include(error.message, "exists already")
      assert.strictEqual(yield* content(join(folder, "key")), canary)
    })
  )

  it.effect("lets exactly one of many writers have the path", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const names = Array.from({ length: 8 }, (_, index) => `secret-${index}`)
      const exits = yield* Effect.forEach(
        names,
        (name) => Effect.exit(SecretFile.write("key", Redacted.make(name), { folder })),
        { concurrency: "unbounded" }
      )
      const winner = exits.findIndex((exit) => exit._tag === "Success")
      assert.strictEqual(exits.filter((exit) => exit._tag === "Success").length, 1)
      assert.strictEqual(yield* content(join(folder, "key")), names[winner])
      assert.deepStrictEqual(yield* listed(folder), ["key"])
    })
  )

  it.effect("fails before any secret exists where the folder may not be written", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* Effect.promise(() => chmod(folder, 0o500))
      const error = yield* Effect.flip(Effect.scoped(SecretFile.reserve("/proc/keyfold/key")))
      assert.instanceOf(error, ConfigurationError)
      // The superuser may write anywhere, so the mode alone proves nothing for them.
      if (process.getuid?.() !== 0) {
        const refused = yield* Effect.flip(Effect.scoped(SecretFile.reserve("key", { folder })))
        assert.include(refused.message, "this user may not write to its folder")
      }
      yield* Effect.promise(() => chmod(folder, 0o700))
    })
  )
})
