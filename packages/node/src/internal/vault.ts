/** The calls to HashiCorp Vault's KV secrets engine, version 2, each with an answer that names what went wrong. */
import { resolve, type Secret } from "@keyfold/core/Secret"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"

/** What every call needs. */
export interface Server {
  readonly base: URL
  readonly token: Secret
  readonly namespace: string | undefined
  readonly mount: string
  readonly path: string
  readonly timeout: Duration.Duration
  readonly fetch: typeof globalThis.fetch
}

/** A call that failed. `landed` says whether a write may have happened all the same. */
export interface Failure {
  readonly problem: string
  readonly fix: string
  readonly landed: "no" | "maybe"
  readonly conflict?: true
}

/** A secret as it is now: version 0 and no fields where it was never written. */
export interface Current {
  readonly version: number
  readonly fields: Readonly<Record<string, unknown>> | undefined
  readonly customMetadata: Readonly<Record<string, unknown>>
}

/** The answer to a call, as far as it can be read. */
interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

const longest = 4_194_304

const failure = (problem: string, fix: string, landed: Failure["landed"] = "no"): Failure => ({ problem, fix, landed })

const unreachable = failure("Vault could not be reached.", "Check its address and that it runs.", "maybe")

const unreadable = failure("Vault answered what cannot be read.", "Check that the address is Vault's.", "maybe")

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  Predicate.isObject(value) && !Array.isArray(value) ? { ...value } : {}

const encodePath = (path: string): string => path.split("/").map(encodeURIComponent).join("/")

const urlOf = ({ base, mount, path }: Server, kind: "data" | "metadata", version?: number): URL => {
  const url = new URL(base)
  url.pathname = `${base.pathname.replace(/\/+$/, "")}/v1/${encodePath(mount)}/${kind}/${encodePath(path)}`
  if (version !== undefined) url.search = `version=${version}`
  return url
}

/** Reads as much as an answer may hold, so that a wrong server cannot fill the memory. */
const readText = async (response: Response): Promise<string> => {
  const chunks: Array<Uint8Array> = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > longest) throw new Error("too long")
    chunks.push(chunk)
  }
  return new TextDecoder().decode(Buffer.concat(chunks))
}

