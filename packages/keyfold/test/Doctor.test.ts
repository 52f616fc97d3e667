import { assert, describe, it } from "@effect/vitest"
import { scan } from "@keyfold/canary/Canary"
import { OperationId } from "@keyfold/core/OperationId"
import * as Arthur from "@keyfold/emulators/Arthur"
import * as FetchServer from "@keyfold/node/FetchServer"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { addJournal, changeJournal, keyfold, localStore, openJournal, pepper, type Setting } from "./Keyfold.ts"

interface Told {
  readonly subject: string
  readonly store?: string
  readonly tenant?: string
  readonly check: string
  readonly severity: string
  readonly message: string
  readonly fix?: string
}

const diagnose = Effect.fnUntraced(function* (setting: Setting, ...args: ReadonlyArray<string>) {
  const ran = yield* keyfold(["doctor", "--json", ...args], setting)
  const told: ReadonlyArray<Told> = ran.stdout
    .trim()
    .split("\n")
    .filter((line) => line !== "")
    .map((line): Told => JSON.parse(line))
  const at = (store: string, ...severities: ReadonlyArray<string>) =>
    told.flatMap((one) => (one.store === store && severities.includes(one.severity) ? [one.check] : []))
  const find = (check: string, store = "guard") => told.find((one) => one.store === store && one.check === check)
  return { ...ran, told, at, find }
})

type Answer = (response: Response, request: Request) => Response | Promise<Response>

/** An Arthur on a socket, whose answers a test may change on their way. */
const served = Effect.fnUntraced(function* (answer: Answer = (response) => response) {
  const credential = Arthur.makeCredential()
  const emulator = Arthur.make({ credentials: [{ kind: "master", value: credential }] })
  const fetch = async (request: Request) => answer(await emulator.fetch(request.clone()), request)
  const { url } = yield* Effect.orDie(FetchServer.serve({ fetch }))
  return { credential, emulator, url }
})

/** A folder with a store `local` and a store `guard` at an address, with more members for it and for the file. */
const clinic = Effect.fnUntraced(function* (
  { credential, url }: { readonly credential: string; readonly url: string },
  { file = "", guard = "" } = {}
) {
  const folder = yield* localStore
  const embedded = "local: { adapter: sql, url: 'sqlite:data/keyfold.db', pepper: { file: ./secrets/pepper } }"
  const roles = "defaults: { scopes: [write] }, scopeMap: { write: [VALIDATION-USER] }"
  const served = `guard: { adapter: arthur, baseUrl: '${url}', apiKey: { env: ARTHUR }, ${roles}${guard} }`
  writeFileSync(join(folder, "keyfold.yaml"), `default: local\nstores:\n  ${embedded}\n  ${served}\n${file}`)
  return { folder, environment: { ARTHUR: credential } }
})

const wrong = ["warning", "failure"]

describe("keyfold doctor", () => {
  it.live("finds nothing wrong with stores and a journal that work, and only reads", () =>
    Effect.gen(function* () {
      const arthur = yield* served()
      const setting = yield* clinic(arthur, { guard: ", require: { safeCreate: true }, keyLimit: 50" })
      yield* addJournal(setting.folder)
      yield* keyfold(["list"], setting)
      arthur.emulator.seed({ description: "one" })
      const before = JSON.stringify(arthur.emulator.keys())
      const { at, code, stderr, told } = yield* diagnose(setting)
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.deepStrictEqual(
        told.filter(({ severity }) => wrong.includes(severity)),
        []
      )
      assert.deepStrictEqual(at("guard", "ok"), [
        "requirements",
        "reachable",
        "address",
        "answers",
        "credential",
        "role",
        "clock",
        "quota"
      ])
      assert.deepStrictEqual(at("local", "ok"), ["database", "pepper", "marker"])
      const journal = told
        .filter(({ subject }) => subject === "journal")
        .map(({ check, severity }) => [check, severity])
      assert.deepStrictEqual(
        journal,
        ["journal", "clock", "chain", "operations"].map((check) => [check, "ok"])
      )
      assert.strictEqual(JSON.stringify(arthur.emulator.keys()), before)
      assert.isTrue(arthur.emulator.requests.all.every(({ method }) => method === "GET"))
    })
  )

  it.live("with --write makes a key in each store, reads it back, revokes it, and says so", () =>
    Effect.gen(function* () {
      const arthur = yield* served()
      const setting = yield* clinic(arthur)
      yield* keyfold(["list"], setting)
      const { at, code, find } = yield* diagnose(setting, "--write")
      assert.strictEqual(code, 0)
      assert.includeMembers(at("guard", "ok"), ["marker", "cleanup"])
      assert.includeMembers(at("local", "ok"), ["marker", "cleanup"])
      const [key, ...more] = arthur.emulator.keys().filter(({ origin }) => origin === "created")
      assert.deepStrictEqual(more, [])
      assert.isTrue(key?.revoked)
      assert.include(find("cleanup")?.message, `key ${key?.id} was created, read back and revoked`)
      const left = yield* keyfold(["list", "--json"], setting)
      assert.strictEqual(left.stdout, "")
    })
  )

  it.live("is a table for people, with what to do below what is wrong, and never wider than the terminal", () =>
    Effect.gen(function* () {
      const setting = yield* clinic(yield* served())
      const environment = { ARTHUR: "not the credential" }
      const { code, stderr, stdout } = yield* keyfold(["doctor"], {
        ...setting,
        environment,
        terminal: { columns: 80 }
      })
      assert.strictEqual(code, 1)
      assert.match(stdout, /^guard \(arthur\)$/m)
      assert.match(stdout, /^ {2}failure {2}credential {5}\S/m)
      assert.match(stdout, /^ {26}Check the secret that/m)
      assert.isAtMost(Math.max(...stdout.split("\n").map((line) => line.length)), 80)
      assert.include(stderr, "2 stores: 1 failure, 0 warnings.")
    })
  )
})

