/** Bytes that came in pieces. */

/** Joins pieces of `length` bytes in all; a single one stays as it is. */
export const joined = (pieces: ReadonlyArray<Uint8Array>, length: number): Uint8Array => {
  const [first] = pieces
  if (first !== undefined && pieces.length === 1) return first
  const bytes = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}
