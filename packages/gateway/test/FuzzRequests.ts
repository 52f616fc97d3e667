/** Requests for every operation of the document: as it says, and wrong in one way or several. */
import type { Document, Operation, Parameter } from "./Conforming.ts"
import { hostile, mutated, valueOf, type Texts } from "./FuzzBodies.ts"
import type { Random } from "./FuzzRandom.ts"

/** One tenant's caller: who it is, and what it knows of its own. */
export interface Side {
  readonly tenant: string
  readonly key: string
  readonly readerKey: string
  readonly keys: Array<string>
  readonly rotations: Array<string>
  readonly secrets: Array<string>
  readonly cursors: Array<string>
}

/** A request, and what is odd about it. */
export interface Made {
  readonly operation: Operation
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array<ArrayBuffer> | undefined
  /** Whose answer it is: nobody's where no good credential is sent. */
  readonly side: Side | undefined
  readonly isElsewhere: boolean
  /** In everything that must not be repeated. */
  readonly marker: string
}

/** What requests are drawn from. */
export interface Pool {
  readonly document: Document
  readonly own: Side
  readonly other: Side
  /** Whether nothing is odd about the request but what it is about. */
  readonly isSane: boolean
}

const odd = (random: Random, marker: string): string =>
  random.pick([
    marker,
    `../${marker}`,
    `${marker}/../..`,
    `\u202e${marker}\u202c`,
    `${marker}\u{1f511}\ufeff`,
    `${marker}' OR '1'='1`,
    `<script>${marker}</script>`,
    "__proto__",
    "constructor",
    "toString",
    "*",
    `${marker}:*`,
    `${marker}${"z".repeat(1500)}`,
    " ",
    "null",
    "%",
    "0"
  ])

/** What no encoder writes. */
const raw = [
  "%00",
  "%ED%A0%80",
  "%C0%AE%C0%AE",
  "%zz",
  "%",
  "a%0d%0aset-cookie:%20b=c",
  "%2e%2e%2f",
  "%FF",
  "%E2%80%AE"
] as const

const encoded = (random: Random, { isSane }: Pool, value: string): string =>
  !isSane && random.chance(0.08) ? random.pick(raw) : encodeURIComponent(value.toWellFormed())

const known = (
  random: Random,
  { isSane }: Pool,
  own: ReadonlyArray<string>,
  other: ReadonlyArray<string>
): string | undefined => (random.chance(isSane ? 0.1 : 0.25) ? random.pickFrom(other) : random.pickFrom(own))

/** What a parameter of this name means. */
const meant = (random: Random, pool: Pool, name: string): string | undefined => {
  const { isSane, other, own } = pool
  switch (name) {
    case "tenant":
      return isSane || random.chance(0.9) ? own.tenant : random.pick([other.tenant, "nobody", "poor"])
    case "id":
    case "key":
      return known(random, pool, own.keys, other.keys)
    case "rotation":
      return known(random, pool, own.rotations, other.rotations)
    case "cursor":
      return known(random, pool, own.cursors, other.cursors)
    case "limit":
      return random.pick(["1", "2", "1000", "0", "-1", "1.5", "1e3", "NaN", "", "99999999999999999999", "\uff11"])
    case "status":
      return random.pick(["active", "revoked", "expired", "running", "needsAttention", "done", "Active"])
    case "owner":
      return isSane ? `owner-of-${own.tenant}` : random.pick(["ada", `owner-of-${own.tenant}`, ""])
    case "idempotency-key":
      return random.pick(["once", "twice", "with space", "e\u0301", "x".repeat(256), "a,b"])
    case "x-keyfold-reason":
      return random.pick(["because", "caf\u00e9", "x".repeat(501), "a\tb"])
    default:
      return undefined
  }
}

/** Texts of bodies that a good request has. */
const goodTexts: Readonly<Record<string, string>> = {
  expiresAt: "2035-01-31T12:00:00Z",
  expiry: "keep",
  probe: "api"
}

