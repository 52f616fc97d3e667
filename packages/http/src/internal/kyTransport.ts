/** The default transport: ky, with everything switched off that Keyfold decides itself. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { DriverError } from "@keyfold/core/Driver"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import ky from "ky"
import * as Exchange from "../Exchange.ts"
import { Fetch } from "../Fetch.ts"
import { fromCause } from "../NetworkFailure.ts"
import type { ConnectionOptions, TransportFactory, TransportResponse } from "../Transport.ts"

const refuseNodeOptions = (options: ConnectionOptions): ConfigurationError | undefined => {
  const field = (["proxy", "ca", "clientCertificate"] as const).find((name) => options[name] !== undefined)
  return field === undefined
    ? undefined
    : new ConfigurationError({
        field,
        problem: "the platform's fetch cannot use it.",
        fix: "Provide the layer of @keyfold/undici (npm install @keyfold/undici)."
      })
}

type Bytes = Pull.Pull<Arr.NonEmptyReadonlyArray<Uint8Array>, DriverError>

/** The pieces of a body; one that was not read to its end is cancelled when the scope closes. */
const piecesOf = (body: ReadableStream<Uint8Array>, scope: Scope.Scope, ended: () => void): Effect.Effect<Bytes> =>
  Effect.suspend(() => {
    const reader = body.getReader()
    let isOver = false
    const over = (end: Bytes): Bytes => {
      isOver = true
      return end
    }
    const pull: Bytes = Effect.callback((resume) => {
      reader.read().then(
        ({ done, value }) => {
          if (!done) return resume(Effect.succeed(Arr.of(value)))
          ended()
          return resume(over(Cause.done()))
        },
        (cause: unknown) => resume(over(Effect.fail(fromCause(cause))))
      )
    })
    const cancel = Effect.sync(() => {
      if (!isOver) reader.cancel().catch(() => {})
    })
    return Effect.as(Scope.addFinalizer(scope, cancel), pull)
  })

const bytesOf = ({ body }: Response, ended: () => void): Stream.Stream<Uint8Array, DriverError> =>
  body === null
    ? Stream.empty
    : Stream.fromChannel(Channel.fromTransform((_, scope: Scope.Scope) => piecesOf(body, scope, ended)))

const toResponse = (response: Response, ended: () => void): TransportResponse => {
  const bytes = bytesOf(response, ended)
  return {
    status: response.status,
    header: (name) => response.headers.get(name) ?? undefined,
    text: Exchange.textFrom(bytes),
    bytes
  }
}

type Call = (
  fetch: typeof globalThis.fetch,
  input: Parameters<typeof globalThis.fetch>[0],
  init: RequestInit
) => Promise<Response>

/** What stands beside a request the platform takes as it is; of what stands in one it makes copies, of a body a stream. */
const beside: Call = (fetch, input, init) => fetch(input, init)

/** Somebody's own `fetch` may look at the request alone. */
const within: Call = (fetch, input, init) => fetch(new Request(input, init))

/** Builds the default transport. */
export const make: TransportFactory = Effect.fnUntraced(function* (options) {
  const refusal = refuseNodeOptions(options)
  if (refusal !== undefined) return yield* refusal
  const fetch = yield* Fetch
  const client = ky.create({
    retry: 0,
    timeout: false,
    throwHttpErrors: false,
    redirect: "manual",
    credentials: "omit"
  })
  const call = fetch === globalThis.fetch ? beside : within
  // Body and signal go past ky, which would make streams and signals of its own of them. And ky would call `fetch` as a
  // method of its options, which the platform's own refuses outside Node.
  const send = ({ body, headers, method, signal, url }: Exchange.SentRequest) =>
    client(url, {
      method,
      headers,
      fetch: (input, init) => call(fetch, input, { ...init, signal, ...(body === undefined ? {} : { body }) })
    })
  return Exchange.make(send, toResponse)
})
