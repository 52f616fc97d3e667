/** Handing a new key's secret over, once; a key whose secret cannot be handed over is revoked. */
import type { IssuedKey } from "@keyfold/core/ApiKey"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { KeyStore } from "@keyfold/core/KeyStore"
import type { OperationId } from "@keyfold/core/OperationId"
import type { Reservation } from "@keyfold/node/SecretFile"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { type OutputClosed, Shell } from "../Shell.ts"
import * as ExitCode from "./exitCode.ts"
import { CommandError } from "./failure.ts"
import { details } from "./keys.ts"
import { note, print, printJson } from "./print.ts"
import { paint } from "./style.ts"
import { escape } from "./text.ts"

/** What was created, and where its secret goes. */
export interface Delivery {
  readonly store: KeyStore["Service"]
  readonly issued: IssuedKey
  readonly operationId: OperationId
  readonly reservation: Reservation | undefined
  readonly json: boolean
}

const toFile = Effect.fnUntraced(function* (delivery: Delivery, reservation: Reservation) {
  const { issued, json, operationId } = delivery
  const { stdout } = yield* Shell
  yield* reservation.write(issued.secret)
  const { path } = reservation
  // The secret is safe in its file by now, so a closed output is no reason to revoke the key.
  yield* Effect.ignore(
    json
      ? printJson({ key: issued.key, operationId, secretFile: path })
      : print(`${details(issued.key, stdout)}\nThe secret is in ${escape(path)}, which only you can read.\n`)
  )
})

const toTerminal = Effect.fnUntraced(function* ({ issued, operationId, store }: Delivery) {
  const { stdout } = yield* Shell
  const secret = paint(stdout, "bold", escape(Redacted.value(issued.secret)))
  const once = paint(stdout, "yellow", "This secret is shown once and cannot be shown again. Store it now.")
  yield* print(
    `Created a key in store "${escape(store.store)}" (${escape(store.backend)}), operation ${operationId}.\n\n` +
      `${details(issued.key, stdout)}\n  ${secret}\n\n${once}\n`
  )
})

const toPipe = Effect.fnUntraced(function* ({ issued, operationId, store }: Delivery) {
  yield* print(`${Redacted.value(issued.secret)}\n`)
  yield* note(`Created key ${issued.key.id} in store "${store.store}" (${store.backend}), operation ${operationId}.`)
})

const handOver = Effect.fnUntraced(function* (
  delivery: Delivery
): Effect.fn.Return<void, ConfigurationError | OutputClosed, Shell> {
  const { issued, json, operationId, reservation } = delivery
  const { stdout } = yield* Shell
  if (reservation !== undefined) return yield* toFile(delivery, reservation)
  if (json) return yield* printJson({ key: issued.key, operationId, secret: Redacted.value(issued.secret) })
  return yield* stdout.isTerminal ? toTerminal(delivery) : toPipe(delivery)
})

const takeBack = Effect.fnUntraced(function* ({ issued, store }: Delivery, problem: string) {
  const { id } = issued.key
  const revoked = yield* Effect.match(store.revoke(issued.key), { onFailure: () => false, onSuccess: () => true })
  const what = `key ${id} was created, but its secret could not be handed over: ${problem}`
  return yield* revoked
    ? new CommandError({ exitCode: ExitCode.failed, problem: `${what} The key was revoked.` })
    : new CommandError({
        exitCode: ExitCode.failed,
        problem: `${what} The key could not be revoked either and is still valid.`,
        fix: `Revoke it with: keyfold revoke ${id} --store ${store.store}`
      })
})

/** Hands the secret over, or revokes the key and fails. */
export const deliver = (delivery: Delivery): Effect.Effect<void, CommandError, Shell> =>
  handOver(delivery).pipe(
    Effect.catchTag("OutputClosed", (error) => takeBack(delivery, `${error.message}.`)),
    Effect.catchTag("ConfigurationError", (error) => takeBack(delivery, error.problem))
  )
