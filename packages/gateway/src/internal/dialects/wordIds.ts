/**
 * Key ids in letters and digits, for a protocol whose ids are words: reversible for every id there is.
 *
 * An id that is a word already stays as it is. A UUID becomes `kfu` and its 32 hex digits, anything else `kfx` and the hex
 * digits of its bytes. A word that looks like one of these is written as such, so that no two ids become the same.
 */
import { KeyId } from "@keyfold/core/ApiKey"
import { Buffer } from "node:buffer"

const word = /^[A-Za-z0-9]+$/
const uuid = /^([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})$/
const written = /^kf[ux]/
const writtenUuid = /^kfu([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/
const writtenBytes = /^kfx((?:[0-9a-f]{2})+)$/

/** Writes an id as a word. */
export const encode = (id: KeyId): string => {
  if (word.test(id) && !written.test(id)) return id
  return uuid.test(id) ? `kfu${id.replaceAll("-", "")}` : `kfx${Buffer.from(id, "utf8").toString("hex")}`
}

/** Reads the id out of a word; undefined where it stands for none. */
export const decode = (text: string): KeyId | undefined => {
  if (!written.test(text)) return text === "" ? undefined : KeyId.make(text)
  const bytes = writtenBytes.exec(text)?.[1]
  const plain =
    bytes === undefined ? writtenUuid.exec(text)?.slice(1).join("-") : Buffer.from(bytes, "hex").toString("utf8")
  return plain !== undefined && encode(KeyId.make(plain)) === text ? KeyId.make(plain) : undefined
}
