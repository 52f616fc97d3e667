/** The sink that sets an entry of a Kubernetes Secret in a manifest. */
import { assert, describe, it } from "@effect/vitest"
import * as KubernetesSink from "@keyfold/node/KubernetesSink"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { chmod, readFile, readdir, stat, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { parseAllDocuments } from "yaml"
import { deliver, held, identifiesNothing, identify, issue } from "./Sinks.ts"
import { temporaryFolder } from "./TemporaryFolder.ts"

const canary = 'CANARY+secret^must&never@show$UPinANY"place%0001'

const text = (path: string) => Effect.promise(() => readFile(path, "utf8"))
const put = (path: string, content: string | Uint8Array) =>
  Effect.promise(() => writeFile(path, content, { mode: 0o600 }))
const base64 = (value: string) => Buffer.from(value).toString("base64")

const options = { name: "api-keys", key: "API_KEY" }

const values = Effect.fnUntraced(function* (path: string) {
  return parseAllDocuments(yield* text(path)).map((document) => document.toJS())
})

const refusal = (path: string, changes: Partial<KubernetesSink.Options> = {}) =>
  Effect.map(
    Effect.flip(Effect.scoped(KubernetesSink.manifest(path, { ...options, ...changes }).open)),
    ({ message }) => message
  )

describe("a Kubernetes manifest", () => {
  it.effect("that is new holds the Secret with the key's id in an annotation, for its owner only", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const sink = KubernetesSink.manifest("secret.yaml", { ...options, namespace: "ci", folder })
      assert.isUndefined(yield* held(sink, identify))
      const receipt = yield* deliver(sink, issue("key 1", canary))
      assert.deepStrictEqual(receipt, { holds: Option.some(issue("key 1", "").key.id) })
      const path = join(folder, "secret.yaml")
      assert.deepStrictEqual(yield* values(path), [
        {
          apiVersion: "v1",
          kind: "Secret",
          metadata: { name: "api-keys", namespace: "ci", annotations: { "keyfold/key-ids": '{"API_KEY":"key 1"}' } },
          type: "Opaque",
          data: { API_KEY: base64(canary) }
        }
      ])
      assert.strictEqual((yield* Effect.promise(() => stat(path))).mode & 0o777, 0o600)
      assert.strictEqual(yield* held(sink, identifiesNothing), "key 1")
      assert.deepStrictEqual(yield* Effect.promise(() => readdir(folder)), ["secret.yaml"])
    })
  )

  const mine = `# Keys of the CI jobs.
apiVersion: v1
kind: Secret
metadata:
  name: api-keys # the jobs refer to it
  labels: { team: ci }
type: Opaque
data:
  # from the database
  PASSWORD: c2VjcmV0
  OLD: "MDEyMw=="
`
  const before = `# Leading words.\n---\napiVersion: v1\nkind:   ConfigMap\nmetadata: {name: api-keys}\ndata:\n    A:    '1'\n---\n`
  const after = `---\napiVersion: v1\nkind: Secret\nmetadata:\n    name:   other\n...\n`

  it.effect("keeps other documents byte for byte, and comments, order and entries of the Secret", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, "all.yaml")
      yield* put(path, before + mine + after)
      yield* Effect.promise(() => chmod(path, 0o640))
      yield* deliver(KubernetesSink.manifest(path, options), issue("key-1", "first"))
      const annotations = `  annotations:\n    keyfold/key-ids: "{\\"API_KEY\\":\\"key-1\\"}"\n`
      const expected = mine.replace("type:", `${annotations}type:`) + `  API_KEY: "${base64("first")}"\n`
      assert.strictEqual(yield* text(path), before + expected + after)
      assert.strictEqual((yield* Effect.promise(() => stat(path))).mode & 0o777, 0o640)
      yield* deliver(KubernetesSink.manifest(path, { ...options, key: "SECOND" }), issue("key-2", "second"))
      const both = expected.replace('\\"key-1\\"}', '\\"key-1\\",\\"SECOND\\":\\"key-2\\"}')
      assert.strictEqual(yield* text(path), before + both + `  SECOND: "${base64("second")}"\n` + after)
    })
  )

  it.effect("takes another Secret after a document, and after comments alone", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, "all.yaml")
      for (const [content, count] of [
        [after.trimEnd(), 2],
        ["# nothing yet", 1],
        ["", 1]
      ] as const) {
        yield* put(path, content)
        yield* deliver(KubernetesSink.manifest(path, options), issue("key-1", "value"))
        assert.isTrue((yield* text(path)).startsWith(content))
        const found = (yield* values(path)).filter((value) => value !== null)
        assert.lengthOf(found, count)
        assert.deepStrictEqual(found.at(-1)?.data, { API_KEY: base64("value") })
      }
    })
  )

  it.effect("reads alike in every reader: what looks like a number or a truth stays text", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const secrets = [
        "0123",
        "yes",
        "1e3",
        " a: b # c ",
        "- x",
        canary,
        "größe \u{1F511}",
        `line\nbreak\n${"x ".repeat(200)}`
      ]
      for (const [index, secret] of secrets.entries()) {
        const path = join(folder, `${index}.yaml`)
        const sink = KubernetesSink.manifest(path, { ...options, form: "stringData" })
        yield* deliver(sink, issue("id-9", secret))
        const [written] = yield* values(path)
        assert.deepStrictEqual(written.stringData, { API_KEY: secret })
        assert.include(yield* text(path), `API_KEY: ${JSON.stringify(secret)}\n`)
        assert.strictEqual(yield* held(sink, identifiesNothing), "id-9")
      }
    })
  )

  it.effect("replaces an entry in either form only where it is asked to", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, "secret.yaml")
      yield* put(path, mine)
      assert.include(yield* refusal(path, { key: "OLD" }), "sets OLD of the Secret api-keys already.")
      const replacing = { ...options, key: "OLD", replace: true } as const
      yield* deliver(KubernetesSink.manifest(path, { ...replacing, form: "stringData" }), issue("k1", "plain"))
      const [moved] = yield* values(path)
      assert.deepStrictEqual([moved.data, moved.stringData], [{ PASSWORD: "c2VjcmV0" }, { OLD: "plain" }])
      assert.strictEqual(yield* held(KubernetesSink.manifest(path, replacing), identifiesNothing), "k1")
      yield* deliver(KubernetesSink.manifest(path, replacing), issue("k2", "back"))
      const [back] = yield* values(path)
      assert.deepStrictEqual(back.data, { PASSWORD: "c2VjcmV0", OLD: base64("back") })
      assert.notInclude(yield* text(path), "plain")
      assert.include(yield* text(path), "# from the database")
      assert.strictEqual(yield* held(KubernetesSink.manifest(path, replacing), identifiesNothing), "k2")
    })
  )

  it.effect("says which key it holds by the secret, else by the annotation, else not at all", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, "secret.yaml")
      const sink = KubernetesSink.manifest(path, options)
      yield* deliver(sink, issue("id-1", "id-2.secret"))
      assert.strictEqual(yield* held(sink, identify), "id-2")
      assert.strictEqual(yield* held(sink, identifiesNothing), "id-1")
      const written = yield* text(path)
      for (const other of ["nonsense", '"{\\"API_KEY\\":7}"', "[]"]) {
        yield* put(path, written.replace(/keyfold\/key-ids: .*/, `keyfold/key-ids: ${other}`))
        assert.isUndefined(yield* held(sink, identifiesNothing))
      }
      yield* put(path, written.replace(base64("id-2.secret"), ""))
      assert.isUndefined(yield* held(sink, identifiesNothing))
    })
  )

  it.effect("is refused before a key is made, untouched, where the entry could not be set safely", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, "secret.yaml")
      const cases: ReadonlyArray<readonly [string | Uint8Array, string]> = [
        [mine + "immutable: true\n", "which is immutable"],
        [mine + "sops: {}\n", "encrypted by sops"],
        [mine + "stringData: text\n", "is not well formed"],
        [mine.replace("  labels:", "  annotations: [1]\n  labels:"), "is not well formed"],
        [mine + "---\n" + mine, "holds 2 Secrets called api-keys"],
        [`kind: List\nitems:\n- kind: Secret\n  metadata: {name: api-keys}\n`, "inside of a list"],
        ["a: {{ .Values.CANARY }}\nb: [\n", "is no YAML that can be read: see line"],
        ["a: 1\na: CANARY\n", "is no YAML that can be read: see line 2."],
        [mine.replace("\ndata:", "\ndata: &d") + "---\nx: *d\n", "is no YAML that can be read"],
        [mine.replace("\ndata:", "\nother: &d [1]\ndata: *d\nold:"), "is not well formed"],
        [Buffer.from("# caf\xe9\n", "latin1"), "is not UTF-8 text"]
      ]
      for (const [content, problem] of cases) {
        yield* put(path, content)
        const message = yield* refusal(path)
        assert.include(message, problem, String(content))
        assert.notInclude(message, "CANARY")
        assert.deepStrictEqual(yield* Effect.promise(() => readFile(path)), Buffer.from(content))
      }
    })
  )

  it.effect("is refused where the change would reach something else too", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, "secret.yaml")
      const shared = mine.replace("\ndata:", "\ndata: &shared") + "stored: *shared\n"
      yield* put(path, shared)
      assert.include(yield* refusal(path), "cannot take API_KEY without a change to other entries")
      assert.strictEqual(yield* text(path), shared)
    })
  )

  it.effect("needs names that Kubernetes accepts, and a regular file that only its owner can change", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, "secret.yaml")
      assert.include(yield* refusal(path, { name: "Api_Keys" }), "expected the name of a Secret")
      assert.include(yield* refusal(path, { name: "a".repeat(254) }), "expected the name of a Secret")
      assert.include(yield* refusal(path, { namespace: "a.b" }), "expected the namespace of a Secret")
      assert.include(yield* refusal(path, { key: "a b" }), "expected the key of a Secret")
      assert.include(yield* refusal(path, { key: ".." }), "expected the key of a Secret")
      yield* put(path, "")
      yield* Effect.promise(() => chmod(path, 0o666))
      assert.include(yield* refusal(path), "can be written by other users")
      yield* Effect.promise(() => symlink(path, join(folder, "link.yaml")))
      assert.include(yield* refusal(join(folder, "link.yaml")), "is a symbolic link")
      assert.include(yield* refusal(join(folder, "none", "a.yaml")), "its folder does not exist")
      const lone = yield* Effect.flip(
        deliver(KubernetesSink.manifest(join(folder, "b.yaml"), options), issue("id-1", "\ud800"))
      )
      assert.include(lone.message, "a character that no text can hold")
    })
  )
})
