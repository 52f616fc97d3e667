/** A person in front of the console, without a browser: cookies are kept, forms are filled in as they stand on a page. */
import * as Effect from "effect/Effect"

/** A page, read. */
export interface Page {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** Text as people see it. */
  readonly seen: string
}

type Fetch = (request: Request) => Promise<Response>

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" }

/** Reads escaped text. */
export const unescape = (text: string): string => text.replace(/&(#?\w+);/g, (all, name) => entities[name] ?? all)

const seenIn = (text: string): string =>
  unescape(
    text
      .replace(/<[^>]*>/g, " ")
      .replace(/\s+/g, " ")
      .trim()
  )

/** What the hidden fields and the values of a page's forms are. */
export const fieldsOf = ({ text }: Page): Readonly<Record<string, string>> => {
  const inputs = [...text.matchAll(/<input\s([^>]*)>/g)].map(([, attributes = ""]) => attributes)
  const of = (attributes: string, name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1]
  return Object.fromEntries(
    inputs.flatMap((attributes) => {
      const [name, value] = [of(attributes, "name"), of(attributes, "value")]
      return name === undefined || value === undefined ? [] : [[name, unescape(value)]]
    })
  )
}

/** The addresses of a page's links whose text has this word. */
export const linksOf = ({ text }: Page, word: string): ReadonlyArray<string> =>
  [...text.matchAll(/<a\s[^>]*href="([^"]*)"[^>]*>(.*?)<\/a\s*>/gs)].flatMap(([, address = "", inner = ""]) =>
    inner.includes(word) ? [unescape(address)] : []
  )

/** Makes somebody with an empty cookie jar. */
export const visitor = (fetch: Fetch, base = "http://gateway.test") => {
  const jar = new Map<string, string>()
  const setCookies: Array<string> = []
  const send = (method: string, path: string, body: string | undefined, headers: Readonly<Record<string, string>>) =>
    Effect.promise(async (): Promise<Page> => {
      const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ")
      const response = await fetch(
        new Request(`${base}${path}`, {
          method,
          headers: { ...(cookie === "" ? {} : { cookie }), ...headers },
          ...(body === undefined ? {} : { body })
        })
      )
      for (const line of response.headers.getSetCookie()) {
        setCookies.push(line)
        const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? []
        if (value === "" || /max-age=0/i.test(line)) jar.delete(name)
        else jar.set(name, value)
      }
      const text = await response.text()
      return { status: response.status, headers: response.headers, text, seen: seenIn(text) }
    })
  const get = (path: string, headers: Readonly<Record<string, string>> = {}) => send("GET", path, undefined, headers)
  const post = (
    path: string,
    fields: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = { origin: base }
  ) =>
    send("POST", path, new URLSearchParams(fields).toString(), {
      "content-type": "application/x-www-form-urlencoded",
      ...headers
    })
  const signIn = (key: string) => post("/console/sign-in", { key })
  return { jar, setCookies, get, post, send, signIn }
}