const textsOf =
  (pool: Pool): Texts =>
  (random, name) => {
    const fine = pool.isSane ? goodTexts[name] : undefined
    if (fine !== undefined) return fine
    switch (name) {
      case "secret":
        return known(random, pool, pool.own.secrets, pool.other.secrets) ?? "none"
      case "expiresAt":
      case "expiry":
        return random.pick(["2035-01-31T12:00:00Z", "2001-01-01T00:00:00Z", "soon", "2035-13-41T00:00:00Z", "9999999"])
      case "sink":
        return random.pick(["ci", `place-of-${pool.own.tenant}`, `place-of-${pool.other.tenant}`, "ci:name", "nowhere"])
      case "probe":
      case "holderCheck":
        return random.pick(["api", "nothing"])
      default:
        return random.pick(["nightly", "report", "\u202etxet", "\u{1f511}", "a\u0301", "x".repeat(1024), "", "read"])
    }
  }

const accepted = (schema: unknown): ReadonlyArray<string> => {
  if (typeof schema !== "object" || schema === null) return []
  const named: unknown = Reflect.get(schema, "enum")
  return Array.isArray(named) ? named.map(String) : Object.values(schema).flatMap(accepted)
}

/** Parameters that narrow a list, where any good value is as good as another. */
const good: Readonly<Record<string, string>> = { limit: "5", "idempotency-key": "once", "x-keyfold-reason": "because" }

const valueFor = (random: Random, pool: Pool, { name, schema }: Parameter, marker: string): string => {
  const named = random.pickFrom(accepted(schema))
  if (pool.isSane) {
    return named ?? good[name] ?? meant(random, pool, name) ?? "none"
  }
  const value = random.chance(name === "tenant" ? 0.9 : 0.65) ? meant(random, pool, name) : undefined
  return value ?? odd(random, marker)
}

const pathOf = (random: Random, pool: Pool, { parameters, path }: Operation, marker: string): string =>
  parameters
    .filter((parameter) => parameter.in === "path")
    .reduce(
      (made, parameter) =>
        made.replace(`{${parameter.name}}`, () => encoded(random, pool, valueFor(random, pool, parameter, marker))),
      path
    )

const queryOf = (random: Random, pool: Pool, { parameters }: Operation, marker: string): string => {
  const pairs = parameters
    .filter((parameter) => parameter.in === "query")
    .flatMap((parameter) =>
      Array.from({ length: pool.isSane ? random.pick([0, 0, 1]) : random.pick([0, 1, 1, 2]) }, () => parameter)
    )
    .map((parameter) => `${parameter.name}=${encoded(random, pool, valueFor(random, pool, parameter, marker))}`)
  const more =
    !pool.isSane && random.chance(0.1) ? [`unknown=${marker}`, "=", "&&", "__proto__=1", `status[]=${marker}`] : []
  const all = [...pairs, ...(more.length === 0 ? [] : [random.pickFrom(more) ?? ""])]
  return all.length === 0 ? "" : `?${all.join("&")}`
}

type Credential = readonly [header: string | undefined, isGood: boolean]

const authorization = (random: Random, { isSane, own: { key, readerKey } }: Pool, marker: string): Credential => {
  if (isSane || random.chance(0.75)) return [`Bearer ${key}`, true]
  if (random.chance(0.3)) return [`Bearer ${readerKey}`, true]
  const header = random.pick([
    undefined,
    `Bearer ${marker}`,
    `Bearer ${key}x`,
    `Basic ${Buffer.from(`a:${key}`).toString("base64")}`,
    `Bearer ${"a".repeat(9000)}`,
    "Bearer",
    `Bearer ${Buffer.from("{}").toString("base64url")}.e30.x`,
    "Bearer kf_0123456789abcdef_0123456789abcdef0123456789abcdef_000000"
  ])
  return [header, false]
}

/** Rotations that can be begun; one that has every member hardly ever can. */
const rotations = (random: Random, { own }: Pool) =>
  random.pick<object>([
    { deliver: "response" },
    { deliver: "response", overlapMillis: 0, expiry: "keep" },
    { sink: `place-of-${own.tenant}` },
    { sink: `place-of-${own.tenant}`, overlapMillis: 0, probe: "api" }
  ])

