import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { run } from "keyfold/Cli"
import { Shell } from "keyfold/Shell"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import {
  journaledStore,
  journalSecret,
  keyfold,
  keyfoldUntil,
  localStore,
  makeShell,
  pepper,
  type Ran,
  type Setting
} from "./Keyfold.ts"

const wrongCredential = "canary-credential-5b1e"

/** A folder with both stores, a third that WhyLabs refuses, and a journal. */
const threeStores = Effect.gen(function* () {
  const folder = yield* journaledStore
  const emulator: { readonly credential: string; readonly configuration: string } = JSON.parse(
    yield* keyfoldUntil(["emulate", "whylabs", "--json", "--store", "monitoring"], "\n")
  )
  const monitoring = emulator.configuration.replace("stores:\n", "")
  writeFileSync(
    join(folder, "keyfold.yaml"),
    readFileSync(join(folder, "keyfold.yaml"), "utf8").replace(
      "stores:\n",
      `default: local\nstores:\n${monitoring}${monitoring
        .replace("monitoring", "refused")
        .replace("WHYLABS_API_KEY", "WRONG")}`
    )
  )
  const setting: Setting = {
    folder,
    environment: { WHYLABS_API_KEY: emulator.credential, WRONG: wrongCredential }
  }
  return { setting, credential: emulator.credential }
})

/** Every command in success and in failure, on one store, with the secret that `create` handed out. */
const everything = Effect.fnUntraced(function* (store: string, setting: Setting) {
  const ran: Array<Ran> = []
  const secrets: Array<string> = []
  const also = Effect.fnUntraced(function* (args: ReadonlyArray<string>, stdin = "") {
    for (const format of [[], ["--json"]]) {
      const terminal = { columns: 80, color: true }
      ran.push(yield* keyfold([...args, ...format, "--store", store], { ...setting, stdin }))
      ran.push(yield* keyfold([...args, ...format, "--store", store], { ...setting, stdin, terminal }))
    }
  })
  const created = yield* keyfold(["create", "--store", store], setting)
  const secret = created.stdout.trim() === "" ? "canary-secret-77aa" : created.stdout.trim()
  secrets.push(secret)
  ran.push({ ...created, stdout: "" })
  for (const args of [["stores"], ["capabilities"], ["list"], ["list", "--status", "all"], ["get", "none"]])
    yield* also(args)
  for (const args of [["journal"], ["journal", "--entries"], ["journal", "verify"], ["recover", "none"]])
    yield* also(args)
  for (const args of [
    ["sweep", "--dry-run"],
    ["recover", "none", "--secret-file", "secrets/journal"],
    ["create", "--secret-file", "secrets/journal"],
    ["usage", "none"],
    ["revoke", "none"],
    ["create", "--expires", "2001-01-01"]
  ])
    yield* also(args)
  for (const args of [["verify"], ["revoke", "--leaked"]]) yield* also(args, secret)
  for (const args of [["verify"], ["revoke", "--leaked"]]) yield* also(args, `${secret}-and-more`)
  for (const args of [["verify", secret], ["revoke", "--leaked", secret], [secret], ["get", "--secret", secret]])
    yield* also(args)
  return { ran, secrets }
})

describe("secrets", () => {
  it.live("appear in no output of any command but where create hands them over", () =>
    Effect.gen(function* () {
      const { credential, setting } = yield* threeStores
      for (const store of ["local", "monitoring", "refused", "missing"]) {
        const { ran, secrets } = yield* everything(store, setting)
        const random = credential.slice(11)
        const canaries = [pepper, journalSecret, credential, random, wrongCredential, ...secrets]
        for (const { stderr, stdout } of ran) {
          for (const canary of canaries) {
            assert.notInclude(stderr, canary)
            assert.notInclude(stdout, canary)
          }
          assert.notMatch(stderr, /^\s+at |\.ts:\d/m)
        }
      }
    }).pipe(Effect.scoped)
  )

  it.live("of a bug stay inside: it is reported as one, without its text", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      for (const json of [[], ["--json"]]) {
        const { shell, stderr, stdout } = makeShell({ folder })
        const broken = { ...shell, stdin: { ...shell.stdin, readAll: Effect.die(new Error("canary-in-a-defect")) } }
        const code = yield* Effect.provideService(run(["verify", ...json]), Shell, broken)
        assert.deepStrictEqual([code, stdout()], [1, ""])
        assert.include(stderr(), "This is a bug in keyfold")
        assert.notInclude(stderr(), "canary")
      }
    })
  )
})