describe("a store that", () => {
  const cases: ReadonlyArray<
    readonly [
      title: string,
      answer: Answer,
      expected: {
        readonly failure: ReadonlyArray<string>
        readonly warning?: ReadonlyArray<string>
        readonly says: RegExp
      }
    ]
  > = [
    [
      "redirects to the same route with a slash",
      (_, { url }) => new Response(null, { status: 308, headers: { location: `${url}/` } }),
      { failure: ["address"], says: /same route with, or without, a slash/ }
    ],
    [
      "redirects to https",
      (_, { url }) => new Response(null, { status: 301, headers: { location: url.replace("http:", "https:") } }),
      { failure: ["address"], says: /from http to https/ }
    ],
    [
      "redirects to another address",
      () => new Response(null, { status: 302, headers: { location: "https://login.example.com/canary?token=canary" } }),
      { failure: ["address"], says: /to another address/ }
    ],
    [
      "answers with a page",
      () => new Response("<html>canary</html>", { headers: { "content-type": "text/html; charset=utf-8" } }),
      { failure: ["answers"], says: /HTML page came back in place of JSON \(status 200\)/ }
    ],
    [
      "hides behind a proxy's page of refusal",
      () => new Response("<html>canary</html>", { status: 403, headers: { "content-type": "text/html" } }),
      { failure: ["answers"], says: /HTML page .*\(status 403\)/ }
    ],
    [
      "hides behind a proxy that asks for a password",
      () => new Response(null, { status: 407 }),
      { failure: ["answers"], says: /proxy asks for a user/ }
    ],
    ["answers with something else", () => Response.json({ canary: true }), { failure: ["answers"], says: /./ }],
    [
      "is unavailable",
      () => Response.json({}, { status: 503 }),
      { failure: ["reachable"], says: /cannot answer.*503/ }
    ],
    [
      "does not let its credential list",
      () => Response.json({ detail: "canary" }, { status: 403 }),
      { failure: ["role"], says: /listing keys/ }
    ],
    [
      "asks for fewer requests",
      () => Response.json({}, { status: 429 }),
      { failure: [], warning: ["reachable"], says: /fewer requests/ }
    ],
    [
      "has a clock that is a minute ahead",
      (response) => dated(response, 60_000),
      { failure: [], warning: ["clock"], says: /at least (?:58|59|60) s ahead of this machine's/ }
    ],
    [
      "has a clock that is ten minutes behind",
      (response) => dated(response, -600_000),
      { failure: ["clock"], says: /at least 10 min behind this machine's/ }
    ]
  ]

  const dated = (response: Response, milliseconds: number) => {
    const headers = new Headers(response.headers)
    headers.set("date", new Date(Date.now() + milliseconds).toUTCString())
    return new Response(response.body, { status: response.status, headers })
  }

  it.live.each(cases)("%s is told so, the other is well, and nothing of it is repeated", ([, answer, expected]) =>
    Effect.gen(function* () {
      const setting = yield* clinic(yield* served(answer))
      const { at, code, find, stderr, stdout, told } = yield* diagnose(setting)
      assert.strictEqual(code, expected.failure.length === 0 ? 0 : 1)
      assert.deepStrictEqual(at("guard", "failure"), expected.failure)
      assert.deepStrictEqual(at("guard", "warning"), expected.warning ?? [])
      const finding = find(expected.failure[0] ?? expected.warning?.[0] ?? "")
      assert.match(finding?.message ?? "", expected.says)
      assert.isNotEmpty(finding?.fix)
      assert.deepStrictEqual(at("local", ...wrong), [])
      assert.isTrue(told.every(({ message, severity }) => severity !== "skipped" || message !== ""))
      assert.notInclude(stdout + stderr, "canary")
    })
  )

  it.live("cannot be reached, or does not know its credential, is told so", () =>
    Effect.gen(function* () {
      const dead = yield* Effect.scoped(served())
      const unreachable = yield* diagnose(yield* clinic(dead))
      assert.deepStrictEqual(unreachable.at("guard", "failure"), ["reachable"])
      assert.include(unreachable.find("reachable")?.message, "ECONNREFUSED")
      assert.includeMembers(unreachable.at("guard", "skipped"), ["credential", "role", "clock"])
      const credential = "not-the-credential-CANARY-000000000000"
      const refused = yield* diagnose(yield* clinic({ ...(yield* served()), credential }))
      assert.deepStrictEqual(refused.at("guard", "failure"), ["credential"])
      assert.deepStrictEqual(scan([["output", refused.stdout]], [credential, pepper]), [])
    })
  )

  it.live("is nearly full, or full, is told so", () =>
    Effect.gen(function* () {
      const arthur = yield* served()
      const setting = yield* clinic(arthur, { guard: ", keyLimit: 5" })
      const quota = Effect.map(diagnose(setting), ({ find }) => [find("quota")?.severity, find("quota")?.message])
      arthur.emulator.seed({}, {}, {})
      assert.deepStrictEqual(yield* quota, ["ok", "3 of 5 live keys"])
      arthur.emulator.seed({})
      assert.deepStrictEqual(yield* quota, ["warning", "4 of 5 live keys"])
      arthur.emulator.seed({})
      assert.deepStrictEqual(yield* quota, ["failure", "5 of 5 live keys: no key can be created"])
    })
  )

  it.live("takes too long is given up, and what was learned until then is told", () =>
    Effect.gen(function* () {
      const setting = yield* clinic(yield* served(() => new Promise<Response>(() => {})))
      const { at, code } = yield* diagnose(setting, "--timeout", "1s")
      assert.strictEqual(code, 1)
      assert.deepStrictEqual(at("guard", "failure"), ["time"])
      assert.deepStrictEqual(at("guard", "skipped"), ["requirements"])
      assert.deepStrictEqual(at("local", ...wrong), [])
    })
  )

  it.live("cannot do what is required, or is configured wrongly, is told so by its name", () =>
    Effect.gen(function* () {
      const arthur = yield* served()
      const tagged = yield* diagnose(yield* clinic(arthur, { guard: ", require: { tags: true }" }))
      assert.deepStrictEqual([tagged.code, tagged.at("guard", "failure")], [1, ["requirements"]])
      const misspelt = yield* diagnose(yield* clinic(arthur, { guard: ", keylimit: 5" }))
      assert.deepStrictEqual(misspelt.at("guard", "failure"), ["configuration"])
      assert.deepStrictEqual(misspelt.at("local", ...wrong), [])
      const { environment: _, ...setting } = yield* clinic(arthur)
      const unset = yield* diagnose(setting)
      assert.deepStrictEqual(unset.at("guard", "failure"), ["configuration"])
      assert.include(unset.find("configuration")?.message, "ARTHUR")
    })
  )

  it.live("is the only one asked for is the only one examined; an unknown one is exit code 2", () =>
    Effect.gen(function* () {
      const setting = yield* clinic(yield* served())
      const { at } = yield* diagnose(setting, "--store", "local")
      assert.isNotEmpty(at("local", "info"))
      assert.isEmpty(at("guard", "ok", "failure", "skipped"))
      const { code, stdout } = yield* diagnose(setting, "--store", "nowhere")
      assert.deepStrictEqual([code, stdout], [2, ""])
    })
  )

  it.live("a tenant has a credential of its own for is examined with it too", () =>
    Effect.gen(function* () {
      const file = "tenants:\n  acme: { store: guard, apiKey: { env: ACME } }\n"
      const setting = yield* clinic(yield* served(), { guard: ", separateCredentials: true", file })
      const environment = { ...setting.environment, ACME: "not the credential" }
      const { told } = yield* diagnose({ ...setting, environment })
      const failures = told.filter(({ severity }) => severity === "failure")
      assert.deepStrictEqual(
        failures.map(({ check, store, tenant }) => [store, tenant, check]),
        [["guard", "acme", "credential"]]
      )
    })
  )
})

describe("an embedded store", () => {
  it.live("whose database was not made yet is not made by the doctor", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const { at, code } = yield* diagnose({ folder })
      assert.deepStrictEqual([code, at("local", "info")], [0, ["database"]])
      assert.isFalse(existsSync(join(folder, "data", "keyfold.db")))
    })
  )

  it.live("whose pepper is not the one of its keys, or whose file is no database, is told so", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      yield* keyfold(["create"], { folder })
      writeFileSync(join(folder, "secrets", "pepper"), "another pepper, long enough to be accepted")
      const peppered = yield* diagnose({ folder })
      assert.deepStrictEqual([peppered.code, peppered.at("local", "failure")], [1, ["pepper"]])
      writeFileSync(join(folder, "data", "keyfold.db"), "no database at all".repeat(100))
      assert.deepStrictEqual((yield* diagnose({ folder })).at("local", "failure"), ["database"])
    })
  )
})

