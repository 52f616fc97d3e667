import fastify, { type FastifyInstance, type FastifyRequest } from "fastify"
import { KeyStoreError, open } from "keyfold"

const statuses: { readonly [Tag in KeyStoreError["reason"]["_tag"]]?: number } = {
  InvalidRequest: 400,
  Unsupported: 400,
  NotFound: 404,
  Conflict: 409,
  QuotaExceeded: 409
}

const body = { type: "object", properties: { name: { type: "string" } }, additionalProperties: false } as const

/** `tenantOf` authenticates the request and says whose keys it is about. */
export const makeApp = async (tenantOf: (request: FastifyRequest) => string): Promise<FastifyInstance> => {
  const keys = await open()
  const app = fastify()
  app.addHook("onClose", () => keys.close())

  app.setErrorHandler((error, _request, reply) => {
    if (!(error instanceof KeyStoreError)) return reply.send(error)
    const { reason } = error
    return reply.status(statuses[reason._tag] ?? 503).send({ reason: reason._tag, problem: reason.message })
  })

  app.get<{ Querystring: { cursor?: string } }>("/keys", (request) =>
    keys.forTenant(tenantOf(request)).listPage({ cursor: request.query.cursor, limit: 50 })
  )

  app.post<{ Body: { name?: string } }>("/keys", { schema: { body } }, async (request, reply) => {
    const { key, secret } = await keys.forTenant(tenantOf(request)).create({ name: request.body.name })
    return reply.status(201).header("cache-control", "no-store").send({ key, secret: secret.reveal() })
  })

  app.delete<{ Params: { id: string } }>("/keys/:id", (request) =>
    keys.forTenant(tenantOf(request)).revoke(request.params.id)
  )

  return app
}
