import { assert, describe, it } from "@effect/vitest"
import * as Emulators from "@keyfold/emulators/Arthur"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { advancing, engine, listed, operations, statuses, wholeText } from "./Engine.ts"

/** Keeps the Authorization header of every request the emulator is about to handle. */
const watchHeaders = (emulator: Emulators.ArthurEmulator) => {
  const values: Array<string | null> = []
  const answer: Parameters<Emulators.ArthurEmulator["answerNext"]>[0] = ({ proceed, request }) => {
    values.push(request.headers.get("authorization"))
    return proceed()
  }
  emulator.answerNext(answer, { count: 100 })
  return values
}

describe("the credential", () => {
  it.effect("is sent as a Bearer token in Authorization, exactly as given", () =>
    Effect.gen(function* () {
      const operatorsOwn = "any+format/the=operator~chose"
      const { emulator, make } = yield* engine({ credentials: [{ kind: "master", value: operatorsOwn }] })
      const values = watchHeaders(emulator)
      yield* listed(yield* make({ apiKey: Redacted.make(operatorsOwn) }))
      assert.deepStrictEqual(values, [`Bearer ${operatorsOwn}`])
      assert.deepStrictEqual(statuses(emulator), [200])
    })
  )

  it.effect("that lives shorter than the program is asked for at each attempt", () =>
    Effect.gen(function* () {
      const tokens = [Emulators.makeJwt(), Emulators.makeJwt()]
      const { emulator, make } = yield* engine({
        credentials: tokens.map((value) => ({ kind: "jwt", value, roles: ["ORG-ADMIN"] })),
        switches: { ingressConfigured: true }
      })
      let asked = 0
      const apiKey = Effect.sync(() => Redacted.make(tokens[asked++] ?? ""))
      const store = yield* make({ apiKey })
      assert.strictEqual(asked, 0, "building the store needs no credential")
      emulator.failNext({ status: 503 })
      yield* advancing(listed(store))
      assert.strictEqual(asked, 2)
      assert.deepStrictEqual(statuses(emulator), [503, 200])
    })
  )

  it.effect("that can no longer be obtained is Unauthenticated with nothing sent and its cause dropped", () =>
    Effect.gen(function* () {
      const { emulator, make } = yield* engine()
      const store = yield* make({ apiKey: Effect.fail(new Error("vault said: hunter2")) })
      for (const [name, run] of operations) {
        const error = yield* Effect.flip(run(store))
        assert.strictEqual(error.reason._tag, "Unauthenticated", name)
        assert.notInclude(wholeText(error), "hunter2")
      }
      assert.lengthOf(emulator.requests.all, 0)
    })
  )

  for (const [what, value] of [
    ["with a line break at its end", `${Emulators.makeCredential()}\n`],
    ["with a character no header carries", "ключ-от-всего"]
  ] as const) {
    it.effect(`${what} is Unauthenticated with nothing sent, and is not quoted`, () =>
      Effect.gen(function* () {
        const { emulator, make } = yield* engine()
        const error = yield* Effect.flip(listed(yield* make({ apiKey: Redacted.make(value) })))
        assert.strictEqual(error.reason._tag, "Unauthenticated")
        assert.notInclude(wholeText(error), value.trim())
        assert.lengthOf(emulator.requests.all, 0)
      })
    )
  }
})
