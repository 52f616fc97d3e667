import { assert, describe, it } from "@effect/vitest"
import * as Emulators from "@keyfold/emulators/Arthur"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import {
  engine,
  keyId,
  keysPath,
  lines,
  listed,
  otherId,
  ref,
  seeded,
  start,
  startOnTheWire,
  unknownId
} from "./Engine.ts"

const ids = (keys: ReadonlyArray<{ readonly id: string }>) => keys.map(({ id }) => id)

const bare = { scopes: ["VALIDATION-USER"], status: "active", tags: {} } as const
const provider = { arthur: { createdAt: startOnTheWire } }

describe("get", () => {
  it.effect("reads one key in one GET without slash at the end, without query and without body", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded()
      assert.deepStrictEqual(yield* store.get(ref(keyId)), {
        ...bare,
        id: ref(keyId).id,
        name: "billing worker",
        provider
      })
      assert.deepStrictEqual(lines(emulator), [`GET ${keysPath}${keyId}`])
      const [request] = emulator.requests.all
      const headers = new Map(request?.headers)
      assert.strictEqual(headers.get("accept"), "application/json")
      for (const name of ["content-type", "cookie"]) assert.isFalse(headers.has(name))
      assert.isUndefined(request?.body)
    })
  )

  it.effect("finds a deactivated key, whose time without a zone stays under provider as it came", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded({ serverOffsetMinutes: -300 })
      emulator.seed({ id: otherId, deactivatedAt: start + 1 })
      assert.deepStrictEqual(yield* store.get(ref(otherId)), {
        ...bare,
        id: ref(otherId).id,
        status: "revoked",
        provider: { arthur: { createdAt: "2026-03-14T04:26:53.589000", deactivatedAt: "2026-03-14T04:26:53.590000" } }
      })
    })
  )

  it.effect("takes an id in upper case and sends it as the server writes it", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded()
      const upper = ref(keyId.toUpperCase())
      assert.strictEqual((yield* store.get(upper)).id, keyId)
      yield* store.revoke(upper)
      assert.deepStrictEqual(lines(emulator), [`GET ${keysPath}${keyId}`, `DELETE ${keysPath}deactivate/${keyId}`])
    })
  )

  it.effect("an unknown id is NotFound after one request", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded()
      const error = yield* Effect.flip(store.get(ref(unknownId)))
      assert.strictEqual(error.reason._tag, "NotFound")
      assert.strictEqual(error.attempts, 1)
      assert.strictEqual(emulator.requests.all[0]?.status, 404)
      assert.lengthOf(emulator.requests.all, 1)
    })
  )

  // The server takes some of these; its 400 for the others cannot be told from any other 400.
  for (const id of [
    "",
    "abc",
    keyId.slice(0, -1),
    `${keyId}0`,
    keyId.replaceAll("-", ""),
    `urn:uuid:${keyId}`,
    `{${keyId}}`,
    `${keyId}\n`,
    ` ${keyId}`,
    `deactivate/${keyId}`,
    "../tasks",
    "..",
    keyId.replace("3", "３"),
    keyId.replace("f", "g")
  ]) {
    it.effect(`the id ${JSON.stringify(id)} is refused by get and revoke before anything is sent`, () =>
      Effect.gen(function* () {
        const { emulator, store } = yield* seeded()
        // A `KeyRef` from JSON need not have passed the schema.
        const key = { id: id as ReturnType<typeof ref>["id"] }
        for (const error of [yield* Effect.flip(store.get(key)), yield* Effect.flip(store.revoke(key))]) {
          assert.strictEqual(error.reason._tag === "InvalidRequest" ? error.reason.field : error.reason, "id")
          assert.strictEqual(error.attempts, 0)
          if (id !== "") assert.include(error.message, "UUID")
        }
        assert.lengthOf(emulator.requests.all, 0)
      })
    )
  }
})