const parse = (text: string): Answer["body"] | undefined => {
  try {
    return text === "" ? {} : fieldsOf(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** Statuses by Vault's documentation; what an answer's body says stays out, since it may repeat what was sent. */
const refusals: Readonly<Record<number, Failure>> = {
  400: failure("Vault refused the request (400).", "Check the mount and the path."),
  403: failure(
    "the token may not do this (403).",
    "Let its policy read, create and update the path, or renew the token."
  ),
  404: failure(
    "Vault has no KV engine there (404).",
    "Check the mount, the path and the namespace; the mount goes without /data."
  ),
  405: failure("Vault does not know the request (405).", "Check that the mount is a KV engine of version 2."),
  412: failure("Vault has not caught up with an earlier write (412).", "Try again.", "maybe"),
  429: failure("Vault asks to be called less often (429).", "Try again later."),
  503: failure("Vault is sealed or down for maintenance (503).", "Unseal it, then try again.", "maybe")
}

const refused = (status: number): Failure =>
  refusals[status] ??
  (status >= 300 && status < 400
    ? failure(
        `Vault answered with a redirect (${status}), which is not followed because the token would go with it.`,
        "Name the active node's address."
      )
    : failure(`Vault could not do this (${status}).`, "Look into its log.", status >= 500 ? "maybe" : "no"))

interface Call {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE"
  readonly kind: "data" | "metadata"
  readonly version?: number
  readonly json?: unknown
}

const send = (server: Server, { json, kind, method, version }: Call, token: string) =>
  Effect.tryPromise({
    try: async (signal) => {
      const { fetch, namespace } = server
      const response = await fetch(urlOf(server, kind, version), {
        method,
        headers: {
          "x-vault-token": token,
          "x-vault-request": "true",
          ...(namespace === undefined ? {} : { "x-vault-namespace": namespace }),
          ...(json === undefined
            ? {}
            : { "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json" })
        },
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
        // A redirect may lead to another host, and only `authorization` would be kept from it.
        redirect: "manual",
        signal
      })
      return { status: response.status, text: await readText(response) }
    },
    catch: () => unreachable
  })

const call = Effect.fnUntraced(function* (server: Server, request: Call): Effect.fn.Return<Answer, Failure> {
  const token = yield* Effect.mapError(resolve(server.token), () =>
    failure("Vault's token could not be obtained.", "Check the reference: the variable, the file or the command.")
  )
  const { status, text } = yield* send(server, request, Redacted.value(token).trim()).pipe(
    Effect.timeoutOrElse({
      duration: server.timeout,
      orElse: () =>
        Effect.fail(
          failure(`Vault did not answer within ${Duration.format(server.timeout)}.`, "Check that it runs.", "maybe")
        )
    })
  )
  const body = parse(text)
  return body === undefined && status < 300 ? yield* Effect.fail(unreadable) : { status, body: body ?? {} }
})

const currentFrom = (data: Readonly<Record<string, unknown>>): Current | undefined => {
  const metadata = fieldsOf(data["metadata"])
  const version = metadata["version"]
  return typeof version !== "number" || !Number.isSafeInteger(version)
    ? undefined
    : {
        version,
        fields: data["data"] === null || data["data"] === undefined ? undefined : fieldsOf(data["data"]),
        customMetadata: fieldsOf(metadata["custom_metadata"])
      }
}

const noEngine = failure(
  "the mount is no KV engine of version 2.",
  "Name a KV mount of version 2; the mount goes without /data."
)

/** Reads a version of the secret, the latest when omitted. */
export const read = Effect.fnUntraced(function* (server: Server, version?: number): Effect.fn.Return<Current, Failure> {
  const { body, status } = yield* call(server, {
    method: "GET",
    kind: "data",
    ...(version === undefined ? {} : { version })
  })
  const current = currentFrom(fieldsOf(body["data"]))
  if (status === 200) return current ?? (yield* Effect.fail(noEngine))
  if (status !== 404) return yield* Effect.fail(refused(status))
  // The latest version may be deleted: it still counts. Where nothing was ever written, Vault names no error.
  if (current !== undefined) return { ...current, fields: undefined }
  const { errors } = body
  return Array.isArray(errors) && errors.length === 0
    ? { version: 0, fields: undefined, customMetadata: {} }
    : yield* Effect.fail(refused(404))
})

const isConflict = ({ body, status }: Answer): boolean =>
  status === 400 &&
  Array.isArray(body["errors"]) &&
  body["errors"].some((text) => typeof text === "string" && text.includes("check-and-set parameter did not match"))

/** Writes a new version on top of the one that was read, and only there; returns its number. */
export const write = Effect.fnUntraced(function* (
  server: Server,
  version: number,
  fields: Readonly<Record<string, unknown>>
): Effect.fn.Return<number, Failure> {
  const json = { options: { cas: version }, data: fields }
  const answer = yield* call(server, { method: "POST", kind: "data", json })
  if (isConflict(answer)) {
    return yield* Effect.fail<Failure>({
      ...failure("the secret keeps being changed by somebody else.", "Try again."),
      conflict: true
    })
  }
  if (answer.status === 204) {
    // Version 1 has taken the request for a secret of its own, at a path that begins with data/.
    yield* Effect.ignore(call(server, { method: "DELETE", kind: "data" }))
    return yield* Effect.fail(noEngine)
  }
  if (answer.status !== 200) return yield* Effect.fail(refused(answer.status))
  const written = fieldsOf(answer.body["data"])["version"]
  return typeof written === "number" ? written : yield* Effect.fail(unreadable)
})

/** Sets one entry of the secret's custom metadata and leaves the others. */
export const annotate = Effect.fnUntraced(function* (
  server: Server,
  name: string,
  value: string
): Effect.fn.Return<void, Failure> {
  const json = { custom_metadata: { [name]: value } }
  const { status } = yield* call(server, { method: "PATCH", kind: "metadata", json })
  if (status >= 300) return yield* Effect.fail(refused(status))
})
