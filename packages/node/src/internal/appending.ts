/** Appending to a file that other programs append to as well. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"
import { constants } from "node:fs"
import { open, type FileHandle } from "node:fs/promises"
import { objectionTo, warnOfReaders, type Address } from "./replacement.ts"
import { attempt } from "./temporaryFile.ts"

// Windows has no O_NOFOLLOW.
const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0)

const endsOpen = async (handle: FileHandle, size: number): Promise<boolean> => {
  if (size === 0) return false
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1)
  return buffer[0] !== 0x0a
}

/** Takes off what a failed write left, unless somebody has appended after it. */
const takeOff = async (handle: FileHandle, size: number, text: Buffer): Promise<void> => {
  const length = (await handle.stat()).size - size
  if (length <= 0) return
  const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size)
  if (buffer.equals(text.subarray(0, length))) await handle.truncate(size)
}

const appendTo = async (handle: FileHandle, text: string): Promise<void> => {
  const { size } = await handle.stat()
  const bytes = Buffer.from((await endsOpen(handle, size)) ? `\n${text}` : text)
  try {
    await handle.appendFile(bytes)
    await handle.sync()
  } catch (error) {
    await takeOff(handle, size, bytes).catch(() => undefined)
    throw error
  }
}

/** Appends a text, on a line of its own, in one write that has reached the disk when this ends. */
export const append = Effect.fnUntraced(function* (
  address: Address,
  text: string
): Effect.fn.Return<void, ConfigurationError> {
  const { path, target } = address
  const outcome = yield* attempt(path, async () => {
    const handle = await open(target, flags, 0o600)
    try {
      const stats = await handle.stat({ bigint: true })
      const objection = objectionTo(path, stats)
      if (objection !== undefined) return objection
      await appendTo(handle, text)
      return stats
    } finally {
      await handle.close()
    }
  })
  if (outcome instanceof ConfigurationError) return yield* outcome
  yield* warnOfReaders(address, { content: "", stats: outcome })
}, Effect.uninterruptible)
