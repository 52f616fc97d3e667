import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { keyfold, localStore } from "./Keyfold.ts"

const secretPattern = /^kf_[0-9A-Za-z]{16}_[0-9A-Za-z]{32}_[0-9A-Za-z]{6}$/

interface Created {
  readonly key: {
    readonly id: string
    readonly tags: Readonly<Record<string, string>>
    readonly scopes: ReadonlyArray<string>
  }
  readonly operationId: string
  readonly secret?: string
  readonly secretFile?: string
}

const createKey = Effect.fnUntraced(function* (folder: string, ...more: ReadonlyArray<string>) {
  const { code, stderr, stdout } = yield* keyfold(["create", "--json", ...more], { folder })
  assert.strictEqual(code, 0, stderr)
  const created: Created = JSON.parse(stdout)
  return { id: created.key.id, secret: created.secret ?? "", created }
})

const ids = Effect.fnUntraced(function* (folder: string, ...more: ReadonlyArray<string>) {
  const { stdout } = yield* keyfold(["list", "--json", ...more], { folder })
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line): string => JSON.parse(line).id)
})

describe("create", () => {
  it.effect("prints the secret alone to a pipe and everything else to stderr", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const { code, stderr, stdout } = yield* keyfold(["create", "--name", "nightly"], { folder })
      assert.strictEqual(code, 0)
      assert.match(stdout.slice(0, -1), secretPattern)
      assert.match(stderr, /^Created key [0-9A-Za-z]{16} in store "local" \(sql\), operation op_\S+\.\n$/)
      assert.notInclude(stderr, stdout.trim())
    })
  )

  it.effect("shows the key, the secret and a warning on a terminal", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const { stderr, stdout } = yield* keyfold(["create", "--name", "nightly"], { folder, terminal: { columns: 80 } })
      assert.match(stdout, /Name +nightly/)
      assert.match(stdout, /^ {2}kf_\S+$/m)
      assert.include(stdout, "shown once")
      assert.strictEqual(stderr, "")
    })
  )

  it.effect("puts the secret into the JSON object, once", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const { created, secret } = yield* createKey(
        folder,
        "--tag",
        "team=data",
        "--tag",
        "env=prod",
        "--expires",
        "30d"
      )
      assert.match(secret, secretPattern)
      assert.strictEqual(JSON.stringify(created).split(secret).length, 2)
      assert.deepStrictEqual(created.key.tags, { team: "data", env: "prod" })
      assert.property(created.key, "expiresAt")
      assert.notProperty(created, "secretFile")
    })
  )

  it.effect("writes the secret to a file that only its owner reads, and prints it nowhere", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const ran = yield* keyfold(["create", "--secret-file", "new.key", "--json"], { folder })
      const path = join(folder, "new.key")
      const secret = readFileSync(path, "utf8")
      assert.match(secret, secretPattern)
      assert.strictEqual(statSync(path).mode & 0o777, 0o600)
      assert.notInclude(ran.stdout + ran.stderr, secret)
      assert.deepInclude(JSON.parse(ran.stdout), { secretFile: path })
    })
  )

  it.effect("creates no key where the secret file exists already or cannot be written", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      writeFileSync(join(folder, "taken.key"), "precious")
      const taken = yield* keyfold(["create", "--secret-file", "taken.key"], { folder })
      const nowhere = yield* keyfold(["create", "--secret-file", "missing/new.key"], { folder })
      assert.strictEqual(taken.code, 2)
      assert.include(taken.stderr, "exists already")
      assert.strictEqual(nowhere.code, 2)
      assert.strictEqual(readFileSync(join(folder, "taken.key"), "utf8"), "precious")
      assert.deepStrictEqual(yield* ids(folder, "--status", "all"), [])
      assert.deepStrictEqual(readdirSync(folder).toSorted(), ["data", "keyfold.yaml", "secrets", "taken.key"])
    })
  )

  it.effect("revokes the key where nobody reads the secret", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const { code, stderr } = yield* keyfold(["create", "--name", "lost"], { folder, closeAfter: 0 })
      assert.strictEqual(code, 1)
      assert.include(stderr, "could not be handed over")
      assert.include(stderr, "The key was revoked.")
      assert.deepStrictEqual(yield* ids(folder), [])
      assert.lengthOf(yield* ids(folder, "--status", "revoked"), 1)
    })
  )

  it.live("refuses what it cannot read before anything is created", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const wrong = [
        ["--expires", "soon"],
        ["--expires", "2027-02-30"],
        ["--expires", "2027-01-31T12:00:00"],
        ["--expires", "2001-01-31"],
        ["--within", "forever"],
        ["--operation-id", "two words"],
        ["--tag", "nothing"]
      ]
      for (const args of wrong) {
        const { code, stderr, stdout } = yield* keyfold(["create", ...args], { folder })
        assert.strictEqual(code, 2, `${args.join(" ")}: ${stderr}`)
        assert.include(stderr, args[0] ?? "")
        assert.strictEqual(stdout, "")
      }
      assert.deepStrictEqual(yield* ids(folder), [])
    })
  )

  it.effect("asks for no scopes at all with --no-scopes, and for a backend's own inputs with --provider", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const path = join(folder, "keyfold.yaml")
      const defaults = readFileSync(path, "utf8").replace("adapter: sql", "adapter: sql, defaults: { scopes: [write] }")
      writeFileSync(path, defaults)
      const scopesOf = Effect.fnUntraced(function* (...more: ReadonlyArray<string>) {
        return (yield* createKey(folder, ...more)).created.key.scopes
      })
      assert.deepStrictEqual(yield* scopesOf(), ["write"])
      assert.deepStrictEqual(yield* scopesOf("--scope", "read"), ["read"])
      assert.deepStrictEqual(yield* scopesOf("--no-scopes"), [])
      const both = yield* keyfold(["create", "--no-scopes", "--scope", "read"], { folder })
      assert.strictEqual(both.code, 2)
      const foreign = yield* keyfold(["create", "--provider", "resourceId=r-1"], { folder })
      assert.strictEqual(foreign.code, 2)
      assert.include(foreign.stderr, "--provider resourceId: sql does not know this input")
      assert.lengthOf(yield* ids(folder, "--status", "all"), 3)
    })
  )

  it.effect("names the operation it was given, and refuses its second use", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const { created } = yield* createKey(folder, "--operation-id", "deploy-42")
      assert.strictEqual(created.operationId, "deploy-42")
      const again = yield* keyfold(["create", "--operation-id", "deploy-42"], { folder })
      assert.strictEqual(again.code, 1)
      assert.include(again.stderr, created.key.id)
      assert.strictEqual(again.stdout, "")
    })
  )
})

