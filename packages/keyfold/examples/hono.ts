import { Hono, type Context } from "hono"
import { HTTPException } from "hono/http-exception"
import { KeyStoreError, type Keys } from "keyfold"

/** `tenantOf` authenticates the request and says whose keys it is about. */
export const makeApp = (keys: Keys, tenantOf: (context: Context) => string) => {
  const app = new Hono()

  app.onError((error, context) => {
    if (error instanceof HTTPException) return error.getResponse()
    if (!(error instanceof KeyStoreError)) return context.text("something went wrong", 500)
    const { reason } = error
    return context.json({ reason: reason._tag, problem: reason.message }, reason._tag === "NotFound" ? 404 : 503)
  })

  app.get("/keys", async (context) => {
    const { signal } = context.req.raw
    return context.json(await keys.forTenant(tenantOf(context)).listPage({}, { signal }))
  })

  app.post("/keys", async (context) => {
    const { name } = await context.req.json<{ name?: string }>()
    const { key, secret } = await keys.forTenant(tenantOf(context)).create({ name })
    return context.json({ key, secret: secret.reveal() }, 201, { "Cache-Control": "no-store" })
  })

  app.delete("/keys/:id", async (context) =>
    context.json(await keys.forTenant(tenantOf(context)).revoke(context.req.param("id")))
  )

  // What the keys are for: an outage of the backend rejects, and so never reads as "not valid".
  app.use("/reports/*", async (context, next) => {
    const [, secret = ""] = (context.req.header("authorization") ?? "").split("Bearer ")
    const verification = await keys.forTenant(tenantOf(context)).verify(secret)
    if (!verification.valid) throw new HTTPException(401, { message: "this key is not valid" })
    await next()
  })

  return app.get("/reports/today", (context) => context.text("all is well"))
}
