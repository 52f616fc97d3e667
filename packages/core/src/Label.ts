/**
 * The mark in a key's label: what lets a create be found again on a backend that knows nothing of operations.
 *
 * Every backend has one free-text field that its own users see. Keyfold writes the human name there and, after a space,
 * a mark of 30 characters: `kf1-`, then in base64url the fingerprint of the operation (8), the nonce of the attempt (8),
 * the fingerprint of the tenant (4) and a keyed check (6). A name without a mark is somebody else's and is left alone.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Schema from "effect/Schema"
import * as crypto from "./internal/crypto.ts"
import * as hmac from "./internal/hmac.ts"
import type { OperationId } from "./OperationId.ts"

/**
 * The length of a mark in characters; a name before it costs a space more.
 *
 * @category models
 * @since 0.1.0
 */
export const markLength = 30

/**
 * Holds what a mark says. Nothing of it is a secret.
 *
 * @category models
 * @since 0.1.0
 */
export interface Mark {
  readonly operation: string
  readonly nonce: string
  readonly tenant: string
  readonly check: string
}

/**
 * Holds a label taken apart: the human name, and the mark where the label has one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Label {
  readonly name: string | undefined
  readonly mark: Mark | undefined
}

const opening = "kf1-"

const form = /^[\w-]{26}$/

/**
 * Takes a label apart by its form alone, without a key: what to show to people. A label without a mark is a plain name.
 *
 * @category combinators
 * @since 0.1.0
 */
export const read = (label: string): Label => {
  const at = label.length - markLength
  const text = at >= 0 && label.startsWith(opening, at) ? label.slice(at + opening.length) : ""
  // Before the mark stands nothing, or a name and a space.
  if (!form.test(text) || at === 1 || (at > 1 && label[at - 1] !== " ")) return { name: label, mark: undefined }
  return {
    name: at === 0 ? undefined : label.slice(0, at - 1),
    mark: {
      operation: text.slice(0, 8),
      nonce: text.slice(8, 16),
      tenant: text.slice(16, 20),
      check: text.slice(20)
    }
  }
}

/**
 * Says whose marks a codec writes and trusts. Stores with the same `secret`, backend and tenant trust each other's.
 *
 * @category options
 * @since 0.1.0
 */
export interface CodecOptions {
  readonly secret: Redacted.Redacted<string> | Uint8Array<ArrayBuffer>
  readonly backend: string
  readonly tenant: string | undefined
}

/**
 * Writes marks and tells genuine ones from copies and forgeries.
 *
 * - `fingerprint` names an operation without giving its id away.
 * - `write` makes the label of one attempt.
 * - `claims` tells whether a label's mark names this codec's tenant: by its form alone, so that most labels of other
 *   tenants need no digest. It proves nothing.
 * - `trusted` returns the mark of a label that this codec's secret wrote for this backend, tenant and very name, and
 *   undefined for any other. Act on a key only after asking it.
 * - `tenant` is how marks name this codec's tenant, and `proves` says of a label already read what `trusted` would, at
 *   once: for who reads very many labels of many tenants.
 *
 * @category models
 * @since 0.1.0
 */
export interface Codec {
  readonly fingerprint: (operationId: OperationId) => Effect.Effect<string>
  readonly write: (name: string | undefined, operationId: OperationId, nonce: string) => Effect.Effect<string>
  readonly claims: (label: string) => boolean
  readonly trusted: (label: string) => Effect.Effect<Mark | undefined>
  readonly tenant: string
  readonly proves: (label: Label) => boolean
  /** Digests anything that JSON can hold, keyed, so that it can be compared later and not be guessed. */
  readonly digest: (value: Schema.Json) => Effect.Effect<string>
}

/**
 * Draws the nonce of one attempt: 48 random bits from Web Crypto as 8 base64url characters.
 *
 * @category constructors
 * @since 0.1.0
 */
export const nonce: Effect.Effect<string> = Effect.sync(() => crypto.randomText(6))

const makeCodec = ({ backend, secret, tenant }: CodecOptions): Codec => {
  const sign = hmac.make(Redacted.isRedacted(secret) ? new TextEncoder().encode(Redacted.value(secret)) : secret)
  const signed = (purpose: string, parts: ReadonlyArray<string | null>) =>
    JSON.stringify([`keyfold label 1 ${purpose}`, backend, ...parts])
  const tenantMark = sign(signed("tenant", [tenant ?? null]), 4)
  const fingerprint = (operationId: OperationId) => sign(signed("operation", [operationId]), 8)
  // What a check signs, in pieces: nothing in a mark needs escaping in JSON.
  const beginning = signed("check", [tenant ?? null]).slice(0, -1)
  // The name is signed too, so that a mark means nothing on any other label.
  const check = (name: string | undefined, operation: string, nonce: string) =>
    sign(`${beginning},"${operation}","${nonce}",${JSON.stringify(name ?? null)}]`, 6)
  const proves = ({ mark, name }: Label): boolean =>
    mark !== undefined && mark.tenant === tenantMark && check(name, mark.operation, mark.nonce) === mark.check
  return {
    tenant: tenantMark,
    proves,
    fingerprint: (operationId) => Effect.sync(() => fingerprint(operationId)),
    digest: (value) => Effect.sync(() => sign(signed("digest", [JSON.stringify(value)]), hmac.longest)),
    write: (name, operationId, nonce) =>
      Effect.sync(() => {
        const operation = fingerprint(operationId)
        const mark = `kf1-${operation}${nonce}${tenantMark}${check(name, operation, nonce)}`
        return name === undefined ? mark : `${name} ${mark}`
      }),
    claims: (label) => read(label).mark?.tenant === tenantMark,
    trusted: (label) =>
      Effect.sync(() => {
        const parts = read(label)
        return proves(parts) ? parts.mark : undefined
      })
  }
}

/**
 * Makes the codec of one store.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: CodecOptions): Effect.Effect<Codec> => Effect.sync(() => makeCodec(options))
