/** The forms a secret takes on its way through encoders. */
import { Buffer } from "node:buffer"

/** The length of a piece that counts as the whole, in characters. */
const pieceLength = 20

/** Below this length a piece's base64 is so short that it turns up by chance, or is empty and in every text. */
const minimumLength = 8

const alignments = [
  { offset: 0, skip: 0 },
  { offset: 1, skip: 2 },
  { offset: 2, skip: 3 }
]

/** The characters of a text's base64 that do not depend on what stands before and after it. */
const base64Cores = (text: string): ReadonlyArray<string> =>
  alignments.map(({ offset, skip }) => {
    const encoded = Buffer.from("\0".repeat(offset) + text).toString("base64")
    const isComplete = (Buffer.byteLength(text) + offset) % 3 === 0
    return encoded.replace(/=+$/, "").slice(skip, isComplete ? undefined : -1)
  })

/** The beginning and the end of a secret; no character is cut in two. */
const pieces = (canary: string): ReadonlyArray<string> => {
  const characters = Array.from(canary)
  return [characters.slice(0, pieceLength).join(""), characters.slice(-pieceLength).join("")]
}

/** Every text that gives a canary away, by the name of its form. Hexadecimal digits are in lower case. */
export const forms = (canary: string): ReadonlyArray<readonly [form: string, text: string]> => {
  if (canary.length < minimumLength) {
    throw new RangeError(
      `a canary has ${canary.length} characters: expected ${minimumLength} or more, so that it is not found by chance. Plant a longer one`
    )
  }
  return pieces(canary).flatMap((piece) => [
    ["raw", piece] as const,
    ["percent-encoded", encodeURIComponent(piece.toWellFormed())] as const,
    ["form-encoded", new URLSearchParams({ x: piece }).toString().slice(2)] as const,
    ["escaped", JSON.stringify(piece).slice(1, -1)] as const,
    ["hexadecimal", Buffer.from(piece).toString("hex")] as const,
    ["decimal", Buffer.from(piece).join(",")] as const,
    ...base64Cores(piece).flatMap((core) => [
      ["base64", core] as const,
      ["base64url", core.replaceAll("+", "-").replaceAll("/", "_")] as const
    ])
  ])
}
