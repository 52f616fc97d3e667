/** What the server of the benchmark answers: the bytes of every answer, made once. */
import { formats, listAnswer, type Format } from "./formats.ts"

/** Finds the bytes that answer a request, head included; undefined where nobody asks such a thing. */
export type Answers = (method: string, path: string) => Uint8Array | undefined

const head = (status: string, length: number): string =>
  [
    `HTTP/1.1 ${status}`,
    "content-type: application/json",
    `content-length: ${length}`,
    "x-request-id: req-0123456789abcdef",
    "date: Sat, 28 Nov 2026 10:00:00 GMT",
    "",
    ""
  ].join("\r\n")

/** One whole answer. */
export const answer = (status: string, body: string): Uint8Array =>
  Buffer.from(head(status, Buffer.byteLength(body)) + body)

const withoutQuery = (path: string): string => path.split("?", 1)[0] ?? path

/** The routes of one format that are the same for every key and every number of keys. */
const routesOf = (format: Format, keys: number): ReadonlyArray<readonly [route: string, body: () => string]> => {
  const [list, create] = [format.list(keys), format.create(keys)]
  return [
    [`${list.method} ${list.path}`, () => listAnswer(format, keys)],
    [`${create.method} ${withoutQuery(create.path)}`, () => JSON.stringify(format.created)]
  ]
}

/** The lists of the dialect without a `get`, and the single keys of clients that have one. */
const others = (keys: number): ReadonlyArray<readonly [route: string, body: () => string]> => {
  const { openai, unkey, whylabs } = formats
  return [
    [`GET ${whylabs.base(keys)}/v1/api-key`, () => listAnswer(whylabs, keys)],
    [`GET ${openai.list(keys).path}/:id`, () => JSON.stringify(openai.item(0))],
    [
      `POST ${unkey.base(keys)}/v2/keys.getKey`,
      () => JSON.stringify({ meta: { requestId: "req_1" }, data: unkey.item(0) })
    ]
  ]
}

const singleKey = /\/key_\d+$/

/** Makes the answers of lists of these lengths; each is made when it is first asked for. */
export const answers = (lengths: ReadonlyArray<number>): Answers => {
  const bodies = new Map(
    lengths.flatMap((keys) => [...Object.values(formats).flatMap((format) => routesOf(format, keys)), ...others(keys)])
  )
  const ready = new Map<string, Uint8Array>()
  return (method, path) => {
    const route = `${method} ${withoutQuery(path).replace(singleKey, "/:id")}`
    const known = ready.get(route)
    if (known !== undefined) return known
    const body = bodies.get(route)
    if (body === undefined) return undefined
    const made = answer("200 OK", body())
    ready.set(route, made)
    return made
  }
}
