/**
 * The format of the keys this store issues: `kf_<id>_<random>_<checksum>`, every part in base62.
 *
 * The id has 16 characters, the random part 32 (190 bits), the checksum 6: the CRC-32 of everything before it. A typo
 * is seen without a lookup, and a secret scanner needs one pattern.
 *
 * @since 0.1.0
 */
import { KeyId } from "@keyfold/core/ApiKey"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { crc32 } from "node:zlib"

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

const idLength = 16
const randomLength = 32
const checksumLength = 6

/**
 * Matches a key anywhere in a text, for secret scanners; `parse` also checks the checksum.
 *
 * @category models
 * @since 0.1.0
 */
export const pattern = /\bkf_[0-9A-Za-z]{16}_[0-9A-Za-z]{32}_[0-9A-Za-z]{6}\b/

const wholeKey = new RegExp(
  `^kf_([0-9A-Za-z]{${idLength}})_[0-9A-Za-z]{${randomLength}}_[0-9A-Za-z]{${checksumLength}}$`
)

const randomText = (length: number): string => {
  let text = ""
  while (text.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(length * 2))) {
      // 248 is the largest multiple of 62 below 256: dropping the rest keeps every character equally likely.
      if (byte < 248 && text.length < length) text += alphabet.charAt(byte % alphabet.length)
    }
  }
  return text
}

const checksum = (text: string): string => {
  let rest = crc32(text)
  let digits = ""
  while (digits.length < checksumLength) {
    digits = alphabet.charAt(rest % alphabet.length) + digits
    rest = Math.floor(rest / alphabet.length)
  }
  return digits
}

/**
 * Holds a new key: the id to store and the secret to hand over once.
 *
 * @category models
 * @since 0.1.0
 */
export interface NewKey {
  readonly id: KeyId
  readonly secret: Redacted.Redacted<string>
}

/**
 * Draws a new key from Web Crypto.
 *
 * @category constructors
 * @since 0.1.0
 */
export const generate: Effect.Effect<NewKey> = Effect.sync(() => {
  const id = randomText(idLength)
  const unchecked = `kf_${id}_${randomText(randomLength)}`
  return { id: KeyId.make(id), secret: Redacted.make(`${unchecked}_${checksum(unchecked)}`, { label: "secret" }) }
})

/**
 * Reads the id from a key without any I/O; none where the text is not a key of this format or its checksum is wrong.
 *
 * @category combinators
 * @since 0.1.0
 */
export const parse = (secret: Redacted.Redacted<string>): Option.Option<KeyId> => {
  const text = Redacted.value(secret)
  const id = wholeKey.exec(text)?.[1]
  const end = text.length - checksumLength
  return id !== undefined && checksum(text.slice(0, end - 1)) === text.slice(end)
    ? Option.some(KeyId.make(id))
    : Option.none()
}
