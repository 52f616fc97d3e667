/** Handing a new key's secret over, once: to the output or to a place that flags name, with words around it. */
import type { ApiKey, IssuedKey } from "@keyfold/core/ApiKey"
import type { KeyStore } from "@keyfold/core/KeyStore"
import type { OperationId } from "@keyfold/core/OperationId"
import { type Sink, SinkError } from "@keyfold/core/Sink"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { type Output, Shell } from "../Shell.ts"
import { stringify } from "./json.ts"
import { details } from "./keys.ts"
import { note, print, printJson } from "./print.ts"
import type { Place } from "./sinks.ts"
import { paint } from "./style.ts"
import { escape } from "./text.ts"

/** The create that a secret comes from. */
export interface Creation {
  readonly store: KeyStore["Service"]
  readonly operationId: OperationId
  readonly json: boolean
}

const forTerminal = ({ operationId, store }: Creation, issued: IssuedKey, stdout: Output): string => {
  const secret = paint(stdout, "bold", escape(Redacted.value(issued.secret)))
  const once = paint(stdout, "yellow", "This secret is shown once and cannot be shown again. Store it now.")
  return (
    `Created a key in store "${escape(store.store)}" (${escape(store.backend)}), operation ${operationId}.\n\n` +
    `${details(issued.key, stdout)}\n  ${secret}\n\n${once}\n`
  )
}

const forOutput = (creation: Creation, issued: IssuedKey, stdout: Output): string => {
  const { json, operationId } = creation
  const secret = Redacted.value(issued.secret)
  if (json) return `${stringify({ key: issued.key, operationId, secret })}\n`
  return stdout.isTerminal ? forTerminal(creation, issued, stdout) : `${secret}\n`
}

const outputName = "standard output"

/** Makes a sink of standard output: it confirms once the operating system took the whole text. */
export const outputSink = (creation: Creation, { stdout }: Shell["Service"]): Sink => ({
  name: outputName,
  open: Effect.succeed((issued) =>
    stdout.write(forOutput(creation, issued, stdout)).pipe(
      Effect.mapError(({ message }) => new SinkError({ sink: outputName, problem: `${message}.` })),
      Effect.as({ holds: Option.some(issued.key.id) })
    )
  ),
  holds: () => Effect.succeedNone
})

/** Tells about a key whose secret is where it belongs; a closed output is no reason to undo that. */
export const reportDelivery = (
  { json, operationId, store }: Creation,
  key: ApiKey,
  place: Place | undefined
): Effect.Effect<void, never, Shell> =>
  Effect.flatMap(Shell, ({ stdout }) => {
    if (place !== undefined) {
      return Effect.ignore(
        json ? printJson({ key, operationId, ...place.members }) : print(`${details(key, stdout)}\n${place.sentence}\n`)
      )
    }
    return json || stdout.isTerminal
      ? Effect.void
      : note(`Created key ${key.id} in store "${store.store}" (${store.backend}), operation ${operationId}.`)
  })
