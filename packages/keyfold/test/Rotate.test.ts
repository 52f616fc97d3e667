/** `keyfold rotate` and `keyfold rotations`, over an embedded store in a file. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { run } from "keyfold/Cli"
import { Shell } from "keyfold/Shell"
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { addJournal, journaledStore, keyfold, localStore, makeShell, temporaryFolder } from "./Keyfold.ts"

const sinks = `rotations:
  pollInterval: 50 millis
  sinks:
    ci: { file: ./ci.key }
    other: { file: ./other.key }
    each: { file: "./key-{name}" }
    deaf: { command: [sh, -c, "cat > /dev/null; exit 9"] }
  probes:
    yes: { command: [sh, -c, "cat > /dev/null"] }
`

/** A folder with a store, a journal, sinks, and a key whose secret is in `ci.key`. */
const workshop = Effect.gen(function* () {
  const folder = yield* journaledStore
  appendFileSync(join(folder, "keyfold.yaml"), sinks)
  const call = (...args: ReadonlyArray<string>) => keyfold(args, { folder })
  const create = Effect.fnUntraced(function* (name: string, file: string) {
    const { code, stderr, stdout } = yield* call("create", "--name", name, "--secret-file", file, "--json")
    assert.strictEqual(code, 0, stderr)
    return String(JSON.parse(stdout).key.id)
  })
  const secret = (file: string) => readFileSync(join(folder, file), "utf8")
  const isValid = (secret: string) =>
    Effect.map(keyfold(["verify"], { folder, stdin: secret }), ({ code }) => code === 0)
  return { folder, call, create, secret, isValid, id: yield* create("nightly", "ci.key") }
})

const lines = (text: string): ReadonlyArray<Record<string, unknown>> =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line): Record<string, unknown> => JSON.parse(line))

const rotationIn = (text: string): string => /^Rotation +(\S+)$/m.exec(text)?.[1] ?? ""

describe("rotate", () => {
  it.live("puts a new key where its holder reads it, and revokes the old one", () =>
    Effect.gen(function* () {
      const root = yield* temporaryFolder
      const folder = join(root, "work")
      mkdirSync(folder)
      const call = (...args: ReadonlyArray<string>) => keyfold(args, { folder })
      const made = yield* keyfold(["init", "work", "--pepper-file", join(root, "pepper")], { folder: root })
      assert.strictEqual(made.code, 0, made.stderr)
      appendFileSync(join(folder, "keyfold.yaml"), sinks)
      const { stdout } = yield* call("create", "--name", "nightly", "--secret-file", "ci.key", "--json")
      const id: string = JSON.parse(stdout).key.id
      const old = readFileSync(join(folder, "ci.key"), "utf8")
      const ran = yield* call("rotate", id, "--sink", "ci", "--overlap", "0s", "--probe", "yes")
      assert.strictEqual(ran.code, 0, ran.stderr)
      assert.match(ran.stdout, new RegExp(`Status +done\nOld key +${id}\nNew key +\\S+\nSink +ci\nProbe +yes\n`))
      const fresh = readFileSync(join(folder, "ci.key"), "utf8")
      assert.notStrictEqual(fresh, old)
      assert.notInclude(`${ran.stdout}${ran.stderr}`, fresh)
      assert.strictEqual((yield* keyfold(["verify"], { folder, stdin: old })).stdout, "not valid (revoked)\n")
      assert.strictEqual((yield* keyfold(["verify"], { folder, stdin: fresh })).code, 0)
      const listed = yield* call("rotations")
      assert.match(listed.stdout, new RegExp(`^ID .*\n${rotationIn(ran.stdout)} +local +${id} +\\S+ +done *\n$`))
    })
  )

  it.live("leaves both keys working for the overlap, also after Ctrl-C, until somebody goes on or decides", () =>
    Effect.gen(function* () {
      const { call, folder, id, isValid, secret } = yield* workshop
      const old = secret("ci.key")
      const { shell, stderr } = makeShell({ folder, terminal: { columns: 200 } })
      const args = ["rotate", id, "--sink", "ci", "--overlap", "2h", "--rotation-id", "r1", "--wait"]
      const fiber = yield* Effect.forkChild(Effect.provideService(run(args), Shell, shell))
      while (!stderr().includes("overlap until")) yield* Effect.sleep("20 millis")
      yield* Fiber.interrupt(fiber)
      assert.match(stderr(), /rotation r1 of key \S+: overlap until \S+Z/)
      assert.include(stderr(), "interrupted. Rotation r1 goes on where it was with keyfold rotations resume r1")
      const again = yield* call("rotate", id, "--sink", "ci", "--overlap", "2h", "--rotation-id", "r1")
      assert.strictEqual(again.code, 0, again.stderr)
      assert.match(again.stderr, /^Both keys work\. The next keyfold rotate --due after \S+ revokes key/)
      assert.deepStrictEqual([yield* isValid(old), yield* isValid(secret("ci.key"))], [true, true])
      const aborted = yield* call("rotations", "abort", "r1")
      assert.strictEqual(aborted.code, 7)
      assert.match(aborted.stdout, /^Status +needsAttention$/m)
      const refused = yield* call("rotations", "resolve", "r1", "--keep", "old")
      assert.strictEqual(refused.code, 1)
      assert.match(refused.stderr, /holds key \S+, which would be revoked/)
      const resolved = yield* call("rotations", "resolve", "r1", "--keep", "new", "--json")
      assert.strictEqual(resolved.code, 0, resolved.stderr)
      const result = lines(resolved.stdout).at(-1)
      assert.deepInclude(result, { event: "result", id: "r1", status: "done", old: { id } })
      assert.deepStrictEqual([yield* isValid(old), yield* isValid(secret("ci.key"))], [false, true])
    })
  )

  it.live("refuses a sink that holds another key, whose holder would get this one", () =>
    Effect.gen(function* () {
      const { call, create, id, secret } = yield* workshop
      const other = yield* create("other", "other.key")
      const refused = yield* call("rotate", id, "--sink", "other", "--overlap", "0s")
      assert.strictEqual(refused.code, 1)
      assert.include(
        refused.stderr,
        `keyfold: file ./other.key holds key ${other}, so that the holder of key ${id} reads`
      )
      assert.include(secret("other.key"), other)
      const named = yield* call("rotate", id, "--sink", "each", "--overlap", "0s")
      assert.strictEqual(named.code, 0, named.stderr)
      assert.match(named.stdout, /^Sink +each:nightly$/m)
      assert.notInclude(secret("key-nightly"), id)
    })
  )

  it.live("ends with 7 where it needs attention, and shows what to decide", () =>
    Effect.gen(function* () {
      const { call, id } = yield* workshop
      const ran = yield* call("rotate", id, "--sink", "deaf", "--overlap", "0s", "--rotation-id", "r1")
      assert.strictEqual(ran.code, 7, ran.stderr)
      assert.match(ran.stderr, /keyfold rotations resolve r1 --keep old, or --keep new\.\n$/)
      const listed = yield* call("rotations", "--status", "needsAttention", "--json")
      assert.deepInclude(lines(listed.stdout)[0], { id: "r1", status: "needsAttention", store: "local", sink: "deaf" })
      const shown = yield* call("rotations", "r1")
      assert.match(shown.stdout, /^Problem +\S/m)
      const resumed = yield* call("rotations", "resume", "r1")
      assert.strictEqual(resumed.code, 7)
      assert.match(resumed.stderr, /keyfold: rotation r1: /)
      const none = yield* call("rotations", "--status", "undone")
      assert.deepStrictEqual(none, { code: 0, stdout: "", stderr: "No rotations.\n" })
      const unknown = yield* call("rotations", "r2")
      assert.strictEqual(unknown.code, 3)
    })
  )
})