describe("list and get", () => {
  it.effect("list streams one JSON object per line and honours its filters", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const first = yield* createKey(folder, "--owner", "ann")
      const second = yield* createKey(folder, "--owner", "bob")
      yield* keyfold(["revoke", first.id], { folder })
      assert.deepStrictEqual(yield* ids(folder), [second.id])
      assert.deepStrictEqual(yield* ids(folder, "--status", "revoked"), [first.id])
      assert.deepStrictEqual(yield* ids(folder, "--status", "all", "--owner", "ann"), [first.id])
      assert.lengthOf(yield* ids(folder, "--status", "all", "--limit", "1"), 1)
      assert.strictEqual((yield* keyfold(["list", "--limit", "0"], { folder })).code, 2)
      assert.strictEqual((yield* keyfold(["list", "--status", "lost"], { folder })).code, 2)
    })
  )

  it.effect("list ends quietly where its reader leaves early", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      yield* createKey(folder)
      yield* createKey(folder)
      const { code, stderr } = yield* keyfold(["list", "--json"], { folder, closeAfter: 1 })
      assert.deepStrictEqual([code, stderr], [0, ""])
    })
  )

  it.effect("an empty list says so and says what it does not show", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const { code, stderr, stdout } = yield* keyfold(["list"], { folder })
      assert.deepStrictEqual([code, stdout], [0, ""])
      assert.strictEqual(stderr, 'No keys in store "local" (sql). Not shown: revoked keys (--status all).\n')
    })
  )

  it.effect("get shows one key, and an unknown one is exit code 3", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const { id, secret } = yield* createKey(
        folder,
        "--name",
        "nightly",
        "--scope",
        "write",
        "--expires",
        "2099-01-31"
      )
      const shown = yield* keyfold(["get", id], { folder })
      assert.match(shown.stdout, /^Expires +2099-01-31T00:00:00Z$/m)
      assert.match(shown.stdout, /^Scopes +write$/m)
      assert.notInclude(shown.stdout, secret)
      const json = yield* keyfold(["get", id, "--json"], { folder })
      assert.deepInclude(JSON.parse(json.stdout), { id, name: "nightly", expiresAt: "2099-01-31T00:00:00.000Z" })
      const unknown = yield* keyfold(["get", "nothing", "--json"], { folder })
      assert.deepStrictEqual([unknown.code, unknown.stdout], [3, ""])
      assert.deepInclude(JSON.parse(unknown.stderr).error, { kind: "NotFound", operation: "get", exitCode: 3 })
    })
  )
})

