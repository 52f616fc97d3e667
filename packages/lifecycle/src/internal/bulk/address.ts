/** A key's place as one text, and the digest of a set of them. */
import * as Effect from "effect/Effect"

/** What tells one key from all others. */
export interface Address {
  readonly store: string
  readonly tenant?: string | undefined
  readonly id: string
}

/** Writes a key's store, tenant and id so that no two keys share a text. */
export const addressOf = ({ id, store, tenant }: Address): string => JSON.stringify([store, tenant ?? null, id])

/** Orders keys by store, tenant and id. */
export const inOrder = (left: Address, right: Address): number => {
  const [first, second] = [addressOf(left), addressOf(right)]
  return first < second ? -1 : first > second ? 1 : 0
}

const encoder = new TextEncoder()

const hexadecimal = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")

/** Digests a selector and the set it means, whatever the order of the keys. */
export const digestOf = (selector: string, targets: ReadonlyArray<Address>): Effect.Effect<string> => {
  const lines = [JSON.stringify(["keyfold bulk revocation 1", selector]), ...targets.toSorted(inOrder).map(addressOf)]
  return Effect.map(
    Effect.promise(() => crypto.subtle.digest("SHA-256", encoder.encode(lines.join("\n")))),
    (digest) => hexadecimal(new Uint8Array(digest))
  )
}

/** Names a run. */
export const randomName = (): string => hexadecimal(crypto.getRandomValues(new Uint8Array(16)))
