/**
 * Key ids as UUIDs, for protocols whose ids are.
 *
 * - A UUID in lower case stays as it is.
 * - Up to 19 characters of base64url are packed into a UUID of version 8 and can be read out of it again. The ids of
 *   WhyLabs (10), of the SQL store (16) and of the memory store (12) are such.
 * - Any other id becomes a digest in a UUID of version 8. It cannot be read out again: the key is looked up in the store's
 *   list. The same goes for a UUID that looks like one of these two.
 *
 * The 122 free bits of a version 8 UUID hold a tag (3), and either a length (5) and the characters (6 each), or the digest.
 */
import { KeyId } from "@keyfold/core/ApiKey"
import { createHash } from "node:crypto"

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
const packable = /^[\w-]{1,19}$/
const canonical = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const ours = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const longest = 19
const packedTag = 1n
const digestTag = 2n

const hex = (value: bigint, digits: number) => value.toString(16).padStart(digits, "0")

/** Writes 122 bits around the version and the variant. */
const toUuid = (bits: bigint): string => {
  const text = hex(bits >> 74n, 12) + hex(0x8000n | ((bits >> 62n) & 0xfffn), 4)
  const rest = hex((2n << 62n) | (bits & ((1n << 62n) - 1n)), 16)
  return (text + rest).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")
}

const toBits = (uuid: string): bigint => {
  const digits = uuid.replaceAll("-", "")
  const [high, middle, low] = [digits.slice(0, 12), digits.slice(13, 16), digits.slice(16)]
  return (BigInt(`0x${high}`) << 74n) | (BigInt(`0x${middle}`) << 62n) | (BigInt(`0x${low}`) & ((1n << 62n) - 1n))
}

const pack = (id: string): string => {
  const characters = [...id].map((character) => BigInt(alphabet.indexOf(character)))
  const padded = [...characters, ...Array.from({ length: longest - id.length }, () => 0n)]
  const value = padded.reduce((all, character) => (all << 6n) | character, 0n)
  return toUuid((packedTag << 119n) | (BigInt(id.length) << 114n) | value)
}

const tagOf = (uuid: string): bigint | undefined => (ours.test(uuid) ? toBits(uuid) >> 119n : undefined)

const unpack = (uuid: string): string | undefined => {
  if (tagOf(uuid) !== packedTag) return undefined
  const bits = toBits(uuid)
  const length = Number((bits >> 114n) & 31n)
  const characterAt = (index: number) => alphabet.charAt(Number((bits >> BigInt(6 * (longest - 1 - index))) & 63n))
  const id = Array.from({ length: Math.min(length, longest) }, (_, index) => characterAt(index)).join("")
  return packable.test(id) && pack(id) === uuid ? id : undefined
}

const isWritten = (uuid: string): boolean => tagOf(uuid) === digestTag || unpack(uuid) !== undefined

const digest = (id: string): string => {
  const bits = BigInt(`0x${createHash("sha256").update(id, "utf8").digest("hex")}`) & ((1n << 119n) - 1n)
  return toUuid((digestTag << 119n) | bits)
}

/** Writes an id as a UUID. */
export const encode = (id: KeyId): string => {
  if (canonical.test(id) && !isWritten(id)) return id
  return packable.test(id) ? pack(id) : digest(id)
}

/** Reads a UUID in canonical form: the id in it, or that it has to be looked up. */
export const decode = (uuid: string): KeyId | "lookUp" => {
  if (tagOf(uuid) === digestTag) return "lookUp"
  return KeyId.make(unpack(uuid) ?? uuid)
}