describe("list", () => {
  it.effect("shows active keys only, of all organizations, from one GET with its slash", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded()
      emulator.seed(
        { id: otherId, deactivatedAt: start },
        { id: unknownId, organization: "tenant-1", roles: ["TENANT-USER"] }
      )
      assert.deepStrictEqual(yield* listed(store), [
        { ...bare, id: ref(keyId).id, name: "billing worker", provider },
        { ...bare, id: ref(unknownId).id, scopes: ["TENANT-USER"], provider }
      ])
      assert.deepStrictEqual(lines(emulator), [`GET ${keysPath}`])
    })
  )

  it.effect("a missing or empty description is no name, and a key without roles has no scopes", () =>
    Effect.gen(function* () {
      const { emulator, make } = yield* engine()
      emulator.seed({ id: keyId, roles: [] }, { id: otherId, description: "", roles: ["ROLE-OF-2031"] })
      assert.deepStrictEqual(yield* listed(yield* make()), [
        { ...bare, id: ref(keyId).id, scopes: [], provider },
        { ...bare, id: ref(otherId).id, scopes: ["ROLE-OF-2031"], provider }
      ])
    })
  )

  it.effect("cannot show revoked keys: asking for them is Unsupported, with nothing sent", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded()
      for (const status of ["revoked", ["active", "revoked"]] as const) {
        for (const error of [
          yield* Effect.flip(listed(store, { status })),
          yield* Effect.flip(store.listPage({ status }))
        ]) {
          assert.strictEqual(error.reason._tag === "Unsupported" ? error.reason.capability : error, "listsRevoked")
        }
      }
      assert.lengthOf(emulator.requests.all, 0)
    })
  )

  it.effect("slices a fresh list in id order, each page one GET without paging parameters", () =>
    Effect.gen(function* () {
      const { emulator, make } = yield* engine({ switches: { listOrder: "newestFirst" } })
      const expected = ["1", "2", "3", "4", "5"].map((digit) => `${digit}${keyId.slice(1)}`)
      emulator.seed(...expected.map((id) => ({ id })))
      const store = yield* make()
      const first = yield* store.listPage({ limit: 2 })
      const second = yield* store.listPage({ limit: 2, ...(first.next === undefined ? {} : { cursor: first.next }) })
      const third = yield* store.listPage({ limit: 2, ...(second.next === undefined ? {} : { cursor: second.next }) })
      assert.deepStrictEqual(
        [first, second, third].flatMap(({ keys }) => ids(keys)),
        expected
      )
      assert.notProperty(third, "next")
      assert.deepStrictEqual(lines(emulator), [`GET ${keysPath}`, `GET ${keysPath}`, `GET ${keysPath}`])
    })
  )

  it.effect("says that revoked keys are hidden and that reads do not lag", () =>
    Effect.gen(function* () {
      const { store } = yield* seeded()
      const { completeness } = yield* store.listPage()
      assert.deepStrictEqual(completeness.hidden, ["revoked"])
      assert.strictEqual(Duration.toMillis(completeness.lag), 0)
    })
  )

  it.effect("refuses another filter's cursor before anything is sent", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded()
      emulator.seed({ id: otherId })
      const { next } = yield* store.listPage({ limit: 1 })
      assert.isDefined(next)
      emulator.requests.clear()
      const error = yield* Effect.flip(store.listPage({ limit: 1, status: "active", cursor: next }))
      assert.strictEqual(error.reason._tag === "InvalidRequest" ? error.reason.field : error, "cursor")
      assert.lengthOf(emulator.requests.all, 0)
    })
  )
})

describe("what Arthur does not have", () => {
  it.effect("usage, verify and owners are Unsupported, with nothing sent", () =>
    Effect.gen(function* () {
      const { emulator, store } = yield* seeded()
      const failures = [
        ["usage", yield* Effect.flip(store.usage(ref(keyId)))],
        ["verify", yield* Effect.flip(store.verify(Redacted.make(Emulators.makeSecret())))],
        ["owners", yield* Effect.flip(listed(store, { owner: "ann" }))]
      ] as const
      for (const [capability, { attempts, reason }] of failures) {
        assert.strictEqual(reason._tag === "Unsupported" ? reason.capability : reason, capability)
        assert.strictEqual(attempts, 0)
      }
      assert.lengthOf(emulator.requests.all, 0)
    })
  )
})

describe("identify", () => {
  it.effect("reads the id from a secret of 108 characters, without any request", () =>
    Effect.gen(function* () {
      const { emulator, make } = yield* engine()
      const store = yield* make()
      const { key, secret } = yield* store.create({})
      assert.lengthOf(Redacted.value(secret), 108)
      emulator.requests.clear()
      assert.deepStrictEqual(store.identify(secret), Option.some({ id: key.id }))
      assert.deepStrictEqual(store.identify(Redacted.make(Emulators.makeSecret(keyId))), Option.some(ref(keyId)))
      assert.lengthOf(emulator.requests.all, 0)
    })
  )

  const random = "EXAMPLE_random-EXAMPLE_random-EXAMPLE_rando"
  for (const [what, text] of [
    ["nothing", ""],
    ["a bare token as before July 2025", random],
    ["a WhyLabs key", `FAKEkeyId0.${"x".repeat(53)}:org-123`],
    ["a JWT", Emulators.makeJwt()],
    ["text that is not base64", `${"?".repeat(107)}=`],
    ["a secret cut short", Emulators.makeSecret(keyId).slice(0, 104)],
    ["two secrets in a row", Emulators.makeSecret(keyId).repeat(2)],
    ["base64 of an id alone", btoa(keyId)],
    ["base64 of an id that is no UUID", btoa(`${keyId.replace("3", "x")}:${random}`)],
    ["base64 of an id in upper case, which the server never writes", btoa(`${keyId.toUpperCase()}:${random}`)],
    ["base64 of other text before an id", btoa(`x${keyId}:${random}`)],
    ["base64 of an id and a short rest", btoa(`${keyId}:${random.slice(1)}`)],
    ["base64 of an id and strange characters", btoa(`${keyId}:${"+".repeat(43)}`)]
  ] as const) {
    it.effect(`finds no key in ${what}`, () =>
      Effect.gen(function* () {
        const { emulator, make } = yield* engine()
        assert.deepStrictEqual((yield* make()).identify(Redacted.make(text)), Option.none())
        assert.lengthOf(emulator.requests.all, 0)
      })
    )
  }
})
