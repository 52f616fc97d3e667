/** The few assertions cases are made of. A failed one says what was expected and what was found, without secrets. */
import { isKeyStoreError, type KeyStoreError, type Reason } from "@keyfold/core/KeyStoreError"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Schema from "effect/Schema"

/** Fails a case: the store under test does not do what the contract says. */
export class CaseFailure extends Schema.TaggedError<CaseFailure>("@keyfold/conformance/CaseFailure")("CaseFailure", {
  message: Schema.String
}) {}

const show = (value: unknown): string => {
  if (isKeyStoreError(value)) return value.message
  const text = typeof value === "string" ? JSON.stringify(value) : (JSON.stringify(value) ?? String(value))
  return text.length > 500 ? `${text.slice(0, 500)}…` : text
}

/** Fails the case with a sentence. */
export const broken = (message: string): Effect.Effect<never, CaseFailure> => Effect.fail(new CaseFailure({ message }))

/** Fails the case unless the condition holds. */
export const isTrue = (condition: boolean, message: string): Effect.Effect<void, CaseFailure> =>
  condition ? Effect.void : broken(message)

/** Fails the case unless both values are structurally equal. */
export const same = (actual: unknown, expected: unknown, what: string): Effect.Effect<void, CaseFailure> =>
  isTrue(Equal.equals(actual, expected), `${what}: expected ${show(expected)}, found ${show(actual)}`)

/** Fails the case unless both hold the same texts, whatever the order. */
export const sameTexts = (
  actual: ReadonlyArray<string>,
  expected: ReadonlyArray<string>,
  what: string
): Effect.Effect<void, CaseFailure> => same(actual.toSorted(), expected.toSorted(), what)

/** Runs a call that must fail for one of the given reasons, and returns its error. */
export const fails = <A, R>(
  call: Effect.Effect<A, KeyStoreError, R>,
  ...tags: ReadonlyArray<Reason["_tag"]>
): Effect.Effect<KeyStoreError, CaseFailure, R> =>
  Effect.flatMap(Effect.result(call), (result) => {
    if (result._tag === "Success") return broken(`expected ${tags.join(" or ")}, but the call succeeds`)
    const error = result.failure
    return tags.includes(error.reason._tag)
      ? Effect.succeed(error)
      : broken(`expected ${tags.join(" or ")}, found: ${error.message}`)
  })
