/** Marked secrets through every operation, failure and log level of every backend: no byte of what is left shows one. */
import { assert, describe, it } from "@effect/vitest"
import { scan, watch } from "@keyfold/canary/Canary"
import * as KeyStore from "@keyfold/core/KeyStore"
import { isKeyStoreError } from "@keyfold/core/KeyStoreError"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import * as SqlJournal from "@keyfold/sql/SqlJournal"
import * as UndiciTransport from "@keyfold/undici/UndiciTransport"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { join } from "node:path"
import { backends } from "./CanaryBackends.ts"
import { collector } from "./CanaryCollector.ts"
import { given, makeCanaries, redacted } from "./CanaryPlants.ts"
import { run, type Outcome } from "./CanaryRun.ts"
import { isSound, situationsOf } from "./CanarySituations.ts"
import { missingTargets, targetProblems } from "./CanarySinks.ts"
import { temporaryFolder } from "./Keyfold.ts"

/** The reasons an operation may fail for although nothing is in its way. */
const expected = new Set(["Unsupported", "NotFound", "InvalidRequest"])

/** Operations that failed although nothing was in their way: a campaign without secrets finds none. */
const surprises = ({ exits }: Outcome): ReadonlyArray<string> =>
  [...exits].flatMap(([name, exit]) => {
    if (Exit.isSuccess(exit)) return []
    const error = Cause.squash(exit.cause)
    return isKeyStoreError(error) && expected.has(error.reason._tag) ? [] : [`${name}: ${String(error)}`]
  })

/** A third of the situations each, another third for the next backend; `npm run test:thorough` takes all. */
const thirds = process.env["KEYFOLD_THOROUGH"] === undefined ? 3 : 1

describe("no secret gets out of any operation", () => {
  for (const [place, backend] of backends.entries()) {
    it.live(`of ${backend.name}`, () =>
      Effect.gen(function* () {
        const root = yield* temporaryFolder
        const exporting = yield* collector
        for (const [index, situation] of situationsOf(backend.kind).entries()) {
          if (index > 0 && index % thirds !== place % thirds) continue
          const canaries = makeCanaries()
          const given = canaries.count()
          const folder = join(root, String(index))
          const encoding = index % 2 === 0 ? "JSON" : "protobuf"
          const transport = index % 4 < 2 ? "ky" : "undici"
          const outcome = yield* run(
            { backend, situation, encoding, transport, collector: exporting, folder },
            canaries
          )
          const whole = outcome.exits.get("the whole situation")
          assert.strictEqual(whole !== undefined && Exit.isFailure(whole) ? Cause.pretty(whole.cause) : "", "")
          assert.deepStrictEqual(outcome.findings, [], situation.name)
          assert.deepStrictEqual(targetProblems(folder, canaries.all()), [], situation.name)
          if (isSound(situation)) {
            assert.deepStrictEqual(surprises(outcome), [], situation.name)
            assert.deepStrictEqual(missingTargets(folder), [], situation.name)
          }
          assert.isAbove(canaries.count(), given, `${situation.name}: secrets came to be on the way`)
        }
      }).pipe(Effect.scoped)
    )
  }
})

describe("no secret gets out of a store that does not boot", () => {
  for (const backend of backends.filter(({ unbootable }) => unbootable.length > 0)) {
    for (const [transport, layer] of [
      ["ky", Layer.empty],
      ["undici", UndiciTransport.layer]
    ] as const) {
      it.live(`of ${backend.name} over ${transport}`, () =>
        Effect.gen(function* () {
          const folder = yield* temporaryFolder
          const canaries = makeCanaries()
          const { baseUrl = "" } = yield* backend.world(folder, canaries)
          for (const [index, make] of backend.unbootable.entries()) {
            const booted = Effect.scoped(Effect.flatMap(make(baseUrl, folder), (driver) => KeyStore.make(driver)))
            const { exit, records } = yield* watch("boot", Effect.provide(booted, layer))
            assert.isTrue(Exit.isFailure(exit), `${index} keeps the store from booting`)
            assert.deepStrictEqual(scan(records, canaries.all()), [], String(index))
          }
        }).pipe(Effect.scoped)
      )
    }
  }

  it.live("for what all stores have in common", () =>
    Effect.gen(function* () {
      const secret = redacted(given.cursorSecret)
      const owner = given.presented
      for (const options of [
        { cursorSecret: redacted(""), labelSecret: secret },
        { cursorSecret: secret, labelSecret: secret, store: "" },
        { cursorSecret: secret, labelSecret: secret, tenant: "" },
        { cursorSecret: secret, labelSecret: secret, defaults: { owner: "", scopes: [owner] } }
      ]) {
        const { exit, records } = yield* watch("boot", Effect.scoped(KeyStore.make(MemoryDriver.make(), options)))
        assert.isTrue(Exit.isFailure(exit))
        assert.deepStrictEqual(scan([...records, ["options", { ...options, defaults: {} }]], Object.values(given)), [])
      }
    })
  )

  it.live("nor of a journal that does not open", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const secret = redacted(given.journalSecret)
      for (const options of [
        { url: `postgres://ann:${encodeURIComponent(given.proxyPassword)}@127.0.0.1:1/keys`, secret },
        { url: "postgres://ann@127.0.0.1:1/keys", password: redacted(given.proxyPassword), secret },
        { url: given.journalSecret, secret },
        { url: `sqlite:${join(folder, "nowhere", "journal.db")}`, secret },
        { url: `sqlite:${join(folder)}`, secret },
        { url: "sqlite::memory:", secret: redacted(given.journalSecret.slice(0, 25)) },
        { url: "sqlite::memory:", secret: Effect.fail(new Error(given.journalSecret)) }
      ]) {
        const { exit, records } = yield* watch("open", Effect.scoped(SqlJournal.make(options)))
        assert.isTrue(Exit.isFailure(exit), options.url)
        assert.deepStrictEqual(scan(records, Object.values(given)), [])
      }
    }).pipe(Effect.scoped)
  )
})
