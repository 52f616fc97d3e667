/** Marked secrets through every command, in this process and as real ones: what is printed and left shows none. */
import { assert, describe, it } from "@effect/vitest"
import { scan, type Records } from "@keyfold/canary/Canary"
import { files } from "@keyfold/canary/Places"
import * as Effect from "effect/Effect"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { inEveryFormat, literalNames, observed, recordsOf, workshop, type Workshop } from "./CanaryCommands.ts"
import { given, makeCanaries, type Canaries } from "./CanaryPlants.ts"
import { isTarget, keeperCommand, targetProblems } from "./CanarySinks.ts"
import { keyfold } from "./Keyfold.ts"

const stores = ["local", "monitoring", "administered", "guard", "agents", "people"]

/** What a careless server says to any request; nothing that leaves it open whether a key was made. */
const refusals = [400, 401, 403, 404]

interface Issued {
  readonly secret: string
  readonly key: { readonly id: string }
}

/** Everything a store's commands print, but for the secret that a create hands over. */
const everything = Effect.fnUntraced(function* (shop: Workshop, store: string, canaries: Canaries) {
  const created = yield* keyfold(["create", "--json", "--store", store, "--operation-id", `op-${store}`], shop)
  const { key, secret }: Issued = JSON.parse(created.stdout)
  canaries.add(secret)
  const records: Records = [...recordsOf(["create", store], created, true)]
  const also = Effect.fnUntraced(function* (args: ReadonlyArray<string>, stdin?: string) {
    records.push(...(yield* inEveryFormat(shop, [...args, "--store", store], stdin)))
  })
  const lines = [
    ["stores"],
    ["config", "check"],
    ["config", "show"],
    ["capabilities"],
    ["doctor", "--write"],
    ["list"],
    ["get", key.id],
    ["get", "00000000-0000-4000-8000-000000000000"],
    ["usage", key.id],
    ["create", "--operation-id", `op-${store}`],
    ["create", "--secret-file", "nowhere/x.key"],
    ["create", "--secret-file", "keyfold.yaml"],
    ["create", "--tag", "a=b", "--expires", "2001-01-01"],
    ["recover", `op-${store}`],
    ["recover", "op-unknown"],
    ["sweep", "--dry-run"],
    ["sweep"],
    ["journal"],
    ["journal", "--entries"],
    ["journal", "verify"],
    ["verify", secret],
    ["get", "--secret", secret],
    [secret]
  ]
  for (const args of lines) yield* also(args)
  for (const presented of [secret, `${secret.slice(0, -1)}~`, given.presented]) {
    yield* also(["verify"], presented)
    yield* also(["revoke", "--leaked"], presented)
  }
  yield* also(["revoke", key.id])
  return records
})

describe("no command prints a secret", () => {
  for (const store of stores) {
    it.live(`of the store ${store} but where create hands it over`, () =>
      Effect.gen(function* () {
        const canaries = makeCanaries()
        const shop = yield* workshop(canaries)
        const records = yield* everything(shop, store, canaries)
        records.push(...shop.values(), ...files(shop.folder), ...files(join(shop.root, "tmp")))
        assert.deepStrictEqual(scan(records, canaries.all()), [])
      }).pipe(Effect.scoped)
    )
  }

  it.live("that a refusing server repeats", () =>
    Effect.gen(function* () {
      const canaries = makeCanaries()
      const shop = yield* workshop(canaries)
      const records: Records = []
      for (const store of stores.slice(1)) {
        for (const status of refusals) {
          for (const args of [["create"], ["list"], ["get", "00000000-0000-4000-8000-000000000000"]]) {
            for (const emulator of shop.emulators.values()) {
              const detail = `it was ${canaries.echo(store === "people" ? [given.occamPassword] : [])}`
              const body = JSON.stringify({ message: detail, detail })
              emulator.failNext({ status, body, contentType: "application/json" }, { count: 9 })
            }
            records.push(...(yield* inEveryFormat(shop, [...args, "--store", store])))
            for (const emulator of shop.emulators.values()) emulator.clearInterventions()
          }
        }
      }
      assert.deepStrictEqual(scan([...records, ...shop.values()], canaries.all()), [])
    }).pipe(Effect.scoped)
  )

  it.live("that somebody wrote into the configuration", () =>
    Effect.gen(function* () {
      const canaries = makeCanaries()
      const shop = yield* workshop(canaries)
      const records: Records = []
      for (const name of literalNames) {
        for (const command of [
          ["stores"],
          ["config", "check"],
          ["config", "show"],
          ["list"],
          ["journal"],
          ["sweep"],
          ["capabilities"]
        ]) {
          records.push(...(yield* inEveryFormat(shop, [...command, "--config", join(shop.root, "literal", name)])))
        }
      }
      assert.isTrue(
        records.some(([, text]) => String(text).includes("is a secret") || String(text).includes("mistake"))
      )
      assert.deepStrictEqual(scan(records, canaries.all()), [])
    }).pipe(Effect.scoped)
  )
})

