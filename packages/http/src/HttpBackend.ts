/**
 * One backend over HTTP, as adapters see it: typed calls in, decoded values or reasons out.
 *
 * @since 0.1.0
 */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { DriverError, refuse } from "@keyfold/core/Driver"
import { InvalidResponse, type Reason } from "@keyfold/core/KeyStoreError"
import * as Channel from "effect/Channel"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { notJson, undocumented } from "./internal/badBody.ts"
import { inTime } from "./internal/inTime.ts"
import * as itemPull from "./internal/itemPull.ts"
import * as itemReader from "./internal/itemReader.ts"
import * as plainDecoder from "./internal/plainDecoder.ts"
import { reveal } from "./internal/reveal.ts"
import { isSendable, notSendable } from "./internal/sendable.ts"
import { credentialOf, valuesOf } from "./internal/sent.ts"
import * as timedPull from "./internal/timedPull.ts"
import { readFailure, toReason, type Refine } from "./HttpReason.ts"
import { reveals } from "./Scrubber.ts"
import { ConnectionOptions, Transport, type TransportRequest, type TransportResponse } from "./Transport.ts"

/**
 * Accepts what every HTTP store is configured with.
 *
 * - `baseUrl`: the server's address; a path prefix is kept. Plain `http:` is accepted for this machine only, unless
 *   `insecure` is true, because the credential travels in clear.
 * - `timeout`: for each attempt, 10 seconds when omitted.
 *
 * @category schemas
 * @since 0.1.0
 */
export const HttpOptions = Schema.Struct({
  timeout: Schema.optionalKey(Schema.DurationFromString),
  insecure: Schema.optionalKey(Schema.Boolean),
  ...ConnectionOptions.fields
})

/**
 * The type of the options every HTTP store takes.
 *
 * @category options
 * @since 0.1.0
 */
export interface HttpOptions extends Schema.Schema.Type<typeof HttpOptions> {}

/**
 * Holds the headers that carry a credential.
 *
 * @category models
 * @since 0.1.0
 */
export type Credential = Readonly<Record<string, Redacted.Redacted<string>>>

/**
 * Configures a backend: where it is, how it is authorised and what its statuses mean.
 *
 * `authorize` runs once for each attempt and returns the headers that carry the credential. With `renew` a call that is
 * refused 401 runs it, with the headers that were refused, and is repeated exactly once: a 401 comes before any handler,
 * so nothing can have happened. Without `renew` an `InvalidRequest` repeats what the server says, scrubbed; with it the
 * credential proper is not in the request, could not be recognised in an echo, and the server's words are not repeated.
 *
 * @category options
 * @since 0.1.0
 */
export interface BackendOptions extends HttpOptions {
  readonly baseUrl: string
  readonly authorize: Effect.Effect<Credential, DriverError>
  readonly renew?: (refused: Credential) => Effect.Effect<void>
  readonly requestIdHeader?: string
  readonly refine?: Refine
}

/**
 * Names and values of a query or a form, in wire order; a name may repeat. Secret values stay `Redacted` until the
 * request is built.
 *
 * @category models
 * @since 0.1.0
 */
export type Parameters = ReadonlyArray<readonly [name: string, value: string | Redacted.Redacted<string>]>

/**
 * Describes one call. `segments` are encoded one by one; a trailing empty segment writes a trailing slash.
 *
 * `json` or `form` is the body. `authorize` replaces the backend's own, without its `renew`. `refine` goes before the
 * backend's own, for statuses that mean something else on this call.
 *
 * A server's refusal is shown without any value of the query, the form, the JSON body and the path. A segment of small
 * letters and hyphens (`api-key`), or a version (`v1`), passes for a constant of the route.
 *
 * @category models
 * @since 0.1.0
 */
export interface Call {
  readonly method: "GET" | "POST" | "PUT" | "DELETE"
  readonly segments: ReadonlyArray<string>
  readonly query?: Parameters
  readonly json?: Schema.Json
  readonly form?: Parameters
  readonly authorize?: BackendOptions["authorize"]
  readonly refine?: Refine
}

