/** The same keys as each backend writes them, and the requests that list and create them. */

/** Who writes keys like this. */
export type FormatName = "whylabs" | "arthur" | "openai" | "unkey" | "workos"

/** One request as it goes over the wire. */
export interface WireRequest {
  readonly method: "GET" | "POST"
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/** One way to write keys. */
export interface Format {
  /** The address that a client is given, which says how many keys there are. */
  readonly base: (keys: number) => string
  readonly list: (keys: number) => WireRequest
  readonly create: (keys: number) => WireRequest
  /** What a list answers: an envelope around the keys, at the place `itemsOf` finds them at. */
  readonly envelope: (items: ReadonlyArray<object>) => unknown
  readonly item: (index: number) => object
  readonly created: object
  readonly itemsOf: (body: unknown) => ReadonlyArray<unknown>
  readonly secretOf: (body: unknown) => string
}

/** A key that is created is none of those that are listed. */
const newest = 99_999_999

/** The credential, and what a key that is created is called. */
export const credential = "key-of-the-benchmark"
export const newName = "deploy job of the payments team"

const json = { "content-type": "application/json", accept: "application/json" }
const bearer = { authorization: `Bearer ${credential}`, accept: "application/json" }
const nameOf = (index: number): string => `deploy job ${index} of the payments team`
const digits = (index: number, length: number): string => String(index).padStart(length, "0")
const uuid = (index: number): string => `6f1c2d3e-0000-4000-8000-${index.toString(16).padStart(12, "0")}`
const seconds = (index: number): number => 1_740_823_200 + (index % 1000) * 60

const member = (body: unknown, name: string): unknown => (body as Readonly<Record<string, unknown>>)[name]
const listIn =
  (name: string) =>
  (body: unknown): ReadonlyArray<unknown> =>
    member(body, name) as ReadonlyArray<unknown>
const textIn =
  (name: string) =>
  (body: unknown): string =>
    String(member(body, name))

const whylabsItem = (index: number) => ({
  keyId: `K${digits(index, 9)}`,
  orgId: "org-1",
  userId: `user-${index % 50}`,
  creationTime: "2025-03-01T10:00:00.123",
  expirationTime: "2027-03-01T10:00:00.123",
  lastUsedTime: "2026-02-01T10:00:00.456",
  scopes: [":user", ":write_data"],
  alias: nameOf(index),
  revoked: false
})

const whylabsPath = (keys: number): string => `/whylabs/${keys}/v0/organizations/org-1/api-key`

const whylabs: Format = {
  base: (keys) => `/whylabs/${keys}`,
  list: (keys) => ({ method: "GET", path: whylabsPath(keys), headers: { "x-api-key": credential } }),
  create: (keys) => {
    const query = new URLSearchParams({ user_id: "user-1", scopes: ":user", alias: newName })
    return { method: "POST", path: `${whylabsPath(keys)}?${query}`, headers: { "x-api-key": credential } }
  },
  envelope: (items) => ({ items }),
  item: whylabsItem,
  created: { ...whylabsItem(newest), key: `K000000000.${"s".repeat(53)}` },
  itemsOf: listIn("items"),
  secretOf: textIn("key")
}

const arthurItem = (index: number) => ({
  id: uuid(index),
  key: null,
  description: nameOf(index),
  is_active: true,
  created_at: "2025-03-01T10:00:00.123456",
  deactivated_at: null,
  message: null,
  roles: ["VALIDATION-USER", "TASK-ADMIN"]
})

const arthur: Format = {
  base: (keys) => `/arthur/${keys}`,
  list: (keys) => ({ method: "GET", path: `/arthur/${keys}/auth/api_keys/`, headers: bearer }),
  create: (keys) => ({
    method: "POST",
    path: `/arthur/${keys}/auth/api_keys/`,
    headers: { ...bearer, ...json },
    body: JSON.stringify({ description: newName, roles: ["VALIDATION-USER"] })
  }),
  envelope: (items) => items,
  item: arthurItem,
  created: { ...arthurItem(newest), key: "s".repeat(108) },
  itemsOf: (body) => body as ReadonlyArray<unknown>,
  secretOf: textIn("key")
}

const openaiItem = (index: number) => ({
  object: "organization.admin_api_key",
  id: `key_${digits(index, 12)}`,
  name: nameOf(index),
  redacted_value: "sk-admin...def",
  created_at: seconds(index),
  expires_at: seconds(index) + 63_072_000,
  last_used_at: seconds(index) + 3_600,
  owner: {
    type: "user",
    object: "organization.user",
    id: `user-${index % 50}`,
    name: `User ${index % 50}`,
    created_at: seconds(0),
    role: "owner"
  }
})

const openai: Format = {
  base: (keys) => `/openai/${keys}`,
  list: (keys) => ({ method: "GET", path: `/openai/${keys}/organization/admin_api_keys`, headers: bearer }),
  create: (keys) => ({
    method: "POST",
    path: `/openai/${keys}/organization/admin_api_keys`,
    headers: { ...bearer, ...json },
    body: JSON.stringify({ name: newName })
  }),
  envelope: (items) => ({ object: "list", data: items, has_more: false }),
  item: openaiItem,
  created: { ...openaiItem(newest), value: `sk-admin-${"s".repeat(120)}` },
  itemsOf: listIn("data"),
  secretOf: textIn("value")
}

const unkeyItem = (index: number) => ({
  keyId: `key_${digits(index, 12)}`,
  start: "prod_2cGK",
  enabled: true,
  name: nameOf(index),
  createdAt: seconds(index) * 1000,
  updatedAt: seconds(index) * 1000,
  lastUsedAt: seconds(index) * 1000,
  expires: (seconds(index) + 63_072_000) * 1000,
  permissions: ["documents.read", "documents.write"],
  identity: { id: `id_${index % 50}`, externalId: `user-${index % 50}` }
})

const unkey: Format = {
  base: (keys) => `/unkey/${keys}`,
  list: (keys) => ({
    method: "POST",
    path: `/unkey/${keys}/v2/apis.listKeys`,
    headers: { ...bearer, ...json },
    body: JSON.stringify({ apiId: "api_1", limit: 100, decrypt: false, revalidateKeysCache: false })
  }),
  create: (keys) => ({
    method: "POST",
    path: `/unkey/${keys}/v2/keys.createKey`,
    headers: { ...bearer, ...json },
    body: JSON.stringify({ apiId: "api_1", name: newName, byteLength: 16, enabled: true, recoverable: false })
  }),
  envelope: (items) => ({ meta: { requestId: "req_1" }, data: items, pagination: { hasMore: false } }),
  item: unkeyItem,
  created: { meta: { requestId: "req_1" }, data: { keyId: "key_1", key: `prod_${"s".repeat(22)}` } },
  itemsOf: listIn("data"),
  secretOf: (body) => textIn("key")(member(body, "data"))
}

const workosItem = (index: number) => ({
  object: "api_key",
  id: `api_key_01EHWNC0FCBHZ3BJ7E${digits(index, 8)}`,
  owner: { type: "organization", id: "org_01EHZNVPK3SFK441A1RGBFSHRT" },
  name: nameOf(index),
  obfuscated_value: "sk_...3456",
  last_used_at: "2026-02-01T10:00:00.456Z",
  permissions: ["documents:read", "documents:write"],
  created_at: "2025-03-01T10:00:00.123Z",
  updated_at: "2025-03-01T10:00:00.123Z"
})

const workos: Format = {
  // This client takes no path: the organization says how many keys there are.
  base: () => "",
  list: (keys) => ({ method: "GET", path: `/organizations/${keys}/api_keys`, headers: bearer }),
  create: (keys) => ({
    method: "POST",
    path: `/organizations/${keys}/api_keys`,
    headers: { ...bearer, ...json },
    body: JSON.stringify({ name: newName })
  }),
  envelope: (items) => ({ object: "list", data: items, list_metadata: { before: null, after: null } }),
  item: workosItem,
  created: { ...workosItem(newest), value: `sk_${"s".repeat(40)}` },
  itemsOf: listIn("data"),
  secretOf: textIn("value")
}

/** All of them, by name. */
export const formats: Readonly<Record<FormatName, Format>> = { whylabs, arthur, openai, unkey, workos }

/** What a list of so many keys answers, as text. */
export const listAnswer = ({ envelope, item }: Format, keys: number): string =>
  JSON.stringify(envelope(Array.from({ length: keys }, (_, index) => item(index))))