describe("with --write, a store that", () => {
  it.live("loses marks is told so, and the key is revoked all the same", () =>
    Effect.gen(function* () {
      const arthur = yield* served(async (response) => {
        const text = (await response.text()).replaceAll(/ ?kf1-[\w-]+/g, "")
        return new Response(response.status === 204 ? null : text, response)
      })
      const { at, find } = yield* diagnose(yield* clinic(arthur), "--write")
      assert.deepStrictEqual(at("guard", "failure"), ["marker"])
      assert.strictEqual(find("cleanup")?.severity, "ok")
      assert.isTrue(arthur.emulator.keys().every(({ revoked }) => revoked))
    })
  )

  it.live("lets nobody create is told so, and nothing is left", () =>
    Effect.gen(function* () {
      const arthur = yield* served((response, { method }) =>
        method === "GET" ? response : Response.json({ detail: "no" }, { status: 403 })
      )
      const { at, find } = yield* diagnose(yield* clinic(arthur), "--write")
      assert.deepStrictEqual(at("guard", "failure"), ["role"])
      assert.strictEqual(find("cleanup"), undefined)
    })
  )

  it.live("does not let a key be revoked is told which key is left", () =>
    Effect.gen(function* () {
      const arthur = yield* served((response, { method }) =>
        method === "DELETE" ? Response.json({ detail: "no" }, { status: 403 }) : response
      )
      const { at, find } = yield* diagnose(yield* clinic(arthur), "--write")
      assert.deepStrictEqual(at("guard", "failure"), ["cleanup"])
      assert.match(find("cleanup")?.fix ?? "", /^Revoke it with: keyfold revoke \S+ --store guard$/)
    })
  )
})