describe("rotate --due", () => {
  it.live("rotates what the schedules say, once, finishes what waits, and reports what it leaves alone", () =>
    Effect.gen(function* () {
      const { call, create, folder, id, isValid, secret } = yield* workshop
      const path = join(folder, "keyfold.yaml")
      const schedule = "rotation: { every: 1 millis, overlap: 0s, sink: each, where: 'name != \"stray\"' }"
      writeFileSync(path, readFileSync(path, "utf8").replace("pepper: {", `${schedule}, pepper: {`))
      yield* create("weekly", "key-weekly")
      yield* create("stray", "stray.key")
      yield* create("a/b", "odd.key")
      yield* call("rotate", id, "--sink", "ci", "--overlap", "1s", "--rotation-id", "r1", "--within", "0s")
      const begun = yield* call("rotations", "r1")
      assert.match(begun.stderr, /The next keyfold rotate --due/)
      const before = secret("key-weekly")
      const ran = yield* call("rotate", "--due")
      assert.strictEqual(ran.code, 0, ran.stderr)
      assert.match(ran.stdout, /^r1 +local +\S+ +\S+ +done/m)
      assert.match(ran.stdout, /\n\n1 rotation begun; 2 done\.\n$/)
      assert.match(ran.stderr, /warning: key \S+ of store "local" is left alone: .*cannot stand in a place/)
      assert.isFalse(yield* isValid(before))
      assert.isTrue(yield* isValid(secret("key-weekly")))
      const json = yield* call("rotate", "--due", "--json", "--store", "local")
      const events = lines(json.stdout)
      assert.includeMembers(
        events.map(({ event }) => event),
        ["left", "started", "rotation", "finished"]
      )
      assert.deepInclude(events.at(-1), { event: "finished", began: 2 })
    })
  )

  it.live("says what to write where the configuration has no schedule, no sinks or no journal", () =>
    Effect.gen(function* () {
      const { call } = yield* workshop
      const idle = yield* call("rotate", "--due")
      assert.strictEqual(idle.code, 2)
      assert.include(idle.stderr, "rotation: { every: 90d, overlap: 24h, sink: NAME }")
      const folder = yield* localStore
      const silent = yield* keyfold(["rotations"], { folder })
      assert.strictEqual(silent.code, 2)
      assert.include(silent.stderr, "Write rotations: { sinks: { NAME: { file: path } } }")
      appendFileSync(join(folder, "keyfold.yaml"), sinks)
      const unjournaled = yield* keyfold(["rotate", "--due"], { folder })
      assert.strictEqual(unjournaled.code, 2)
      assert.include(unjournaled.stderr, "rotations need a journal")
      yield* addJournal(folder)
      const mistakes: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
        [[], /name the key to rotate by its id, or ask for --due/],
        [["k"], /--sink and --overlap must be given with a key/],
        [["k", "--sink", "ci"], /--overlap must be given/],
        [["k", "--due"], /--due takes no key/],
        [["--due", "--sink", "ci"], /--sink is for one key/],
        [["--due", "--every", "1h"], /--every belongs to --watch/],
        [["k", "--sink", "ci", "--overlap", "0s", "--watch"], /belong to --due/],
        [["k", "--sink", "ci", "--overlap", "soon"], /--overlap takes a duration/],
        [["k", "--sink", "ci", "--overlap", "0s", "--expiry", "never"], /--expiry takes keep/]
      ]
      for (const [args, expected] of mistakes) {
        const { code, stderr } = yield* keyfold(["rotate", ...args], { folder })
        assert.strictEqual(code, 2, args.join(" "))
        assert.match(stderr, expected)
      }
    })
  )
})
