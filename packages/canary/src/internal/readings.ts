/** What bytes say once an encoding that leaves a choice is undone: each way gives bytes to be searched again. */

/** Bytes as one encoder would have read them, and the form that a secret seen only in them has. */
export interface Reading {
  readonly bytes: Uint8Array
  /** Undefined where the form of what is found says it. */
  readonly form: string | undefined
}

const percent = 0x25
const backslash = 0x5c
const space = 0x20

/** The value of a hexadecimal digit; -1 for anything else. */
const digit = (byte: number | undefined): number => {
  if (byte === undefined) return -1
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/** The number that `count` hexadecimal digits write; -1 where there are fewer. */
const number = (bytes: Uint8Array, start: number, count: number): number => {
  let value = 0
  for (let index = start; index < start + count; index++) {
    const next = digit(bytes[index])
    if (next < 0) return -1
    value = value * 16 + next
  }
  return value
}

const percentDecoded = (bytes: Uint8Array): Uint8Array => {
  const result = new Uint8Array(bytes.length)
  let length = 0
  for (let index = 0; index < bytes.length; index++) {
    const value = bytes[index] === percent ? number(bytes, index + 1, 2) : -1
    result[length++] = value < 0 ? (bytes[index] ?? 0) : value
    if (value >= 0) index += 2
  }
  return result.subarray(0, length)
}

const controls: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" }

/** What one escape sequence says, and how many bytes it has. */
const escape = (bytes: Uint8Array, start: number): readonly [text: string, length: number] => {
  const sign = String.fromCharCode(bytes[start + 1] ?? backslash)
  const value = sign === "u" ? number(bytes, start + 2, 4) : sign === "x" ? number(bytes, start + 2, 2) : -1
  return value < 0 ? [controls[sign] ?? sign, 2] : [String.fromCharCode(value), sign === "u" ? 6 : 4]
}

/** Undoes the escapes of JSON and of JavaScript, down to texts that were escaped several times. */
const unescaped = (bytes: Uint8Array): Uint8Array => {
  const parts: Array<Uint8Array> = []
  let from = 0
  for (let at = bytes.indexOf(backslash); at >= 0; at = bytes.indexOf(backslash, from)) {
    // Both halves of a surrogate pair make one character.
    let [text, length] = escape(bytes, at)
    if (/^[\ud800-\udbff]$/.test(text) && bytes[at + length] === backslash) {
      const [low, rest] = escape(bytes, at + length)
      text += low
      length += rest
    }
    parts.push(bytes.subarray(from, at), Buffer.from(text))
    from = Math.min(at + length, bytes.length)
  }
  return Buffer.concat([...parts, bytes.subarray(from)])
}

/** Without white space, which lists of numbers and wrapped base64 are full of; hexadecimal digits in one case. */
const squeezed = (bytes: Uint8Array, isLower: boolean): Uint8Array => {
  const result = new Uint8Array(bytes.length)
  let length = 0
  for (const byte of bytes) {
    if (byte <= space) continue
    result[length++] = isLower && byte >= 0x41 && byte <= 0x46 ? byte | 0x20 : byte
  }
  return result.subarray(0, length)
}

/** How often an encoding may stand within itself. */
const deepest = 4

const repeated = (
  bytes: Uint8Array,
  sign: number,
  form: string,
  undo: (bytes: Uint8Array) => Uint8Array
): ReadonlyArray<Reading> => {
  const readings: Array<Reading> = []
  let current = bytes
  while (readings.length < deepest && current.includes(sign)) {
    const next = undo(current)
    if (form === "percent-encoded" && next.length === current.length) break
    readings.push({ bytes: next, form })
    current = next
  }
  return readings
}

/** Every reading of some bytes, the bytes themselves first. */
export const readings = (bytes: Uint8Array): ReadonlyArray<Reading> => [
  { bytes, form: undefined },
  ...repeated(bytes, percent, "percent-encoded", percentDecoded),
  ...repeated(bytes, backslash, "escaped", unescaped),
  { bytes: squeezed(bytes, false), form: undefined },
  { bytes: squeezed(bytes, true), form: undefined }
]
