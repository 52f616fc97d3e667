/** A WhyLabs emulator at a fixed time, with short ways to call it. */
import * as WhyLabs from "@keyfold/emulators/WhyLabs"

export const start = Date.UTC(2026, 2, 14, 9, 26, 53, 580)
export const organization = "org-7Kd3mQ"
export const base = "http://songbird.test"
export const keysPath = `/v0/organizations/${organization}/api-key`

export interface Item {
  readonly keyId: string
  readonly orgId: string
  readonly userId: string
  readonly creationTime: string
  readonly expirationTime: string
  readonly lastUsedTime: string | null
  readonly scopes: ReadonlyArray<string>
  readonly resourceId: string
  readonly alias: string | null
  readonly revoked: boolean
}

/** Everything any JSON body may hold; each test asserts what is there. `key` is a string on create, an object on get. */
export interface Body extends Item {
  readonly key: string & Item
  readonly items: ReadonlyArray<Item>
  readonly message: string
  readonly type: string
  readonly requestId: string
  readonly _embedded: { readonly errors: ReadonlyArray<{ readonly message: string; readonly path: string }> }
  readonly _links: { readonly self: { readonly href: string; readonly templated: boolean } }
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

export const read = async (response: Response): Promise<Answer> => {
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, json: parse(text) }
}

export const makeSongbird = (options: WhyLabs.Options = {}) => {
  const system = WhyLabs.makeCredential()
  const emulator = WhyLabs.make({
    organizations: [
      { id: organization, tier: "PAID" },
      { id: "org-free", tier: "FREE" },
      { id: "org-gone", deleted: true }
    ],
    clock: () => start,
    ...options,
    credentials: [{ kind: "system", value: system }, ...(options.credentials ?? [])]
  })
  const send = async (method: string, pathAndQuery: string, headers: Record<string, string> = {}, body?: string) =>
    read(await emulator.fetch(base + pathAndQuery, { method, headers, ...(body === undefined ? {} : { body }) }))
  const call = (method: string, pathAndQuery: string, headers: Record<string, string> = {}) =>
    send(method, pathAndQuery, { "X-API-Key": system, Accept: "application/json", ...headers })
  return {
    emulator,
    system,
    /** Sends with exactly these headers. */
    send,
    /** Sends as the system caller. */
    call,
    create: (query: string, id = organization) => call("POST", `/v0/organizations/${id}/api-key?${query}`),
    list: (query = "", id = organization) => call("GET", `/v0/organizations/${id}/api-key${query}`),
    get: (keyId: string, id = organization) => call("GET", `/v0/organizations/${id}/api-key/${keyId}`),
    revoke: (userId: string, keyId: string, id = organization) =>
      call("DELETE", `/v0/organizations/${id}/api-key?user_id=${encodeURIComponent(userId)}&key_id=${keyId}`),
    settle: () => emulator.clock.advance(1_000)
  }
}

export type Songbird = ReturnType<typeof makeSongbird>
