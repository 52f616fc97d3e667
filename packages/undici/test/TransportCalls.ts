/** Calls through whatever transport is provided, and what every failure must look like. */
import { assert, it } from "@effect/vitest"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { DriverError } from "@keyfold/core/Driver"
import type { Reason } from "@keyfold/core/KeyStoreError"
import * as HttpBackend from "@keyfold/http/HttpBackend"
import { Transport, type TransportRequest, type TransportResponse } from "@keyfold/http/Transport"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { ServerResponse } from "node:http"
import { inspect } from "node:util"
import type { Handler } from "./LoopbackServer.ts"

export const credential = "canary-credential-5f1d"

export const inQuery = "canary-query-77aa"

export const Key = Schema.Struct({ id: Schema.String })

export const call: HttpBackend.Call = { method: "GET", segments: ["keys"], query: [["key", inQuery]] }

export const backendAt = (baseUrl: string, options: Partial<HttpBackend.BackendOptions> = {}) =>
  HttpBackend.make({
    baseUrl,
    authorize: Effect.succeed({ "X-API-Key": Redacted.make(credential) }),
    ...options
  })

/** Asserts that an error, however it is printed, shows none of the secrets. */
export const assertSilent = (error: Error, secrets: ReadonlyArray<string> = [credential, inQuery]): void => {
  const printed = [
    String(error),
    JSON.stringify(error),
    inspect(error, { depth: Infinity, showHidden: true, getters: true }),
    inspect(error, { depth: Infinity, showHidden: true, customInspect: false }),
    error.message,
    error.stack
  ].join("\n")
  for (const secret of secrets) assert.notInclude(printed, secret)
  assert.isUndefined(error.cause)
}

export const failureAt = (baseUrl: string, options: Partial<HttpBackend.BackendOptions> = {}) =>
  Effect.gen(function* () {
    const backend = yield* Effect.orDie(backendAt(baseUrl, options))
    const error = yield* Effect.flip(backend.decode(Key, call))
    assertSilent(error)
    return error
  })

/** Narrows a reason to one kind. */
export function assertReason<Tag extends Reason["_tag"]>(
  reason: Reason,
  tag: Tag
): asserts reason is Extract<Reason, { readonly _tag: Tag }> {
  assert.strictEqual(reason._tag, tag)
}

export const ok: Handler = (response) => response.setHeader("content-type", "application/json").end(`{"id":"k1"}`)

/** Makes one exchange with the transport itself. */
export const executed = (
  url: string,
  request: Partial<TransportRequest> = {}
): Effect.Effect<TransportResponse, ConfigurationError | DriverError, Scope.Scope> =>
  Effect.gen(function* () {
    const factory = yield* Transport
    const transport = yield* factory({})
    return yield* transport.execute({ method: "GET", url: new URL(url), headers: {}, ...request })
  })

/** Starts an answer with a declared length it does not reach. */
export const begin = (response: ServerResponse): void => {
  response.writeHead(200, { "content-type": "application/json", "content-length": "1000" })
  response.write(`{"id":`)
}

/** Registers one test that runs with the transport under test. */
export type Check = <E>(name: string, body: () => Effect.Effect<void, E, Scope.Scope>) => void

/** Registers tests that run with this transport. */
export const checkWith =
  (transport: Layer.Layer<never>): Check =>
  (name, body) =>
    it.effect(name, () => Effect.provide(body(), transport))
