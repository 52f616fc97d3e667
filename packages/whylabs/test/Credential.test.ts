import { assert, describe, it } from "@effect/vitest"
import * as Emulators from "@keyfold/emulators/WhyLabs"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { inspect } from "node:util"
import { advancing, keysPath, lines, listed, ref, songbird } from "./Songbird.ts"

/** AWS session credentials as WhyLabs' own services send them: JSON with colons, quotes, slashes and plus signs. */
const identity = (generation: number) =>
  `{"AccessKeyId":"ASIA${generation}","SecretAccessKey":"abc/+=:${generation}","SessionToken":"to:ken \\"${generation}\\""}`

/** An emulator that accepts one generation of credentials at a time, and a store that asks for each anew. */
const rotating = Effect.gen(function* () {
  let accepted = 1
  let issued = 0
  const made = yield* songbird({
    credentials: [{ kind: "awsIdentity", accepts: ({ AccessKeyId }) => AccessKeyId === `ASIA${accepted}` }]
  })
  const apiKey = Effect.sync(() => {
    issued++
    return Redacted.make(identity(accepted))
  })
  return {
    ...made,
    apiKey,
    issued: () => issued,
    accept: (generation: number) => void (accepted = generation)
  }
})

describe("a credential that lives shorter than the program", () => {
  it.effect("is asked for at each attempt and sent as it is, without prefix", () =>
    Effect.gen(function* () {
      const { accept, apiKey, emulator, issued, v0 } = yield* rotating
      const values: Array<string | null> = []
      for (let count = 0; count < 3; count++) {
        emulator.answerNext(({ proceed, request }) => {
          values.push(request.headers.get("x-api-key"))
          return proceed()
        })
      }
      const store = yield* v0({ apiKey })
      assert.strictEqual(issued(), 0, "building the store needs no credential")
      const { key } = yield* store.create({})
      accept(2)
      yield* store.get(key)
      accept(3)
      yield* store.revoke(key)
      assert.strictEqual(issued(), 3)
      assert.deepStrictEqual(values, [identity(1), identity(2), identity(3)])
    })
  )

  it.effect("is renewed between the attempts of one call", () =>
    Effect.gen(function* () {
      const { apiKey, emulator, issued, v0 } = yield* rotating
      const store = yield* v0({ apiKey })
      emulator.failNext({ status: 503 }, { count: 2 })
      yield* advancing(listed(store))
      assert.strictEqual(issued(), 3)
    })
  )

  it.effect("that can no longer be obtained is Unauthenticated with nothing sent and its cause dropped", () =>
    Effect.gen(function* () {
      const { emulator, v0 } = yield* songbird()
      const store = yield* v0({ apiKey: Effect.fail(new Error("vault said: hunter2")) })
      const errors = [
        yield* Effect.flip(store.create({})),
        yield* Effect.flip(store.get(ref("aaaaaaaaaa"))),
        yield* Effect.flip(listed(store)),
        yield* Effect.flip(store.revoke(ref("aaaaaaaaaa", "ann"))),
        yield* Effect.flip(store.usage(ref("aaaaaaaaaa")))
      ]
      for (const error of errors) {
        assert.strictEqual(error.reason._tag, "Unauthenticated")
        assert.notInclude(inspect(error, { depth: Infinity, showHidden: true }), "hunter2")
      }
      assert.lengthOf(emulator.requests.all, 0)
    })
  )

  it.effect("is taken by v1 as well", () =>
    Effect.gen(function* () {
      const { administrator, emulator, v1 } = yield* songbird()
      const store = yield* v1({ apiKey: Effect.succeed(Redacted.make(administrator)) })
      assert.lengthOf(yield* listed(store), 1)
      assert.deepStrictEqual(lines(emulator), ["GET /v1/api-key"])
    })
  )
})

describe("a credential as a string", () => {
  it.effect("is sent with or without its organization, exactly as given", () =>
    Effect.gen(function* () {
      const { emulator, system, v0 } = yield* songbird()
      for (const value of [system, system.slice(0, 64)]) {
        const sent: Array<string | null> = []
        emulator.answerNext(({ proceed, request }) => {
          sent.push(request.headers.get("x-api-key"), request.headers.get("authorization"))
          return proceed()
        })
        yield* listed(yield* v0({ apiKey: Redacted.make(value) }))
        assert.deepStrictEqual(sent, [value, null])
      }
      assert.deepStrictEqual(lines(emulator), [`GET ${keysPath}`, `GET ${keysPath}`])
    })
  )

  for (const [what, value] of [
    ["empty", ""],
    ["with a line break at its end", `${Emulators.makeCredential()}\n`],
    ["with a character no header carries", "ключ"]
  ] as const) {
    it.effect(`${what} is Unauthenticated with nothing sent, and is not quoted`, () =>
      Effect.gen(function* () {
        const { emulator, v0 } = yield* songbird()
        const error = yield* Effect.flip(listed(yield* v0({ apiKey: Redacted.make(value) })))
        assert.strictEqual(error.reason._tag, "Unauthenticated")
        if (value !== "") assert.notInclude(error.message, value.trim())
        assert.lengthOf(emulator.requests.all, 0)
      })
    )
  }
})
