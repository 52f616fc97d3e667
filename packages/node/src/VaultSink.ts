/**
 * A sink that puts the secret of a new key into HashiCorp Vault, in a KV secrets engine of version 2.
 *
 * @since 0.1.0
 */
import { KeyId, type IssuedKey } from "@keyfold/core/ApiKey"
import type { Secret } from "@keyfold/core/Secret"
import * as Sink from "@keyfold/core/Sink"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as vault from "./internal/vault.ts"

/**
 * Says which field of which secret, and how Vault is reached.
 *
 * - `address`: Vault's URL. Plain http is refused unless it is this machine or `insecure` is set.
 * - `token`: sent with each request; an effect is asked anew each time, for tokens that are renewed.
 * - `namespace`: of Vault Enterprise.
 * - `mount`: where the engine is mounted, `secret` when omitted.
 * - `path`: the secret, without the mount and without `data/`.
 * - `field`: the field of the secret; the others are kept.
 * - `keyId`: where the key's id goes. `field` (when omitted) is the field `<field>_key_id`, written together with the
 *   secret. `metadata` is the secret's custom metadata, for readers that take every field; it needs the right to patch it.
 * - `replace`: the field may be there already; it is replaced. It is refused when omitted.
 * - `timeout`: for one request, 10 seconds when omitted. `within`: for a delivery, 30 seconds when omitted.
 * - `fetch`: sends the requests; the global one when omitted.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  readonly address: string
  readonly token: Secret
  readonly namespace?: string | undefined
  readonly mount?: string | undefined
  readonly path: string
  readonly field: string
  readonly keyId?: "field" | "metadata" | undefined
  readonly replace?: boolean | undefined
  readonly insecure?: boolean | undefined
  readonly timeout?: Duration.Input | undefined
  readonly within?: Duration.Input | undefined
  readonly fetch?: typeof globalThis.fetch | undefined
}

const unfit = (sink: string, problem: string, fix: string) => new Sink.SinkError({ sink, problem, fix })

const told =
  (sink: string) =>
  ({ fix, problem }: vault.Failure): Sink.SinkError =>
    unfit(sink, problem, fix)

const isThisMachine = (hostname: string): boolean =>
  hostname === "localhost" || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname)

const parseAddress = (name: string, address: string, insecure: boolean): URL | Sink.SinkError => {
  const url = URL.parse(address)
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    return unfit(name, "expected an https URL as Vault's address.", "Write it like https://vault.example.com:8200.")
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    const fix = "Keep only scheme, host, port and path; the token is an option of its own."
    return unfit(name, "Vault's address holds a user name, password, query or fragment.", fix)
  }
  return url.protocol === "http:" && !insecure && !isThisMachine(url.hostname)
    ? unfit(
        name,
        "plain http would send the token and the secret in clear.",
        "Use https, or set insecure: true where the network itself is trusted."
      )
    : url
}

const isPath = (path: string): boolean =>
  path.isWellFormed() && path.split("/").every((segment) => segment !== "" && segment !== "." && segment !== "..")

const serverFrom = (name: string, options: Options): vault.Server | Sink.SinkError => {
  const { field, mount = "secret", namespace, path, token } = options
  if (!isPath(mount) || !isPath(path)) {
    return unfit(name, "expected names with single slashes between them as mount and path.", "Write it like team/ci.")
  }
  if (field === "" || !field.isWellFormed()) return unfit(name, "the field has no name.", "Name one.")
  if (namespace !== undefined && !/^[\x21-\x7e]+$/.test(namespace)) {
    return unfit(name, "expected the namespace to be printable ASCII without spaces.", "Write it like team/.")
  }
  const base = parseAddress(name, options.address, options.insecure === true)
  return base instanceof Sink.SinkError
    ? base
    : {
        base,
        token,
        namespace,
        mount,
        path,
        timeout: Duration.fromInputUnsafe(options.timeout ?? "10 seconds"),
        fetch: options.fetch ?? globalThis.fetch
      }
}

const idField = ({ field }: Options): string => `${field}_key_id`

const idEntry = ({ field }: Options): string => `keyfold-key-id.${field}`

/** Numbers that reading and writing back would change. */
const losesDigits = (value: unknown): boolean =>
  typeof value === "number"
    ? !Number.isFinite(value) || Math.abs(value) > Number.MAX_SAFE_INTEGER
    : typeof value === "object" && value !== null && Object.values(value).some(losesDigits)

const objectionTo = (options: Options, { fields = {} }: vault.Current): vault.Failure | undefined => {
  if (losesDigits(fields)) {
    const problem = "another field of the secret holds a number too long to be kept as it is."
    return { problem, fix: "Write that number as text, or choose another path.", landed: "no" }
  }
  return Object.hasOwn(fields, options.field) && options.replace !== true
    ? {
        problem: `the secret has the field ${options.field} already.`,
        fix: "Choose another field or path, or replace it: replace: true.",
        landed: "no"
      }
    : undefined
}

const rounds = 4

/**
 * Writes on top of what is there. A round that lost a race reads anew; so does one whose outcome is not known, since a
 * later version keeps a request that is still on its way from landing.
 */
