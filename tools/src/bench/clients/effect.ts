/** effect's own HTTP client, over `fetch` and over undici, and the whole body parsed at once. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { byExchange, type Open } from "../client.ts"

const over =
  (transport: Layer.Layer<HttpClient.HttpClient>): Open =>
  async (target) => {
    const runtime = ManagedRuntime.make(transport)
    const client = HttpClient.filterStatusOk(await runtime.runPromise(HttpClient.HttpClient))
    return byExchange((url, { body, headers, method }) => {
      const request = HttpClientRequest.make(method)(url, {
        headers,
        ...(body === undefined ? {} : { body: HttpBody.text(body, "application/json") })
      })
      return runtime.runPromise(Effect.flatMap(client.execute(request), (response) => response.json))
    })(target)
  }

/** Opens it over the platform's `fetch`. */
export const open = over(FetchHttpClient.layer)

/** Opens it over undici. */
export const openUndici = over(NodeHttpClient.layerUndici)
