/** Routes beside the neutral API: its document, the page for people, and those of the program. */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import type { Route } from "../Gateway.ts"
import { answer } from "./answering.ts"
import * as docs from "./docs.ts"
import * as document from "./document.ts"
import { Entry } from "./entry.ts"

/** The routes that every gateway has. */
export const own = [
  { method: "GET", path: "/openapi.json" },
  { method: "GET", path: "/docs" }
] as const

const fixed = (path: `/${string}`, make: () => HttpServerResponse.HttpServerResponse) => {
  let made: HttpServerResponse.HttpServerResponse | undefined
  return HttpRouter.add(
    "GET",
    path,
    Effect.map(Entry, (facts) => {
      facts.route = path
      return (made ??= make())
    })
  )
}

const extra = ({ handle, method, path }: Route) =>
  HttpRouter.add(
    method,
    path,
    answer(
      Effect.gen(function* () {
        const facts = yield* Entry
        facts.route = path
        const request = yield* HttpServerRequest.HttpServerRequest
        const params = yield* HttpRouter.params
        const web = yield* Effect.orDie(HttpServerRequest.toWeb(request))
        const { address, requestId } = facts
        return HttpServerResponse.fromWeb(yield* handle(web, { requestId, address, params }))
      })
    )
  )

/** All routes beside the neutral API. */
export const layer = (routes: ReadonlyArray<Route>) => {
  const [first, second] = own
  return Layer.mergeAll(
    fixed(first.path, () => HttpServerResponse.jsonUnsafe(document.make())),
    fixed(second.path, docs.response),
    ...routes.map(extra)
  )
}
