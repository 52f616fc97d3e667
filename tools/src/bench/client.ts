/** What every client of the benchmark can do, however it does it. */
import { formats, type FormatName, type WireRequest } from "./formats.ts"

/** Which server a client talks to, whose keys it reads there and how many. */
export interface Target {
  readonly url: string
  readonly format: FormatName
  readonly keys: number
}

/**
 * One client.
 *
 * - `list` reads a whole list into memory, each key as an object, and returns how many there were.
 * - `create` makes a key and returns its secret.
 * - `get` reads so many keys by their ids, as fast as this client can, and returns how many it found.
 */
export interface Client {
  readonly list: () => Promise<number>
  readonly create: () => Promise<string>
  readonly get?: (ids: ReadonlyArray<string>) => Promise<number>
}

/** Opens a client. */
export type Open = (target: Target) => Promise<Client>

/** Performs a request and parses what is answered; throws where it is no success. */
export type Exchange = (url: string, request: WireRequest) => Promise<unknown>

/** A client of any format from nothing but an exchange of requests. */
export const byExchange =
  (exchange: Exchange): Open =>
  ({ format: name, keys, url }) => {
    const format = formats[name]
    const [list, create] = [format.list(keys), format.create(keys)]
    return Promise.resolve({
      list: async () => format.itemsOf(await exchange(url + list.path, list)).length,
      create: async () => format.secretOf(await exchange(url + create.path, create))
    })
  }

/** Runs so many loops that each take the next id, and adds up what was found. */
export const oneByOne = async (
  ids: ReadonlyArray<string>,
  loops: number,
  get: (id: string) => Promise<boolean>
): Promise<number> => {
  const left = [...ids]
  let found = 0
  const loop = async () => {
    for (let id = left.pop(); id !== undefined; id = left.pop()) if (await get(id)) found++
  }
  await Promise.all(Array.from({ length: loops }, loop))
  return found
}

/** Fails where a server answered anything but success. */
export const assertSuccess = (status: number): void => {
  if (status !== 200) throw new Error(`the server answered ${status}`)
}