describe("no process of the command shows a secret", () => {
  it.live("to other users of the machine, in files, or in its output", () =>
    Effect.gen(function* () {
      const canaries = makeCanaries()
      const shop = yield* workshop(canaries)
      const records: Records = []
      const also = Effect.fnUntraced(function* (args: ReadonlyArray<string>, code: number, stdin = "") {
        const { ran, seen } = yield* observed(shop, args, { stdin })
        assert.strictEqual(ran.code, code, `${args.join(" ")}: ${ran.stderr}`)
        const isHandedOver = args[0] === "create" && !args.some((flag) => /-file$|^--to-command$/.test(flag))
        records.push(...recordsOf(args, ran, isHandedOver), ...seen)
        return ran.stdout
      })
      const secret = (yield* also(["create", "--name", "piped"], 0)).trim()
      const { key, secret: second }: Issued = JSON.parse(yield* also(["create", "--json", "--store", "agents"], 0))
      for (const issued of [secret, second]) canaries.add(issued)
      const inFile = ["create", "--json", "--secret-file", "targets/plain.key", "--operation-id", "op-file"]
      const old: Pick<Issued, "key"> = JSON.parse(yield* also(inFile, 0))
      yield* also(["create", "--environment-file", "targets/.env", "--variable", "API_KEY", "--store", "guard"], 0)
      yield* also(["create", "--store", "monitoring", "--to-command", "--", ...keeperCommand(shop.folder)], 0)
      yield* also(["create", "--to-command", "--", "/bin/sh", "-c", "cat; cat >&2; exit 3"], 1)
      canaries.add(readFileSync(join(shop.folder, "targets", "plain.key"), "utf8"))
      yield* also(["list", "--status", "all"], 0)
      yield* also(["verify", "--json"], 0, secret)
      yield* also(["recover", "op-file", "--secret-file", "targets/plain.key"], 0)
      yield* also(["rotate", old.key.id, "--sink", "plain", "--overlap", "0s", "--wait", "--json"], 0)
      canaries.add(readFileSync(join(shop.folder, "targets", "plain.key"), "utf8"))
      yield* also(["rotations", "--json"], 0)
      yield* also(["inventory"], 0)
      yield* also(["journal", "--entries", "--json"], 0)
      yield* also(["sweep", "--json"], 0)
      yield* also(["revoke", key.id, "--store", "agents"], 0)
      yield* also(["revoke", "--leaked"], 0, secret)
      yield* also(["list", "--config", "../literal/everywhere.yaml"], 2)
      records.push(...shop.values(), ...files(shop.folder), ...files(join(shop.root, "tmp")))
      const looked = records.filter(([where]) => !isTarget(where))
      assert.deepStrictEqual(scan(looked, canaries.all()), [])
      assert.deepStrictEqual(targetProblems(shop.folder, canaries.all()), [])
      const wheres = new Set(looked.map(([where]) => where))
      for (const part of ["comm", "cmdline", "environ"])
        assert.isTrue(wheres.has(`${part} of keyfold or its child`), part)
      assert.isTrue(wheres.has("file witnesses/environ"), "the program that got the secret looked at itself")
    }).pipe(Effect.scoped)
  )

  it.live("and where one does, it is found: in each place that was looked at", () =>
    Effect.gen(function* () {
      const shop = yield* workshop(makeCanaries())
      const planted = (name: string) => `${name}-PLANT-that-must-be-found-000000000`
      const records: Records = []
      const also = Effect.fnUntraced(function* (
        args: ReadonlyArray<string>,
        env: Readonly<Record<string, string>> = {}
      ) {
        const { ran, seen } = yield* observed(shop, args, { env })
        records.push(...recordsOf(["list"], ran, false), ...seen)
      })
      const script = join(shop.folder, "PLANT-of-a-name")
      const lines = [
        "#!/bin/sh",
        `echo ${planted("temporary")} > "$TMPDIR/left"`,
        `echo ${planted("file")} > left`,
        "cat > /dev/null",
        "sleep 0.3"
      ]
      writeFileSync(script, `${lines.join("\n")}\n`, { mode: 0o700 })
      yield* also(["create", "--to-command", "--", script])
      yield* also(["create", "--name", planted("stdout")])
      yield* also(["list", planted("cmdline")], { SECRET: planted("environ") })
      yield* also(["list"])
      yield* also(["list", "--store", planted("stderr")])
      records.push(...files(shop.folder), ...files(join(shop.root, "tmp")))
      const places: ReadonlyArray<readonly [place: RegExp, secret: string]> = [
        [/: stdout$/, planted("stdout")],
        [/: stderr$/, planted("stderr")],
        [/^cmdline of/, planted("cmdline")],
        [/^environ of/, planted("environ")],
        [/^comm of/, "PLANT-of-a-name"],
        [/^file left$/, planted("temporary")],
        [/^file left$/, planted("file")],
        [/^file data\/keys\.db$/, planted("stdout")]
      ]
      for (const [place, secret] of places) {
        const here = records.filter(([where]) => place.test(where))
        assert.isNotEmpty(scan(here, [secret]), String(place))
      }
    }).pipe(Effect.scoped)
  )
})
