/** The API key on the wire: standard base64 of `<key id>:<43 random characters>`. */
import { urlSafeToken } from "../tokens.ts"

/** Finds keys in any text. The older bare tokens have no shape that could be told from other text. */
export const keyShape = /[A-Za-z0-9]{107}=/g

const decodedShape = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):[A-Za-z0-9_-]{43}$/
const bareToken = /^[A-Za-z0-9_-]{43}$/

/** Draws a fresh key of 108 characters. */
export const generateKey = (id: string): string => btoa(`${id}:${urlSafeToken()}`)

/** Reads the id out of a key. */
export const idInKey = (key: string): string | undefined => {
  if (!/^[A-Za-z0-9]{107}=$/.test(key)) return undefined
  return decodedShape.exec(atob(key))?.[1]
}

/** Whether a secret is a key of the kind made before July 2025, which carries no id. */
export const isBareToken = (secret: string): boolean => bareToken.test(secret)
