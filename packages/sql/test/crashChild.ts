/**
 * Creates, verifies and revokes keys without end and prints each acknowledged change on a line of its own.
 *
 * Run by `Processes.test.ts`, which kills it. It prints secrets: those keys live in a folder that is removed at once.
 */
import { KeyId } from "@keyfold/core/ApiKey"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { writeSync } from "node:fs"
import { create, native, openUrl } from "./TestDatabase.ts"

const [url = ""] = process.argv.slice(2)

const say = (...words: ReadonlyArray<string>) => Effect.sync(() => void writeSync(1, `${words.join(" ")}\n`))

const work = Effect.gen(function* () {
  const driver = yield* openUrl(url)
  const verify = native(driver, "verify")
  for (let number = 0; ; number++) {
    const { key, secret } = yield* create(driver, {
      name: `key ${number}`,
      owner: "crash",
      tags: { number: `${number}` }
    })
    yield* say("created", key.id, Redacted.value(secret))
    yield* verify(secret)
    if (number % 2 === 1) {
      yield* driver.revoke({ id: KeyId.make(key.id) })
      yield* say("revoked", key.id)
    }
    // Lets timers run, so that usage is flushed between two statements like in a real program.
    yield* Effect.sleep(0)
  }
})

await Effect.runPromise(Effect.scoped(work))
