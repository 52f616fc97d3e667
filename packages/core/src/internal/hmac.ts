/**
 * HMAC-SHA-256 that answers at once. Web Crypto takes several times longer to ask than to compute, in every create, within
 * every transaction of a journal, and for hundreds of thousands of marks in lists.
 */
import { sha256 } from "@noble/hashes/sha2.js"

const blockBytes = 64

const encoder = new TextEncoder()

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

/** So much of a digest is used, and as many characters that makes. */
const usedBytes = 16
export const longest = 22

/** Writes the first `length` characters of bytes as base64url, 6 bits each. */
const toText = (bytes: Uint8Array, length: number): string => {
  let text = ""
  for (let at = 0; at < length; at++) {
    const bit = at * 6
    const two = ((bytes[bit >> 3] ?? 0) << 8) | (bytes[(bit >> 3) + 1] ?? 0)
    text += alphabet[(two >> (10 - (bit & 7))) & 63] ?? ""
  }
  return text
}

/** The state of the hash after the block that HMAC puts before a message. */
const opened = (key: Uint8Array, pad: number) =>
  sha256.create().update(Uint8Array.from({ length: blockBytes }, (_, index) => (key[index] ?? 0) ^ pad))

/** Signs texts with one key; an answer is the beginning of the digest's first 16 bytes in base64url. */
export const make = (material: Uint8Array): ((text: string, length: number) => string) => {
  const key = material.length > blockBytes ? sha256(material) : material
  // The library's own hmac copies these states for each message, which takes twice as long as the hash itself.
  const inner = opened(key, 0x36)
  const outer = opened(key, 0x5c)
  let state = inner.clone()
  let message = new Uint8Array(1024)
  const digest = new Uint8Array(32)
  const used = digest.subarray(0, usedBytes)
  return (text, length) => {
    // UTF-8 takes three bytes for a UTF-16 unit at the most.
    if (message.length < text.length * 3) message = new Uint8Array(text.length * 3)
    const { written } = encoder.encodeInto(text, message)
    state = inner._cloneInto(state)
    state.update(message.subarray(0, written)).digestInto(digest)
    state = outer._cloneInto(state)
    state.update(digest).digestInto(digest)
    return toText(used, length)
  }
}