/**
 * Performs the calls of one backend, one attempt each.
 *
 * - `decode` reads a 2xx answer with a schema that ignores what it does not know; an answer it cannot read is
 *   `InvalidResponse`.
 * - `decodeItems` reads an array of any length in a 2xx answer, in batches as they arrive, with a schema for one item and
 *   a translation of each. `path` names the members the array is found under; where it is empty, the answer is the array.
 *   Leaving the stream aborts the request.
 * - `discard` takes any 2xx answer, with or without a body.
 *
 * @category models
 * @since 0.1.0
 */
export interface HttpBackend {
  readonly decode: <A, I>(schema: Schema.Codec<A, I>, call: Call) => Effect.Effect<A, DriverError>
  readonly decodeItems: <A, I, B>(
    schema: Schema.Codec<A, I>,
    call: Call,
    path: ReadonlyArray<string>,
    convert: (item: A) => B
  ) => Stream.Stream<ReadonlyArray<B>, DriverError>
  readonly discard: (call: Call) => Effect.Effect<void, DriverError>
}

const defaultTimeout = Duration.seconds(10)

const isThisMachine = (hostname: string): boolean =>
  hostname === "localhost" ||
  hostname.endsWith(".localhost") ||
  hostname === "[::1]" ||
  /^127(\.\d+){3}$/.test(hostname)

const badBaseUrl = (problem: string, fix: string) => new ConfigurationError({ field: "baseUrl", problem, fix })

const parseBaseUrl = (text: string, insecure: boolean): URL | ConfigurationError => {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    return badBaseUrl("expected an https URL.", "Write it like https://keys.example.com/prefix.")
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    const fix = "Keep only scheme, host, port and path; credentials go into the adapter's own options."
    return badBaseUrl("a user name, password, query or fragment is not accepted.", fix)
  }
  if (url.protocol === "http:" && !insecure && !isThisMachine(url.hostname)) {
    const fix = "Use https, or set insecure: true where the network itself is trusted."
    return badBaseUrl(`plain http would send the credential to ${url.host} in clear.`, fix)
  }
  return url
}

const encodeParameters = (parameters: Parameters): string =>
  new URLSearchParams(parameters.map(([name, value]) => [name, reveal(value)])).toString()

const isIllFormed = ([, value]: Parameters[number]): boolean => !reveal(value).isWellFormed()

const buildUrl = (prefix: string, { form, query, segments }: Call): URL | DriverError => {
  let path = prefix
  for (const [index, segment] of segments.entries()) {
    const isTrailingSlash = segment === "" && index === segments.length - 1
    // "." and ".." would be resolved away, and an empty segment would reach another route.
    if ((segment === "" && !isTrailingSlash) || segment === "." || segment === ".." || !segment.isWellFormed()) {
      return refuse("id", "cannot be part of a path; expected an id as create or list returned it")
    }
    path += `/${encodeURIComponent(segment)}`
  }
  // A lone surrogate would reach the server as another character, and so name another key.
  const strange = query?.find(isIllFormed) ?? form?.find(isIllFormed)
  if (strange !== undefined) return refuse(strange[0], "holds a lone surrogate; expected well-formed text")
  return new URL(query === undefined || query.length === 0 ? path : `${path}?${encodeParameters(query)}`)
}

const parseBody = <A, I>(schema: Schema.Codec<A, I>) => {
  const decode = plainDecoder.make(schema)
  return (text: string): A | InvalidResponse => {
    let json: unknown
    try {
      json = JSON.parse(text)
    } catch {
      return notJson
    }
    const value = decode(json)
    return Schema.isSchemaError(value) ? undocumented(value) : value
  }
}

/** An answer whose body was not read yet, and what tells its request id. */
interface Answer {
  readonly response: TransportResponse
  readonly credential: Credential
  readonly name: string | undefined
}

