/** The order of evaluation: route, credential, organization, then parameters and the operation. */
import * as Effect from "effect/Effect"
import type { Dialect } from "../../../Dialect.ts"
import { mount } from "../mount.ts"
import { refusal } from "../reply.ts"
import { unauthenticated, unroutable, voice } from "./replies.ts"
import { match, negotiates } from "./routes.ts"
import { authenticate, presented, type Parts } from "./security.ts"
import { runV0 } from "./v0.ts"
import { runV1, validate } from "./v1.ts"

/** Makes the dialect. Nothing is ever redirected: a client would send its key along. */
export const makeServer = (parts: Parts): Dialect =>
  mount({
    name: "whylabs",
    path: parts.path,
    route: ({ path, request }) => match(request.method, path),
    voice,
    headers: ({ requestId }) => ({ "x-request-id": requestId }),
    serve: Effect.fnUntraced(function* (incoming, route) {
      const { headers, method } = incoming.request
      if (route.kind === "none" || !negotiates(method, headers)) {
        return yield* refusal(presented(headers) === undefined ? unauthenticated : unroutable)
      }
      if (route.operation === "verify") return yield* validate(parts, incoming)
      const visit = yield* authenticate(parts, incoming)
      return yield* route.kind === "v0"
        ? runV0(parts, visit, incoming, route)
        : runV1(parts, visit, incoming, route.operation)
    }, Effect.scoped)
  })
