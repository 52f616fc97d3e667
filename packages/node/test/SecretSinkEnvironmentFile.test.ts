/** The sink that sets a variable in a dotenv file. */
import { assert, describe, it } from "@effect/vitest"
import { scan, watch } from "@keyfold/canary/Canary"
import * as SecretSink from "@keyfold/node/SecretSink"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import { execFileSync, spawn } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import {
  chmod,
  chown,
  lstat,
  mkdir,
  open,
  readFile,
  readdir,
  rm,
  stat,
  symlink,
  writeFile,
  type FileHandle
} from "node:fs/promises"
import { join } from "node:path"
import { parseEnv } from "node:util"
import { deliver, held, identifiesNothing, identify, issue } from "./Sinks.ts"
import { temporaryFolder } from "./TemporaryFolder.ts"

const canary = 'CANARY+secret^must&never@show$UPinANY"place%0001'

const bytes = (path: string) => Effect.promise(() => readFile(path))
const text = (path: string) => Effect.promise(() => readFile(path, "utf8"))
const mode = (path: string) => Effect.promise(() => stat(path).then((stats) => stats.mode & 0o777))
const listed = (folder: string) => Effect.promise(() => readdir(folder).then((names) => names.toSorted()))
const put = (path: string, content: string | Uint8Array, permissions = 0o600) =>
  Effect.promise(() => writeFile(path, content, { mode: permissions }))

/** What `sh` makes of the file. */
const sourced = (path: string, variable: string) =>
  execFileSync("sh", ["-c", `. "$1"; printf %s "$${variable}"`, "sh", path], { env: {} }).toString()

/** Runs something each time a file is about to reach the disk, which is between its reading and its replacement. */
const beforeEverySync = (run: () => void) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const handle = await open(import.meta.filename)
      const prototype: Pick<FileHandle, "sync"> = Object.getPrototypeOf(handle)
      await handle.close()
      const { sync } = prototype
      prototype.sync = function (this: FileHandle) {
        run()
        return sync.call(this)
      }
      return () => void (prototype.sync = sync)
    }),
    (restore) => Effect.sync(restore)
  )

const opened = (sink: ReturnType<typeof SecretSink.environmentFile>) => Effect.scoped(sink.open)