/** Keeps a request id only where it looks like one: a server could echo anything in a header, the credential too. */
const requestIdOf = ({ name, response, credential }: Answer): string | undefined => {
  const value = name === undefined ? undefined : response.header(name)
  if (value === undefined || !/^[A-Za-z0-9._:-]{1,48}$/.test(value)) return undefined
  return reveals(value, credentialOf(credential)) ? undefined : value
}

/** A failure that came with an answer. Only here its request id is looked at: telling it from an echo takes time. */
const fail = (reason: Reason, answer: Answer): DriverError => {
  const requestId = requestIdOf(answer)
  return new DriverError({ reason, sent: "maybe", ...(requestId === undefined ? {} : { requestId }) })
}

const failureText = 64 * 1024

interface Prepared {
  readonly credential: Credential
  readonly request: TransportRequest
}

interface Link {
  readonly base: URL
  /** The base as text, without a slash at its end. */
  readonly prefix: string
  readonly transport: Transport
  readonly options: BackendOptions
}

const contentOf = (call: Call): { readonly type: string; readonly body: Redacted.Redacted<string> } | undefined =>
  call.json !== undefined
    ? { type: "application/json", body: Redacted.make(JSON.stringify(call.json)) }
    : call.form !== undefined
      ? { type: "application/x-www-form-urlencoded", body: Redacted.make(encodeParameters(call.form)) }
      : undefined

/** Builds the request of one attempt; whatever fails here leaves the call itself unsent. */
const prepare = ({ options, prefix }: Link, call: Call): Effect.Effect<Prepared, DriverError> => {
  const url = buildUrl(prefix, call)
  if (url instanceof DriverError) return Effect.fail(url)
  const content = contentOf(call)
  const { method } = call
  return Effect.matchEffect(call.authorize ?? options.authorize, {
    onSuccess: (credential) => {
      if (!isSendable(credential)) return Effect.fail(notSendable)
      const headers = { accept: "application/json", ...credential }
      return Effect.succeed({
        credential,
        request:
          content === undefined
            ? { method, url, headers }
            : { method, url, headers: { "content-type": content.type, ...headers }, body: content.body }
      })
    },
    // An exchange that was to obtain the credential may have been sent, this call was not.
    onFailure: ({ reason, requestId }) =>
      Effect.fail(new DriverError({ reason, sent: "no", ...(requestId === undefined ? {} : { requestId }) }))
  })
}

const refusal = Effect.fnUntraced(function* (
  { base, options }: Link,
  call: Call,
  answer: Answer
): Effect.fn.Return<never, DriverError> {
  const { credential, response } = answer
  // A refusal counts even where its body cannot be read.
  const text = yield* Effect.orElseSucceed(response.text(failureText), () => undefined)
  const failure = yield* readFailure(response.status, text, response.header("retry-after"))
  const refine: Refine = (found) => call.refine?.(found) ?? options.refine?.(found)
  // Behind a token stands a credential that this request did not carry, so nobody could take it out of an echo.
  const sent = options.renew === undefined ? valuesOf(call, credential) : undefined
  return yield* fail(toReason(failure, base.host, refine, sent), answer)
})

const exchange = (
  link: Link,
  call: Call,
  { credential, request }: Prepared
): Effect.Effect<Answer, DriverError, Scope.Scope> =>
  Effect.flatMap(link.transport.execute(request), (response) => {
    const answer: Answer = { response, credential, name: link.options.requestIdHeader }
    return response.status >= 200 && response.status < 300 ? Effect.succeed(answer) : refusal(link, call, answer)
  })

const timeoutOf = ({ options }: Link): Duration.Duration => options.timeout ?? defaultTimeout

/** What an attempt makes of an answer. Its time starts anew with each `moved`. */
type Read<A> = (answer: Answer, moved: Effect.Effect<void>, scope: Scope.Scope) => Effect.Effect<A, DriverError>

type Refused<A> = (credential: Credential, error: DriverError) => Effect.Effect<A, DriverError>

