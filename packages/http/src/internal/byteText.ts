/** Bytes held in a text, one character each, with ASCII letters in lower case: two cases count as the same secret. */

const encoder = new TextEncoder()

/** Holds bytes in a text. */
export const fold = (bytes: Iterable<number>): string =>
  Array.from(bytes, (byte) => String.fromCharCode(byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte)).join("")

/** The UTF-8 bytes of a text. A lone surrogate is written as every encoder writes it. */
export const bytesOf = (text: string): string => fold(encoder.encode(text))

/** The Latin-1 bytes of a text, where it has any that differ from its UTF-8 bytes: headers and `btoa` use them. */
export const latin1Of = (text: string): ReadonlyArray<string> =>
  /^[\0-\xff]*[\x80-\xff][\0-\xff]*$/.test(text) ? [fold(Array.from(text, (unit) => unit.charCodeAt(0)))] : []
