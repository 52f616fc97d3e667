/** An Occam emulator at a fixed time, with short ways to call it. */
import * as Occam from "@keyfold/emulators/Occam"

export const start = Date.UTC(2026, 2, 14, 9, 26, 53, 589)
export const startSeconds = Math.floor(start / 1_000)
export const base = "http://occam.test"
export const email = "ann@example.test"
export const password = "correct horse"
export const unknownId = "00000000-0000-4000-8000-000000000000"

export interface Item {
  readonly uuid: string
  readonly name: string
  readonly api_key: string
  readonly created: string
  readonly last_used: string | null
}

/** Everything any JSON body may hold; each test asserts what is there. */
export interface Body extends Item, ReadonlyArray<Item> {
  readonly token_type: string
  readonly access_token: string
  readonly expires_at: number
  readonly refresh_token: string
  readonly refresh_token_expires_at: number
  readonly completed_requests: number
  readonly successful_requests: number
  readonly failed_requests: number
  readonly quota_usage_percentage: number
  readonly requests_per_day: number
  readonly detail: unknown
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: Body
}

const parse = (text: string) => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

type Payload = NonNullable<RequestInit["body"]>
const json = { "Content-Type": "application/json" }

export const makeOccam = (options: Occam.Options = {}) => {
  const credential = Occam.makeCredential()
  const emulator = Occam.make({
    clock: () => start,
    users: [
      { email, password, keys: [credential] },
      { email: "bob@example.test", password: "hunter2 hunter2" }
    ],
    ...options
  })
  const send = async (
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body?: Payload
  ): Promise<Answer> => {
    const init: RequestInit = { method, headers, redirect: "manual", ...(body === undefined ? {} : { body }) }
    const response = await emulator.fetch(base + path, init)
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, json: parse(text) }
  }
  const exchange = (key = credential) => send("GET", `/auth/access-token?key=${encodeURIComponent(key)}`)
  const login = (fields: Record<string, string> = { username: email, password }) =>
    send("POST", "/auth/access-token", {}, new URLSearchParams(fields))
  const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })
  /** Sends with a fresh token of the credential, or with the one given. */
  const call = async (method: string, path: string, body?: unknown, token?: string) => {
    const headers = bearer(token ?? (await exchange()).json.access_token)
    return body === undefined
      ? send(method, path, headers)
      : send(method, path, { ...headers, ...json }, JSON.stringify(body))
  }
  return {
    emulator,
    credential,
    send,
    exchange,
    login,
    refresh: (token: unknown) =>
      send("POST", "/auth/refresh-token", json, JSON.stringify(token === undefined ? {} : { refresh_token: token })),
    call,
    create: (name: unknown = "nightly-sync", token?: string) => call("PUT", "/keys/", { name }, token),
    list: (token?: string) => call("GET", "/keys/", undefined, token),
    /** The listed items that are not the credential itself. */
    items: async () => [...(await call("GET", "/keys/")).json].filter((item) => item.name !== "credential"),
    revoke: (id: string, token?: string) => call("DELETE", `/keys/${id}`, undefined, token),
    usage: (id: string, token?: string) => call("GET", `/keys/${id}/usage`, undefined, token),
    tokenOfBob: async () =>
      (await login({ username: "bob@example.test", password: "hunter2 hunter2" })).json.access_token
  }
}