describe("an environment file", () => {
  it.effect("that is new holds the variable and its key's id, for its owner only", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const sink = SecretSink.environmentFile(".env", "API_KEY", { folder })
      assert.isUndefined(yield* held(sink, identify))
      const before = process.umask(0)
      const receipt = yield* deliver(sink, issue("key 1", "abc.DEF")).pipe(
        Effect.ensuring(Effect.sync(() => process.umask(before)))
      )
      assert.deepStrictEqual(Option.getOrUndefined(receipt.holds), issue("key 1", "x").key.id)
      assert.strictEqual(yield* text(join(folder, ".env")), "# keyfold key key%201\nAPI_KEY=abc.DEF\n")
      assert.strictEqual(yield* mode(join(folder, ".env")), 0o600)
      assert.strictEqual(yield* held(sink, identifiesNothing), "key 1")
      assert.deepStrictEqual(yield* listed(folder), [".env"])
    })
  )

  const secrets = [
    "plain_Value-1.2/3+4=5:6@7,8%9",
    "two words",
    " spaces around ",
    "a#b",
    '$HOME `id` $(id) ${x} \\n \\ !! * ? ~ ; & | < > "quoted"',
    "it's",
    "~root",
    "größe 名 \u{1F511}",
    "tab\tand \u0001 control",
    canary
  ]

  for (const secret of secrets) {
    it.effect(`is read alike by sh and by dotenv readers: ${JSON.stringify(secret)}`, () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const path = join(folder, ".env")
        yield* put(path, "BEFORE='b'\n")
        yield* deliver(SecretSink.environmentFile(path, "API_KEY"), issue("k1", secret))
        yield* deliver(SecretSink.environmentFile(path, "AFTER"), issue("k2", "after"))
        assert.deepStrictEqual({ ...parseEnv(yield* text(path)) }, { BEFORE: "b", API_KEY: secret, AFTER: "after" })
        assert.strictEqual(sourced(path, "API_KEY"), secret)
        assert.strictEqual(sourced(path, "AFTER"), "after")
      })
    )
  }

  it.effect("keeps every other byte, its mode, and whatever encoding it is in", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, ".env")
      const before = Buffer.from(
        '# caf\xe9\r\n\r\n  export A = 1 \nB="x\n# y\nC=2\n"\n\nnonsense\nLAST=no newline',
        "latin1"
      )
      yield* put(path, before, 0o640)
      yield* Effect.promise(() => chmod(path, 0o640))
      const sink = SecretSink.environmentFile(".env", "NEW", { folder })
      yield* deliver(sink, issue("k1", "value"))
      assert.deepStrictEqual(
        yield* bytes(path),
        Buffer.concat([before, Buffer.from("\n# keyfold key k1\nNEW=value\n")])
      )
      assert.strictEqual(yield* mode(path), 0o640)
      assert.deepStrictEqual(yield* listed(folder), [".env"])
    })
  )

  it.effect("keeps its owner where this user may give files away", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, ".env")
      yield* put(path, "A=1\n")
      const { gid, uid } = yield* Effect.promise(() => stat(path))
      const owner = process.getuid?.() === 0 ? { uid: 12_345, gid: 12_346 } : { uid, gid }
      yield* Effect.promise(() => chown(path, owner.uid, owner.gid))
      yield* deliver(SecretSink.environmentFile(path, "B"), issue("k1", "value"))
      const after = yield* Effect.promise(() => stat(path))
      assert.deepStrictEqual({ uid: after.uid, gid: after.gid }, owner)
    })
  )

  it.effect("that others can read is written with a warning", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const lines: Array<string> = []
      const logger = Logger.make<unknown, void>(({ message }) => void lines.push(String(message)))
      yield* put(join(folder, ".env"), "")
      const sink = SecretSink.environmentFile(".env", "A", { folder, replace: true })
      const once = deliver(sink, issue("k1", "value")).pipe(Effect.provide(Logger.layer([logger])))
      yield* once
      assert.deepStrictEqual(lines, [])
      yield* Effect.promise(() => chmod(join(folder, ".env"), 0o644))
      yield* once
      assert.deepStrictEqual(lines, ["the file .env holds a secret and other users can read it. Run: chmod 600 on it."])
    })
  )

  it.effect("replaces a variable in its place, with the line that names its key, only where it is asked to", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, ".env")
      const around = (middle: string) => `A=1\n# mine\n${middle}B='2'\n`
      yield* put(path, around('export KEY = "old\nKEY=inside" # why\n'))
      const sink = SecretSink.environmentFile(".env", "KEY", { folder, replace: true })
      yield* deliver(sink, issue("k1", "first one"))
      assert.strictEqual(yield* text(path), around("# keyfold key k1\nexport KEY='first one'\n"))
      yield* deliver(sink, issue("k2", "second"))
      assert.strictEqual(yield* text(path), around("# keyfold key k2\nexport KEY=second\n"))
      assert.strictEqual(yield* held(sink, identifiesNothing), "k2")
    })
  )

  it.effect("says which key it holds by the secret, else by the line before it, else not at all", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, ".env")
      const sink = SecretSink.environmentFile(path, "KEY")
      yield* put(path, "# keyfold key id-1\nKEY='id-2.secret'\n")
      assert.strictEqual(yield* held(sink, identify), "id-2")
      assert.strictEqual(yield* held(sink, identifiesNothing), "id-1")
      yield* put(path, "# keyfold key id-1\n\nKEY=value\n# keyfold key id-3\nOTHER=x\n")
      assert.isUndefined(yield* held(sink, identifiesNothing))
      yield* put(path, "# keyfold key %zz\nKEY=value\n")
      assert.isUndefined(yield* held(sink, identifiesNothing))
      yield* put(path, "# keyfold key id-1\nKEY=\n")
      assert.isUndefined(yield* held(sink, identifiesNothing))
    })
  )

  const refused: ReadonlyArray<
    readonly [problem: string, prepare: (path: string) => Promise<unknown>, replace?: boolean]
  > = [
    [
      "sets KEY already. Remove that line, choose another variable, or replace it: replace: true.",
      (path) => writeFile(path, "KEY=\n")
    ],
    ["sets KEY 2 times. Keep one of these lines.", (path) => writeFile(path, "KEY=1\n export KEY=2"), true],
    ["cannot take KEY without a change to other lines. Check its quotes.", (path) => writeFile(path, "A='open\n")],
    ["sets KEY inside of quotes. Check its quotes.", (path) => writeFile(path, 'A="x\\"\nKEY=1\nB="y"\n'), true],
    [
      "can be written by other users. Run: chmod go-w on it.",
      (path) => writeFile(path, "").then(() => chmod(path, 0o620))
    ],
    [
      "can be written by other users. Run: chmod go-w on it.",
      (path) => writeFile(path, "").then(() => chmod(path, 0o602))
    ],
    [
      "is a symbolic link. Name the file it points to.",
      (path) => writeFile(`${path}.real`, "").then(() => symlink(`${path}.real`, path))
    ],
    ["is no regular file. Choose another path.", (path) => mkdir(path)],
    ["is no regular file. Choose another path.", async (path) => void execFileSync("mkfifo", ["-m", "600", path])],
    ["is longer than 1 MiB. Choose another path.", (path) => writeFile(path, "#".repeat(1_048_577))]
  ]

  for (const [problem, prepare, replace = false] of refused) {
    it.effect(`is refused when it is opened, before a key is made: it ${problem}`, () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const path = join(folder, ".env")
        yield* Effect.promise(() => prepare(path))
        const before = yield* listed(folder)
        const error = yield* Effect.flip(opened(SecretSink.environmentFile(".env", "KEY", { folder, replace })))
        assert.strictEqual(error.message, `variable KEY of file .env: the file .env ${problem}`)
        assert.deepStrictEqual(yield* listed(folder), before)
      })
    )
  }

  it.effect("is refused for a name no variable can have, and in a folder that cannot be written", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const message = (path: string, variable: string) =>
        Effect.map(
          Effect.flip(opened(SecretSink.environmentFile(path, variable, { folder }))),
          ({ message }) => message
        )
      for (const name of ["", "1A", "A-B", "A B", "A=B", "A\nB"]) {
        assert.include(
          yield* message(".env", name),
          "expected the name of a variable: letters, digits and underscores."
        )
      }
      assert.include(
        yield* message("none/.env", "KEY"),
        "the file none/.env cannot be written: its folder does not exist."
      )
      assert.deepStrictEqual(yield* listed(folder), [])
    })
  )

  it.effect("takes no secret with a line break or NUL, or that needs two notations, and stays as it was", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, ".env")
      yield* put(path, "A=1\n")
      for (const [sign, problem] of [
        ["\n", "the secret holds a line break or another character that no variable can hold."],
        ["\r", "the secret holds a line break or another character that no variable can hold."],
        ["\0", "the secret holds a line break or another character that no variable can hold."],
        ["\ud800", "the secret holds a line break or another character that no variable can hold."],
        ["'", "the secret mixes single quotes with signs that both sh and dotenv readers read alike in no notation."]
      ] as const) {
        const { exit, records } = yield* watch(
          "deliver",
          deliver(SecretSink.environmentFile(path, "KEY"), issue("k1", `${canary}${sign}end`))
        )
        assert.isTrue(Exit.isFailure(exit))
        const error = yield* Effect.flip(exit)
        assert.strictEqual(error.problem, problem)
        assert.deepStrictEqual(scan(records, [canary]), [])
        assert.strictEqual(yield* text(path), "A=1\n")
        assert.deepStrictEqual(yield* listed(folder), [".env"])
      }
    })
  )

  it.effect("that changed after it was opened is read again, and refused where it no longer fits", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, ".env")
      const change = (prepare: Effect.Effect<unknown>) =>
        Effect.scoped(
          Effect.gen(function* () {
            const write = yield* SecretSink.environmentFile(path, "KEY").open
            yield* prepare
            return yield* write(issue("k1", canary))
          })
        )
      yield* change(put(path, "A=1\n"))
      assert.include(yield* text(path), "A=1\n# keyfold key k1\n")
      yield* Effect.promise(() => rm(path))
      const set = yield* Effect.flip(change(put(path, "KEY=mine\n")))
      assert.include(set.message, "sets KEY already")
      assert.strictEqual(yield* text(path), "KEY=mine\n")
      yield* Effect.promise(() => rm(path))
      const linked = yield* Effect.flip(change(Effect.promise(() => symlink("elsewhere", path))))
      assert.include(linked.message, "is a symbolic link")
      assert.isTrue((yield* Effect.promise(() => lstat(path))).isSymbolicLink())
      assert.deepStrictEqual(yield* listed(folder), [".env"])
    })
  )

  it.effect("that another program changes while it is replaced is read again, and left alone in the end", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, ".env")
      const sink = SecretSink.environmentFile(path, "KEY", { replace: true })
      let changes = 0
      const changing = (times: number) => {
        changes = 0
        return beforeEverySync(() => {
          if (changes < times) writeFileSync(path, `A=${++changes}\n`)
        })
      }
      yield* put(path, "A=0\n")
      yield* Effect.scoped(Effect.andThen(changing(2), deliver(sink, issue("k1", "value"))))
      assert.strictEqual(yield* text(path), "A=2\n# keyfold key k1\nKEY=value\n")
      const error = yield* Effect.flip(
        Effect.scoped(Effect.andThen(changing(Number.POSITIVE_INFINITY), deliver(sink, issue("k2", "value"))))
      )
      assert.strictEqual(error.problem, `the file ${path} keeps being changed by another program.`)
      assert.strictEqual(yield* text(path), "A=3\n")
      assert.deepStrictEqual(yield* listed(folder), [".env"])
    })
  )

  it.effect("takes many variables at the same time and loses none", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const names = Array.from({ length: 12 }, (_, index) => `KEY_${index}`)
      yield* Effect.forEach(
        names,
        (name) => deliver(SecretSink.environmentFile(".env", name, { folder }), issue(`of ${name}`, name)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        { ...parseEnv(yield* text(join(folder, ".env"))) },
        Object.fromEntries(names.map((name) => [name, name]))
      )
      assert.deepStrictEqual(yield* listed(folder), [".env"])
    })
  )
})

