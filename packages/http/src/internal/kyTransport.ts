/** The default transport: ky, with everything switched off that Keyfold decides itself. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { DriverError } from "@keyfold/core/Driver"
import * as Effect from "effect/Effect"
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

const bytesOf = (response: Response): Stream.Stream<Uint8Array, DriverError> =>
  response.body === null
    ? Stream.empty
    : Stream.fromReadableStream({
        evaluate: () => response.body ?? new ReadableStream<Uint8Array>(),
        onError: fromCause
      })

const readText = async (response: Response, limit: number): Promise<string | undefined> => {
  if (response.body === null) return ""
  const declared = Number(response.headers.get("content-length") ?? Number.NaN)
  // A declared length bounds the text only where the body is not compressed.
  if (declared <= limit && response.headers.get("content-encoding") === null) return response.text()
  const decoder = new TextDecoder()
  let text = ""
  let length = 0
  for await (const chunk of response.body) {
    length += chunk.byteLength
    if (length > limit) return undefined
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

const toResponse = (response: Response): TransportResponse => ({
  status: response.status,
  header: (name) => response.headers.get(name) ?? undefined,
  text: Exchange.boundedText((limit) => readText(response, limit)),
  bytes: bytesOf(response)
})

/** Builds the default transport. */
export const make: TransportFactory = Effect.fnUntraced(function* (options) {
  const refusal = refuseNodeOptions(options)
  if (refusal !== undefined) return yield* refusal
  const fetch = yield* Fetch
  const client = ky.create({
    // ky would call it as a method of its options, which the platform's own refuses outside Node.
    fetch: (input, init) => fetch(input, init),
    retry: 0,
    timeout: false,
    throwHttpErrors: false,
    redirect: "manual",
    credentials: "omit"
  })
  return Exchange.make(({ url, ...request }) => client(url, request), toResponse)
})