/** Makes one attempt. What it opens stays open until the scope closes, or until it fails. */
const once = <A>(
  link: Link,
  call: Call,
  read: Read<A>,
  scope: Scope.Scope,
  refused: Refused<A>
): Effect.Effect<A, DriverError> =>
  Effect.suspend(() => {
    const own = Scope.forkUnsafe(scope)
    let sent: DriverError["sent"] = "no"
    let used: Credential = {}
    const run = (moved: Effect.Effect<void>) =>
      Effect.flatMap(prepare(link, call), (prepared) => {
        sent = "maybe"
        used = prepared.credential
        return Effect.flatMap(Scope.provide(exchange(link, call, prepared), own), (answer) => read(answer, moved, own))
      })
    return inTime(timeoutOf(link), () => sent, run).pipe(
      Effect.onError((cause) => Scope.close(own, Exit.failCause(cause))),
      Effect.catch((error) =>
        sent === "maybe" && error.reason._tag === "Unauthenticated" ? refused(used, error) : Effect.fail(error)
      )
    )
  })

/** Performs a call; what it opened stays open until the scope closes. */
const attempt = <A>(link: Link, call: Call, read: Read<A>, scope: Scope.Scope): Effect.Effect<A, DriverError> => {
  const giveUp: Refused<A> = (_, error) => Effect.fail(error)
  const { renew } = link.options
  return once(
    link,
    call,
    read,
    scope,
    renew === undefined || call.authorize !== undefined
      ? giveUp
      : (credential) => Effect.andThen(renew(credential), once(link, call, read, scope, giveUp))
  )
}

/** Performs a call whose answer is read at once. */
const performed = <A>(link: Link, call: Call, read: Read<A>): Effect.Effect<A, DriverError> =>
  Effect.scopedWith((scope) => attempt(link, call, read, scope))

const decodeAnswer = <A, I>(link: Link, schema: Schema.Codec<A, I>, call: Call): Effect.Effect<A, DriverError> => {
  const parse = parseBody(schema)
  return performed(link, call, (answer) =>
    Effect.flatMap(answer.response.text(), (text) => {
      const value = parse(text)
      return value instanceof InvalidResponse ? Effect.fail(fail(value, answer)) : Effect.succeed(value)
    })
  )
}

const decodeItems = <A, I, B>(
  link: Link,
  schema: Schema.Codec<A, I>,
  call: Call,
  path: ReadonlyArray<string>,
  convert: (item: A) => B
): Stream.Stream<ReadonlyArray<B>, DriverError> => {
  const read: Read<itemPull.Items<B>> = (answer, moved, scope) =>
    itemPull.open(itemReader.make(schema, path, convert), answer.response.bytes, scope, {
      first: Effect.tap(moved),
      // Between two batches passes time that is not the backend's.
      rest: (bytes) => timedPull.make(timeoutOf(link), bytes, scope),
      failed: (reason) => fail(reason, answer)
    })
  return Stream.fromChannel(
    Channel.fromTransform((_, scope: Scope.Scope) => {
      let current: itemPull.Items<B> = Effect.flatMap(attempt(link, call, read, scope), (items) => (current = items))
      return Effect.succeed(Effect.suspend(() => current))
    })
  )
}

/**
 * Builds a backend: checks the address, opens the transport, and joins credential, timeout and reason table to each
 * call.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: BackendOptions
): Effect.fn.Return<HttpBackend, ConfigurationError, Scope.Scope> {
  const base = parseBaseUrl(options.baseUrl, options.insecure === true)
  if (base instanceof ConfigurationError) return yield* base
  const factory = yield* Transport
  const prefix = `${base.origin}${base.pathname.replace(/\/+$/, "")}`
  const link: Link = { base, prefix, options, transport: yield* factory(options) }
  return {
    decode: (schema, call) => decodeAnswer(link, schema, call),
    decodeItems: (schema, call, path, convert) => decodeItems(link, schema, call, path, convert),
    discard: (call) => performed(link, call, () => Effect.void)
  }
})
