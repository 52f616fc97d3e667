/** The API key on the wire: `<keyId>.<secret>[:<orgId>]`. */

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
// The parser also takes the extra characters that older keys carry; new keys are made without them.
const core = /^[A-Za-z0-9]{10}\.[A-Za-z0-9+\-^!$&@]{53}$/

/** Finds keys in any text, with or without the organization. */
export const keyShape = /[A-Za-z0-9]{10}\.[A-Za-z0-9+\-^!$&@]{53}(?::[A-Za-z0-9-]+)?/g

const randomText = (length: number): string => {
  let text = ""
  while (text.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(length))) {
      // 248 is the largest multiple of 62 in a byte: no character is likelier than another.
      if (byte < 248 && text.length < length) text += alphabet.charAt(byte % alphabet.length)
    }
  }
  return text
}

/** Draws a fresh 64-character key, without organization. */
export const generateKey = (keyId = randomText(10)): string => `${keyId}.${randomText(53)}`

/** Reads the 64-character key out of a header value; the organization behind the colon is ignored, not verified. */
export const parseKey = (value: string): string | undefined => {
  const parts = value.split(":")
  const key = parts[0] ?? ""
  return parts.length <= 2 && core.test(key) ? key : undefined
}

/** The public part of a key. */
export const keyIdOf = (key: string): string => key.slice(0, 10)

/** The SHA-256 of a key in lower-case hex, as the base table stores it. */
export const hashOf = async (key: string): Promise<string> => {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key))
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("")
}
