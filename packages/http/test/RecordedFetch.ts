/** A `fetch` whose answers a test chooses and whose requests a test can read, and a backend that calls it. */
import { assert } from "@effect/vitest"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { DriverError } from "@keyfold/core/Driver"
import type { Reason } from "@keyfold/core/KeyStoreError"
import { Fetch } from "@keyfold/http/Fetch"
import * as HttpBackend from "@keyfold/http/HttpBackend"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"

export interface SentRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly signal: AbortSignal
  readonly redirect: Request["redirect"]
  readonly credentials: Request["credentials"]
}

export interface RecordedFetch {
  readonly requests: ReadonlyArray<SentRequest>
  readonly fetch: typeof globalThis.fetch
}

/** Answers every request with what `respond` returns for it. */
export const recordedFetch = (respond: (request: SentRequest) => Response | Promise<Response>): RecordedFetch => {
  const requests: Array<SentRequest> = []
  return {
    requests,
    fetch: async (input, init) => {
      const request = new Request(input, init)
      const { credentials, method, redirect, signal, url } = request
      const headers = Object.fromEntries(request.headers)
      const sent = { method, url, headers, body: await request.text(), signal, redirect, credentials }
      requests.push(sent)
      return respond(sent)
    }
  }
}

export const json = (value: Schema.Json, init: ResponseInit = {}): Response =>
  new Response(JSON.stringify(value), { ...init, headers: { "content-type": "application/json", ...init.headers } })

export const credential = "canary-credential-5f1d"

export const baseUrl = "https://keys.example.com/prefix"

/** Builds a backend over the fake with a credential in `X-API-Key`. */
export const backendOver = (
  fake: RecordedFetch,
  options: Partial<HttpBackend.BackendOptions> = {}
): Effect.Effect<HttpBackend.HttpBackend, ConfigurationError, Scope.Scope> =>
  Effect.provideService(
    HttpBackend.make({
      baseUrl,
      authorize: Effect.succeed({ "X-API-Key": Redacted.make(credential) }),
      ...options
    }),
    Fetch,
    fake.fetch
  )

export const Key = Schema.Struct({ id: Schema.String, uses: Schema.Int })

export const listKeys: HttpBackend.Call = { method: "GET", segments: ["keys"] }

/** Builds a backend whose server always answers this, and performs one call. */
export const failureOf = (
  respond: () => Response | Promise<Response>,
  options: Partial<HttpBackend.BackendOptions> = {},
  call: HttpBackend.Call = listKeys
): Effect.Effect<DriverError, unknown, Scope.Scope> =>
  Effect.flatMap(backendOver(recordedFetch(respond), options), (backend) => Effect.flip(backend.decode(Key, call)))

/** Narrows a reason to one kind. */
export function assertReason<Tag extends Reason["_tag"]>(
  reason: Reason,
  tag: Tag
): asserts reason is Extract<Reason, { readonly _tag: Tag }> {
  assert.strictEqual(reason._tag, tag)
}