const bodyOf = (
  random: Random,
  pool: Pool,
  { body, path }: Operation,
  marker: string
): string | Uint8Array<ArrayBuffer> => {
  const isRotation = pool.isSane && path.endsWith("/keys/{id}/rotations")
  const value = isRotation ? rotations(random, pool) : valueOf(random, pool.document, body, textsOf(pool))
  const changed = !pool.isSane && random.chance(0.5) ? mutated(random, value, marker) : value
  const text = JSON.stringify(changed) ?? ""
  return !pool.isSane && random.chance(0.2) ? hostile(random, text, marker) : text
}

const contentTypes = [
  "application/json; charset=utf-8",
  "text/plain",
  "application/x-www-form-urlencoded",
  "multipart/form-data",
  "",
  "application/json, text/csv"
] as const

const strangeHeaders: readonly [readonly [string, string], ...ReadonlyArray<readonly [string, string]>] = [
  ["accept", "text/html;q=0.9, */*;q=0"],
  ["traceparent", "00-zz-zz-01"],
  ["traceparent", `00-${"0".repeat(32)}-${"0".repeat(16)}-01`],
  ["x-forwarded-for", "10.0.0.1, nonsense"],
  ["x-http-method-override", "DELETE"],
  ["range", "bytes=0-"],
  ["origin", "https://elsewhere.example"],
  ["if-none-match", "*"],
  ["accept-encoding", "br, gzip, *"],
  ["b3", "0"]
]

const headersOf = (random: Random, pool: Pool, operation: Operation, marker: string) => {
  const [credential, isGood] = authorization(random, pool, marker)
  const named = operation.parameters
    .filter((parameter) => parameter.in === "header" && random.chance(0.5))
    .map((parameter): readonly [string, string] => {
      const value = valueFor(random, pool, parameter, marker)
      return [parameter.name, pool.isSane || random.chance(0.8) ? value : `${marker}${value}`]
    })
  const type = pool.isSane || random.chance(0.88) ? "application/json" : random.pick(contentTypes)
  const headers = Object.fromEntries([
    ...named,
    ...(credential === undefined ? [] : [["authorization", credential]]),
    ...(operation.body === undefined || type === "" ? [] : [["content-type", type]]),
    ...(!pool.isSane && random.chance(0.15) ? [random.pick(strangeHeaders)] : [])
  ]) as Readonly<Record<string, string>>
  return { headers, isGood }
}

let sequence = 0

/** Draws a request for an operation. */
export const draw = (random: Random, pool: Pool, operation: Operation): Made => {
  const marker = `marker${(sequence++).toString(36)}k`
  const { headers, isGood } = headersOf(random, pool, operation, marker)
  const isOtherMethod = !pool.isSane && random.chance(0.05)
  const isHead = operation.method === "GET" && random.chance(0.03)
  const method = isOtherMethod
    ? random.pick(["PUT", "PATCH", "OPTIONS", "DELETE", "POST"])
    : isHead
      ? "HEAD"
      : operation.method
  const hasBody = method !== "GET" && method !== "HEAD" && operation.body !== undefined
  const tail = !pool.isSane && random.chance(0.04) ? random.pick(["/", "//", `/${marker}`, "/.", ";x=1"]) : ""
  return {
    operation,
    method,
    path: `${pathOf(random, pool, operation, marker)}${tail}${queryOf(random, pool, operation, marker)}`,
    headers,
    body: hasBody ? bodyOf(random, pool, operation, marker) : undefined,
    side: isGood ? pool.own : undefined,
    isElsewhere: isOtherMethod || tail !== "",
    marker
  }
}

/** Says what was asked, so that it can be asked again. */
export const describe = ({ body, headers, method, path }: Made): string =>
  `${method} ${path} ${JSON.stringify(headers)} ${typeof body === "string" ? body.slice(0, 300) : body === undefined ? "" : "(bytes)"}`
