/** What a file with mistakes is refused with. */
import { assert, it } from "@effect/vitest"
import * as Configuration from "@keyfold/config/Configuration"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"
import { inspect } from "node:util"
import { folderWith, tinyAdapter } from "./TinyAdapter.ts"

/** A secret that no message may hold. */
export const canary = "canary-91Xb-secret"

/** Adapters for files of tests: one that can do all, and some that cannot. */
export const builtIn = {
  tiny: tinyAdapter(),
  marked: tinyAdapter([], { tenancy: "label", createSafety: "marker" }),
  alone: tinyAdapter([], { tenancy: "none" }),
  poor: tinyAdapter([], {
    operations: { ...tinyAdapter().capabilities({ url: "", token: Effect.never }).operations, usage: "unsupported" },
    usage: "unknown",
    owners: "required",
    scopes: false
  })
}

/** The text of the one error that a file is refused with. */
export const refusal = Effect.fnUntraced(function* (text: string, name = "keyfold.yaml") {
  const folder = yield* folderWith({ [name]: text })
  const error = yield* Effect.flip(Configuration.load({ folder, builtIn, env: { TOKEN: canary, EMPTY: "" } }))
  assert.instanceOf(error, ConfigurationError)
  assert.notInclude(`${error.message}${JSON.stringify(error)}${inspect(error, { depth: 9 })}`, canary)
  return error.message.replaceAll(folder, "FOLDER")
})

/** A test that a file is refused with exactly these lines. */
export const tells = (title: string, text: string, expected: ReadonlyArray<string>, name?: string) =>
  it.effect(title, () => Effect.map(refusal(text, name), (message) => assert.strictEqual(message, expected.join("\n"))))
