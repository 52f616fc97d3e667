/** An OpenTelemetry collector that keeps what it is sent, on a socket of its own. */
import * as FetchServer from "@keyfold/node/FetchServer"
import * as Effect from "effect/Effect"

/** One request that a collector got. */
export interface Received {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Serves a collector that answers each request with `answer`. */
export const collector = Effect.fnUntraced(function* (
  answer: (path: string) => Response | Promise<Response> = () => Response.json({})
) {
  const received: Array<Received> = []
  const fetch = async (request: Request) => {
    const { pathname: path } = new URL(request.url)
    received.push({ path, headers: Object.fromEntries(request.headers), body: await request.text() })
    return answer(path)
  }
  const { url } = yield* Effect.orDie(FetchServer.serve({ fetch }))
  const paths = () => [...new Set(received.map(({ path }) => path))].toSorted()
  return { received, paths, url }
})

/** An address at which nobody listens. */
export const nowhere = Effect.map(Effect.scoped(collector()), ({ url }) => url)
