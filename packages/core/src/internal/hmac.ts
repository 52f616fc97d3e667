/**
 * HMAC-SHA-256 that answers at once. Web Crypto takes longer to ask than to compute, which counts where marks of hundreds
 * of thousands of labels are checked; everything else goes to Web Crypto.
 */

const blockBytes = 64
const hashBytes = 32

/** Words are read and written through views, big-endian as the hash wants them. */
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const wordsOf = (values: ReadonlyArray<number>): Uint8Array => {
  const bytes = new Uint8Array(values.length * 4)
  const view = viewOf(bytes)
  for (const [index, value] of values.entries()) view.setInt32(index * 4, value)
  return bytes
}

const primes = (count: number): ReadonlyArray<number> => {
  const found: Array<number> = []
  for (let candidate = 2; found.length < count; candidate++) {
    if (found.every((prime) => candidate % prime !== 0)) found.push(candidate)
  }
  return found
}

const fraction = (root: number): number => Math.trunc((root - Math.trunc(root)) * 2 ** 32)

const constants = viewOf(wordsOf(primes(64).map((prime) => fraction(Math.cbrt(prime)))))
const initial = wordsOf(primes(8).map((prime) => fraction(Math.sqrt(prime))))

const schedule = viewOf(new Uint8Array(256))

const turned = (word: number, by: number): number => (word >>> by) | (word << (32 - by))

/** Fills the schedule of one block. */
const expand = (block: DataView, from: number): void => {
  for (let at = 0; at < blockBytes; at += 4) schedule.setInt32(at, block.getInt32(from + at))
  for (let at = blockBytes; at < 256; at += 4) {
    const early = schedule.getInt32(at - 60)
    const late = schedule.getInt32(at - 8)
    const first = turned(early, 7) ^ turned(early, 18) ^ (early >>> 3)
    const second = turned(late, 17) ^ turned(late, 19) ^ (late >>> 10)
    schedule.setInt32(at, schedule.getInt32(at - 64) + first + schedule.getInt32(at - 28) + second)
  }
}

/** Mixes one block into a state, as FIPS 180-4 section 6.2.2 has it. */
const compress = (state: DataView, block: DataView, from: number): void => {
  expand(block, from)
  let a = state.getInt32(0)
  let b = state.getInt32(4)
  let c = state.getInt32(8)
  let d = state.getInt32(12)
  let e = state.getInt32(16)
  let f = state.getInt32(20)
  let g = state.getInt32(24)
  let h = state.getInt32(28)
  for (let at = 0; at < 256; at += 4) {
    const mixed = (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g))
    const first = (h + mixed + constants.getInt32(at) + schedule.getInt32(at)) | 0
    const second = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))
    h = g
    g = f
    f = e
    e = (d + first) | 0
    d = c
    c = b
    b = a
    a = (first + second) | 0
  }
  state.setInt32(0, state.getInt32(0) + a)
  state.setInt32(4, state.getInt32(4) + b)
  state.setInt32(8, state.getInt32(8) + c)
  state.setInt32(12, state.getInt32(12) + d)
  state.setInt32(16, state.getInt32(16) + e)
  state.setInt32(20, state.getInt32(20) + f)
  state.setInt32(24, state.getInt32(24) + g)
  state.setInt32(28, state.getInt32(28) + h)
}

/** A message with room for its padding, and a view of it. */
interface Buffer {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly view: DataView
}

const buffer = (length: number): Buffer => {
  const bytes = new Uint8Array(length + 2 * blockBytes)
  return { bytes, view: viewOf(bytes) }
}

/** Pads a message and mixes it into a state that `before` bytes went into already. */
const finish = (state: DataView, { bytes, view }: Buffer, length: number, before: number): void => {
  const end = Math.ceil((length + 9) / blockBytes) * blockBytes
  bytes[length] = 0x80
  bytes.fill(0, length + 1, end)
  view.setUint32(end - 4, (before + length) * 8)
  for (let from = 0; from < end; from += blockBytes) compress(state, view, from)
}

const hash = (message: Uint8Array): Uint8Array => {
  const padded = buffer(message.length)
  padded.bytes.set(message)
  const state = initial.slice()
  finish(viewOf(state), padded, message.length, 0)
  return state
}

/** The state after the block that HMAC puts before a message. */
const opened = (key: Uint8Array, pad: number): Uint8Array => {
  const state = initial.slice()
  const block = Uint8Array.from({ length: blockBytes }, (_, index) => (key[index] ?? 0) ^ pad)
  compress(viewOf(state), viewOf(block), 0)
  return state
}

const encoder = new TextEncoder()

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

/** Writes the first 6 bits a character of bytes as base64url, without what comes after them. */
const toText = (bytes: Uint8Array, length: number): string => {
  let text = ""
  for (let at = 0; at < length; at++) {
    const bit = at * 6
    const two = ((bytes[bit >> 3] ?? 0) << 8) | (bytes[(bit >> 3) + 1] ?? 0)
    text += alphabet[(two >> (10 - (bit & 7))) & 63] ?? ""
  }
  return text
}

/** Signs texts with one key; an answer is the beginning of the digest in base64url, at most 21 characters. */
export const make = (material: Uint8Array, length: number): ((text: string) => string) => {
  const key = material.length > blockBytes ? hash(material) : material
  const inner = opened(key, 0x36)
  const outer = opened(key, 0x5c)
  const state = new Uint8Array(hashBytes)
  const stateView = viewOf(state)
  const digest = buffer(hashBytes)
  let message = buffer(1024)
  return (text) => {
    // UTF-8 takes three bytes for a UTF-16 unit at the most.
    if (message.bytes.length < text.length * 3 + 2 * blockBytes) message = buffer(text.length * 3)
    const { written } = encoder.encodeInto(text, message.bytes)
    state.set(inner)
    finish(stateView, message, written, blockBytes)
    digest.bytes.set(state)
    state.set(outer)
    finish(stateView, digest, hashBytes, blockBytes)
    return toText(state, length)
  }
}