/** Runs the child until it has written a few times and a little longer, then kills it as `kill -9` does. */
const runAndKill = (folder: string, delay: number) =>
  Effect.callback<string | null>((resume) => {
    const program = join(import.meta.dirname, "environmentChild.ts")
    const child = spawn(process.execPath, ["--conditions=@keyfold/source", program, folder], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    child.stdout.once("data", () => setTimeout(() => child.kill("SIGKILL"), delay))
    child.on("close", (_code, signal) => resume(Effect.succeed(signal)))
    return Effect.sync(() => void child.kill("SIGKILL"))
  })

it.live("an environment file is the old or the new one, never a mix, where its writer is killed", () =>
  Effect.gen(function* () {
    const folder = yield* temporaryFolder
    const path = join(folder, ".env")
    for (let round = 0; round < 8; round++) {
      writeFileSync(path, `A='1'\n${"# filler\n".repeat(2_000)}`, { mode: 0o600 })
      assert.strictEqual(yield* runAndKill(folder, 3 + 7 * round), "SIGKILL")
      const found = readFileSync(path, "utf8")
      const [, id = ""] = /# keyfold key k(\d+)\n/.exec(found) ?? []
      assert.strictEqual(
        found,
        `A='1'\n${"# filler\n".repeat(2_000)}# keyfold key k${id}\nKEY=${`secret-${id}-`.repeat(500)}\n`
      )
      assert.isAbove(Number(id), 0)
      assert.strictEqual(readFileSync(path).length, found.length)
    }
  })
)