/** Begins a create and lets its lease run out at once. */
const leaveOpen = Effect.fnUntraced(function* (folder: string) {
  const journal = yield* openJournal(folder)
  const operationId = OperationId.make("left")
  yield* journal.claim({ store: "local", operationId, nonce: "n", spec: "", lasting: Duration.zero })
}, Effect.scoped)

describe("a journal", () => {
  const journal = Effect.fnUntraced(function* (setting: Setting) {
    const { code, told } = yield* diagnose(setting)
    const found = told.filter(({ severity, subject }) => subject === "journal" && severity !== "ok")
    return [code, found.map(({ check, severity }) => `${check} ${severity}`)] as const
  })

  it.live("that is missing, changed, left open, or cannot be opened is told of", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      assert.deepStrictEqual(yield* journal({ folder }), [0, ["journal info"]])
      yield* addJournal(folder)
      yield* keyfold(["create"], { folder })
      yield* leaveOpen(folder)
      assert.deepStrictEqual(yield* journal({ folder }), [0, ["operations warning"]])
      yield* changeJournal(folder, "UPDATE keyfold_journal_entries SET key_id = 'another' WHERE sequence = 2")
      assert.deepStrictEqual(yield* journal({ folder }), [1, ["chain failure", "operations warning"]])
      writeFileSync(join(folder, "data", "journal.db"), "no database at all".repeat(100))
      assert.deepStrictEqual(yield* journal({ folder }), [1, ["journal failure"]])
    })
  )
})