const put = Effect.fnUntraced(function* (
  server: vault.Server,
  options: Options,
  { key, secret }: IssuedKey
): Effect.fn.Return<number, vault.Failure> {
  const value = Redacted.value(secret)
  const id = options.keyId === "metadata" ? {} : { [idField(options)]: key.id }
  let last: vault.Failure = { problem: "Vault took nothing.", fix: "Try again.", landed: "maybe" }
  for (let round = 0; round < rounds; round++) {
    const current = yield* vault.read(server)
    if (current.fields?.[options.field] === value) return current.version
    const objection = objectionTo(options, current)
    if (objection !== undefined) return yield* Effect.fail(objection)
    const fields = { ...current.fields, [options.field]: value, ...id }
    const result = yield* Effect.result(vault.write(server, current.version, fields))
    if (result._tag === "Success") return result.success
    last = result.failure
    if (last.landed === "no" && last.conflict !== true) break
  }
  return yield* Effect.fail(last)
})

/** The secret is safe by now: without the id a process that takes over cannot tell whose it is, and asks a person. */
const note = (server: vault.Server, options: Options, name: string, id: KeyId, version: number) =>
  Effect.catch(vault.annotate(server, idEntry(options), `${version} ${id}`), ({ problem }) =>
    Effect.annotateLogs(
      Effect.logWarning(`${name}: the secret is there, but its custom metadata does not say of which key: ${problem}`),
      "keyfold.event",
      "secret.unnamed"
    )
  )

const deliver = Effect.fnUntraced(function* (
  server: vault.Server,
  options: Options,
  name: string,
  issued: IssuedKey
): Effect.fn.Return<Sink.Receipt, Sink.SinkError> {
  const { key, secret } = issued
  if (!Redacted.value(secret).isWellFormed()) {
    const problem = "the secret holds a character that no text can hold."
    return yield* unfit(name, problem, "Deliver it to a file of its own.")
  }
  const version = yield* Effect.mapError(put(server, options, issued), told(name))
  if (options.keyId === "metadata") yield* note(server, options, name, key.id, version)
  return { holds: Option.some(key.id) }
})

/** The id in the custom metadata is of the version it names, and of a later one whose field is the same. */
const noted = Effect.fnUntraced(function* (
  server: vault.Server,
  { field }: Options,
  current: vault.Current,
  entry: unknown
): Effect.fn.Return<Option.Option<KeyId>, vault.Failure> {
  const [, digits, id = ""] = (typeof entry === "string" ? /^(\d+) (.+)$/s.exec(entry) : null) ?? []
  if (digits === undefined) return Option.none()
  const version = Number(digits)
  if (version === current.version) return Option.some(KeyId.make(id))
  const { fields } = yield* vault.read(server, version)
  return fields !== undefined && fields[field] === current.fields?.[field] ? Option.some(KeyId.make(id)) : Option.none()
})

const holds = Effect.fnUntraced(function* (
  server: vault.Server,
  options: Options,
  identify: Sink.Identify
): Effect.fn.Return<Option.Option<KeyId>, vault.Failure> {
  const current = yield* vault.read(server)
  const value = current.fields?.[options.field]
  if (typeof value !== "string" || value === "") return Option.none()
  const found = identify(Redacted.make(value, { label: "secret" }))
  if (Option.isSome(found)) return Option.some(found.value.id)
  if (options.keyId === "metadata") {
    return yield* noted(server, options, current, current.customMetadata[idEntry(options)])
  }
  const id = current.fields?.[idField(options)]
  return typeof id === "string" && id !== "" ? Option.some(KeyId.make(id)) : Option.none()
})

/**
 * Sets one field of a secret as a new version, and keeps the other fields.
 *
 * Writes are checked against the version they were read from (check-and-set), so that two writers never overwrite each
 * other. That Vault answers, knows the token and holds no such field yet is known before a key is made; that the token may
 * write shows with the first write. An answer that is lost is settled by reading, so that a delivery ends with the secret
 * there or not there; where Vault stays away for that too it fails, and the secret of the key, which is then revoked, may be
 * left.
 *
 * Errors name the field, the path and a status, and never the address, the token or anything Vault answered. Redirects are
 * not followed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const kv = (options: Options): Sink.Sink => {
  const name = `field ${options.field} of Vault secret ${options.mount ?? "secret"}/${options.path}`
  const server = Effect.suspend(() => {
    const made = serverFrom(name, options)
    return made instanceof Sink.SinkError ? Effect.fail(made) : Effect.succeed(made)
  })
  const open = Effect.gen(function* () {
    const made = yield* server
    const objection = objectionTo(options, yield* Effect.mapError(vault.read(made), told(name)))
    if (objection !== undefined) return yield* told(name)(objection)
    return (issued: IssuedKey) => deliver(made, options, name, issued)
  })
  return {
    name,
    ...(options.within === undefined ? {} : { within: options.within }),
    open,
    holds: (identify) => Effect.flatMap(server, (made) => Effect.mapError(holds(made, options, identify), told(name)))
  }
}
