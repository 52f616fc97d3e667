/** An Arthur emulator at a fixed time, with short ways to call it. */
import * as Arthur from "@keyfold/emulators/Arthur"

export const start = Date.UTC(2026, 2, 14, 9, 26, 53, 589)
export const base = "http://engine.test"
export const keysPath = "/auth/api_keys/"
export const unknownId = "00000000-0000-4000-8000-000000000000"

export interface Item {
  readonly id: string
  readonly key: string
  readonly description: string
  readonly is_active: boolean
  readonly created_at: string
  readonly deactivated_at: string
  readonly message: string
  readonly roles: ReadonlyArray<string>
}

/** Everything any JSON body may hold; each test asserts what is there. */
export interface Body extends Item, ReadonlyArray<Item> {
  readonly detail: string
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

export const makeArthur = (options: Arthur.Options = {}) => {
  const master = Arthur.makeCredential()
  const emulator = Arthur.make({
    clock: () => start,
    ...options,
    credentials: [{ kind: "master", value: master }, ...(options.credentials ?? [])]
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
  const call = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    send(
      method,
      path,
      {
        Authorization: `Bearer ${master}`,
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers
      },
      body === undefined ? undefined : JSON.stringify(body)
    )
  return {
    emulator,
    master,
    /** Sends with exactly these headers. */
    send,
    /** Sends as the master key. */
    call,
    create: (body: unknown = {}) => call("POST", keysPath, body),
    list: () => call("GET", keysPath),
    get: (id: string) => call("GET", `${keysPath}${id}`),
    revoke: (id: string) => call("DELETE", `${keysPath}deactivate/${id}`),
    /** Sends a created key to the data plane and gives the status. */
    use: async (secret: string) => (await send("GET", "/api/v2/tasks", { Authorization: `Bearer ${secret}` })).status
  }
}
