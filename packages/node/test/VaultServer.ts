/**
 * A stand-in for HashiCorp Vault's KV secrets engine, version 2, as a `fetch` function.
 *
 * No Vault binary can be installed where these tests run, so this was written from Vault's public HTTP documentation (the
 * KV version 2 page): routes, methods, statuses, bodies, check-and-set, soft deletion, custom metadata and merge patches. It
 * knows one token, with the rights a test gives it, and nothing of policies, leases or seals beyond what a test asks for.
 */
interface Version {
  readonly data: Readonly<Record<string, unknown>>
  deleted: boolean
}

interface Stored {
  readonly versions: Array<Version>
  custom: Record<string, string>
}

/** What a test may arrange, and what it may look at. */
export interface VaultServer {
  readonly fetch: typeof globalThis.fetch
  readonly requests: Array<{ readonly method: string; readonly path: string; readonly headers: Headers }>
  readonly secrets: Map<string, Stored>
  /** Runs before a request is answered; a response it returns is the answer. */
  intercept: (request: Request, handle: () => Promise<Response>) => Promise<Response | undefined>
  mayPatchMetadata: boolean
  namespace: string | undefined
  /** Version 1 keeps what it is sent as it is and answers a write with nothing. */
  engine: 1 | 2
}

export const token = "hvs.CANARY-token-that-must-not-show"

const answer = (status: number, body?: unknown) =>
  new Response(body === undefined ? null : JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json" }
  })

const errors = (status: number, ...texts: ReadonlyArray<string>) => answer(status, { errors: texts })

const metadataOf = (stored: Stored, version: number) => ({
  created_time: "2026-01-01T00:00:00.000000000Z",
  custom_metadata: Object.keys(stored.custom).length === 0 ? null : stored.custom,
  deletion_time: stored.versions[version - 1]?.deleted ? "2026-01-02T00:00:00Z" : "",
  destroyed: false,
  version
})

const readData = (stored: Stored | undefined, asked: string | null) => {
  if (stored === undefined || stored.versions.length === 0) return errors(404)
  const version = asked === null || asked === "0" ? stored.versions.length : Number(asked)
  const found = stored.versions[version - 1]
  if (found === undefined) return errors(404)
  const metadata = metadataOf(stored, version)
  return found.deleted
    ? answer(404, { data: { data: null, metadata } })
    : answer(200, { data: { data: found.data, metadata } })
}

interface Write {
  readonly options?: { readonly cas?: number }
  readonly data: Readonly<Record<string, unknown>>
}

const writeData = (server: VaultServer, path: string, { data, options }: Write) => {
  const stored = server.secrets.get(path) ?? { versions: [], custom: {} }
  if (options?.cas !== undefined && options.cas !== stored.versions.length) {
    return errors(400, "check-and-set parameter did not match the current version")
  }
  server.secrets.set(path, stored)
  stored.versions.push({ data, deleted: false })
  return answer(200, { data: metadataOf(stored, stored.versions.length) })
}

const patchMetadata = async (server: VaultServer, path: string, request: Request) => {
  if (!server.mayPatchMetadata) return errors(403, "1 error occurred:\n\t* permission denied\n\n")
  if (request.headers.get("content-type") !== "application/merge-patch+json") return errors(415)
  const stored = server.secrets.get(path)
  if (stored === undefined) return errors(404)
  stored.custom = { ...stored.custom, ...(await request.json()).custom_metadata }
  return answer(204)
}

const versionOne = async (server: VaultServer, path: string, request: Request) => {
  const stored = server.secrets.get(path)
  if (request.method === "GET")
    return stored === undefined ? errors(404) : answer(200, { data: stored.versions[0]?.data })
  if (request.method === "DELETE") server.secrets.delete(path)
  else server.secrets.set(path, { versions: [{ data: await request.json(), deleted: false }], custom: {} })
  return answer(204)
}

const handle = async (server: VaultServer, request: Request): Promise<Response> => {
  if (request.headers.get("x-vault-token") !== token) return errors(403, "permission denied")
  const url = new URL(request.url)
  const [, kind, path = ""] = /^\/v1\/secret\/(data|metadata)\/(.+)$/.exec(url.pathname) ?? []
  const isHere = (request.headers.get("x-vault-namespace") ?? undefined) === server.namespace
  if (kind === undefined || !isHere) return errors(404, `no handler for route "${url.pathname}"`)
  if (server.engine === 1) return versionOne(server, `${kind}/${path}`, request)
  if (kind === "metadata" && request.method === "PATCH") return patchMetadata(server, path, request)
  if (kind === "data" && request.method === "GET") {
    return readData(server.secrets.get(path), url.searchParams.get("version"))
  }
  if (kind === "data" && request.method === "POST") return writeData(server, path, await request.json())
  return errors(405, "unsupported operation")
}

/** Starts with no secret, the default mount and no namespace. */
export const make = (): VaultServer => {
  const server: VaultServer = {
    requests: [],
    secrets: new Map(),
    intercept: async () => undefined,
    mayPatchMetadata: true,
    namespace: undefined,
    engine: 2,
    fetch: async (input, init) => {
      const request = new Request(input, init)
      const { pathname, search } = new URL(request.url)
      server.requests.push({ method: request.method, path: pathname + search, headers: request.headers })
      const run = () => handle(server, request)
      return (await server.intercept(request, run)) ?? run()
    }
  }
  return server
}
