/** What of a secret must not show: its pieces, as bytes. */
import { bytesOf, latin1Of } from "./byteText.ts"

/** Pieces by their length in bytes, and the beginnings of all of them. */
export interface Pieces {
  readonly byLength: ReadonlyMap<number, ReadonlySet<string>>
  readonly beginnings: ReadonlySet<string>
}

/** A piece this short turns up by chance in a decoded text. */
const shortestEncoded = 4

/**
 * The length of a spelled piece. Of eight characters in base64 at least six bytes can be read for certain, whatever
 * stands before and after them, so that six are looked for there.
 */
const spelledLength = 8
const encodedLength = 6

const cut = (secrets: ReadonlyArray<string>, longest: number): Pieces => {
  const byLength = new Map<number, Set<string>>()
  const beginnings = new Set<string>()
  for (const secret of secrets) {
    const length = Math.min(longest, secret.length)
    const pieces = byLength.get(length) ?? new Set<string>()
    byLength.set(length, pieces)
    for (let start = 0; start + length <= secret.length; start++) {
      const piece = secret.slice(start, start + length)
      pieces.add(piece)
      for (let end = 1; end < length; end++) beginnings.add(piece.slice(0, end))
    }
  }
  return { byLength, beginnings }
}

/** Cuts secrets into the pieces to look for: in what is spelled out, and in what base64 and hexadecimal stand for. */
export const piecesOf = (secrets: ReadonlyArray<string>): { readonly spelled: Pieces; readonly encoded: Pieces } => {
  const texts = secrets.filter((secret) => secret !== "").flatMap((secret) => [bytesOf(secret), ...latin1Of(secret)])
  return {
    spelled: cut(texts, spelledLength),
    encoded: cut(
      texts.filter((text) => text.length >= shortestEncoded),
      encodedLength
    )
  }
}