describe("verify, usage and revoke", () => {
  it.effect("verify reads a pipe or a file, and exit code 1 means not valid", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const { id, secret } = yield* createKey(folder)
      const piped = yield* keyfold(["verify"], { folder, stdin: `${secret}\n` })
      assert.strictEqual(piped.code, 0)
      assert.match(piped.stdout, /^valid\n/)
      writeFileSync(join(folder, "secret"), secret)
      const file = yield* keyfold(["verify", "--secret-from", "secret", "--json"], { folder })
      assert.deepInclude(JSON.parse(file.stdout), { valid: true })
      yield* keyfold(["revoke", id], { folder })
      const revoked = yield* keyfold(["verify"], { folder, stdin: secret })
      assert.deepStrictEqual(revoked, { code: 1, stdout: "not valid (revoked)\n", stderr: "" })
      const typo = yield* keyfold(["verify", "--json"], { folder, typed: [`${secret}x`] })
      assert.strictEqual(typo.code, 1)
      assert.deepStrictEqual(JSON.parse(typo.stdout), { valid: false, reason: "malformed" })
    })
  )

  it.effect("a secret is never taken from an argument, nor repeated", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const { id, secret } = yield* createKey(folder)
      for (const args of [
        ["verify", secret],
        ["revoke", "--leaked", secret],
        ["verify", `--secret=${secret}`]
      ]) {
        const { code, stderr, stdout } = yield* keyfold(args, { folder, stdin: secret })
        assert.strictEqual(code, 2)
        assert.notInclude(stderr + stdout, secret)
      }
      for (const stdin of ["", "\n", `${secret}\n${secret}\n`]) {
        const { code, stderr } = yield* keyfold(["verify"], { folder, stdin })
        assert.strictEqual(code, 2)
        assert.include(stderr, "--secret-from")
        assert.notInclude(stderr, secret)
      }
      assert.deepStrictEqual(yield* ids(folder), [id])
    })
  )

  it.effect("usage shows what the store counts", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const { id, secret } = yield* createKey(folder)
      yield* keyfold(["verify"], { folder, stdin: secret })
      const shown = yield* keyfold(["usage", id], { folder })
      assert.match(shown.stdout, /^Completed requests +1$/m)
      assert.match(shown.stdout, /^Precision +approximate/m)
      const json = yield* keyfold(["usage", id, "--json"], { folder })
      assert.deepInclude(JSON.parse(json.stdout), { id, precision: "approximate", completedRequests: 1 })
      assert.strictEqual((yield* keyfold(["usage", "nothing"], { folder })).code, 3)
    })
  )

  it.effect("revoke is repeatable, and an unknown key is exit code 3", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const { id } = yield* createKey(folder)
      assert.strictEqual((yield* keyfold(["revoke", id], { folder })).stdout, `Revoked key ${id}.\n`)
      const again = yield* keyfold(["revoke", id, "--json"], { folder })
      assert.deepStrictEqual(JSON.parse(again.stdout), { id, alreadyRevoked: true, effectiveWithinMilliseconds: 0 })
      assert.strictEqual((yield* keyfold(["revoke", "nothing"], { folder })).code, 3)
      assert.strictEqual((yield* keyfold(["revoke"], { folder })).code, 2)
    })
  )

  it.effect("revoke --leaked finds the key from its secret and asks nothing of a pipe", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const { id, secret } = yield* createKey(folder)
      const foreign = yield* keyfold(["revoke", "--leaked"], { folder, stdin: "not-a-key" })
      assert.strictEqual(foreign.code, 1)
      assert.notInclude(foreign.stderr, "not-a-key")
      const ran = yield* keyfold(["revoke", "--leaked"], { folder, stdin: secret })
      assert.deepStrictEqual(ran, { code: 0, stdout: `Revoked key ${id}.\n`, stderr: "" })
      assert.deepStrictEqual(yield* ids(folder), [])
    })
  )

  it.effect("revoke --leaked asks a person first, and takes anything but yes for no", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const { id, secret } = yield* createKey(folder)
      const refused = yield* keyfold(["revoke", "--leaked"], { folder, typed: [secret, ""] })
      assert.strictEqual(refused.code, 1)
      assert.include(refused.stderr, `key ${id} of store "local". Revoke it? [y/N]`)
      assert.deepStrictEqual(yield* ids(folder), [id])
      const agreed = yield* keyfold(["revoke", "--leaked"], { folder, typed: [secret, "y"] })
      assert.strictEqual(agreed.code, 0)
      assert.notInclude(refused.stderr + agreed.stderr, secret)
      assert.deepStrictEqual(yield* ids(folder), [])
    })
  )
})

describe("init", () => {
  it.effect("writes a configuration that works, and never overwrites one", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const service = join(folder, "service")
      const args = ["init", ".", "--pepper-file", "../pepper", "--json"]
      const missing = yield* keyfold(["init", "service"], { folder, environment: { HOME: folder } })
      assert.strictEqual(missing.code, 2)
      const made = yield* keyfold(["init", "data", "--pepper-file", "my-pepper", "--json"], { folder })
      assert.strictEqual(made.code, 0, made.stderr)
      const { configuration, journalSecret, pepper } = JSON.parse(made.stdout)
      assert.isTrue(existsSync(configuration))
      for (const file of [pepper, journalSecret]) assert.strictEqual(statSync(file).mode & 0o777, 0o600)
      const created = yield* keyfold(["create", "--config", configuration], { folder: "/" })
      assert.strictEqual(created.code, 0, created.stderr)
      const journal = yield* keyfold(["journal", "--json", "--config", configuration], { folder: "/" })
      assert.deepInclude(JSON.parse(journal.stdout), { store: "local", state: "delivered" })
      const again = yield* keyfold(args, { folder: join(folder, "data") })
      assert.strictEqual(again.code, 2)
      assert.include(again.stderr, "is not overwritten")
      assert.isFalse(existsSync(service))
    })
  )
})
