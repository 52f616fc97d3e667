/** The API key on the wire: a prefix and 32 hex digits. Whether the hex is the key's own id is unknown. */
import type { Switches } from "../../Occam.ts"

const prefix = "sk-occam-"

/** Finds keys in any text. */
export const keyShape = /sk-occam-[A-Za-z0-9_-]+/g

/** Finds access tokens in any text. */
export const tokenShape = /eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*/g

/** Whether text has the form of a key. */
export const isKey = (text: string): boolean => /^sk-occam-[A-Za-z0-9_-]+$/.test(text)

/** Whether text is a UUID written with dashes. */
export const isUuid = (text: string): boolean => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)

/** Makes a key out of a UUID. */
export const keyOf = (uuid: string): string => prefix + uuid.replaceAll("-", "")

/** Hides a key for a list, in one of the shapes the server may use. */
export const hide = (key: string, shape: Switches["mask"]): string => {
  switch (shape) {
    case "prefixAndLastFour":
      return `${prefix}****${key.slice(-4)}`
    case "lastFour":
      return `...${key.slice(-4)}`
    case "firstFour":
      return `${key.slice(0, prefix.length + 4)}...`
    case "stars":
      return "********"
    case "clear":
      return key
  }
}
