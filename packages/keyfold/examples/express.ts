import { once } from "node:events"
import express, { type ErrorRequestHandler, type Express, type Request, type Response } from "express"
import { ConfigurationError, KeyStoreError, open, retryAfterMilliseconds, type Keys } from "keyfold"

const statusOf = ({ reason }: KeyStoreError): number => {
  switch (reason._tag) {
    case "InvalidRequest":
    case "Unsupported":
      return 400
    case "NotFound":
      return 404
    case "Conflict":
    case "QuotaExceeded":
      return 409
    default:
      return 503
  }
}

const explain: ErrorRequestHandler = (error: unknown, _request, response, next) => {
  if (response.headersSent) return next(error)
  if (error instanceof ConfigurationError) return response.status(403).json({ problem: "no such tenant" })
  if (!(error instanceof KeyStoreError)) return next(error)
  const wait = retryAfterMilliseconds(error)
  if (wait !== undefined) response.set("Retry-After", String(Math.ceil(wait / 1000)))
  return response.status(statusOf(error)).json({ reason: error.reason._tag, problem: error.reason.message })
}

/** A client that went away needs no answer; a create it gave up on leaves no key behind. */
const signalOf = (response: Response): AbortSignal => {
  const controller = new AbortController()
  response.once("close", () => controller.abort())
  return controller.signal
}

/** `tenantOf` authenticates the request and says whose keys it is about. */
export const makeApp = (keys: Keys, tenantOf: (request: Request) => string): Express => {
  const app = express()
  app.use(express.json())

  app.get("/keys", async (request, response) => {
    response.type("application/x-ndjson")
    for await (const key of keys.forTenant(tenantOf(request)).list({}, { signal: signalOf(response) })) {
      response.write(`${JSON.stringify(key)}\n`)
    }
    response.end()
  })

  app.post("/keys", async (request, response) => {
    const store = keys.forTenant(tenantOf(request))
    const { key, secret } = await store.create({ name: request.body.name }, { signal: signalOf(response) })
    response.status(201).set("Cache-Control", "no-store").json({ key, secret: secret.reveal() })
  })

  app.delete("/keys/:id", async (request, response) => {
    response.json(await keys.forTenant(tenantOf(request)).revoke(request.params.id))
  })

  return app.use(explain)
}

/** Requests under way end first, then the keys. */
export const start = async (port: number, tenantOf: (request: Request) => string) => {
  const keys = await open()
  const server = makeApp(keys, tenantOf).listen(port)
  await once(server, "listening")
  const stop = async (): Promise<void> => {
    const closed = once(server, "close")
    server.close()
    await closed
    await keys.close()
  }
  process.once("SIGTERM", () => void stop())
  return { server, stop }
}
