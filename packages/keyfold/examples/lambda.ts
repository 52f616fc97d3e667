import type { APIGatewayProxyEventV2WithLambdaAuthorizer, APIGatewayProxyStructuredResultV2, Context } from "aws-lambda"
import { KeyStoreError, open, type Store } from "keyfold"

type Event = APIGatewayProxyEventV2WithLambdaAuthorizer<{ readonly tenant: string }>

// Once for each instance, which lives on between calls.
const keys = await open()

const answer = (statusCode: number, body: object): APIGatewayProxyStructuredResultV2 => ({
  statusCode,
  headers: { "content-type": "application/json", "cache-control": "no-store" },
  body: JSON.stringify(body)
})

const respond = async (store: Store, { body, pathParameters, routeKey }: Event, signal: AbortSignal) => {
  switch (routeKey) {
    case "GET /keys":
      return answer(200, await store.listPage({ limit: 100 }, { signal }))
    case "POST /keys": {
      const { name }: { readonly name?: string } = JSON.parse(body ?? "{}")
      const { key, secret } = await store.create({ name }, { signal })
      return answer(201, { key, secret: secret.reveal() })
    }
    case "DELETE /keys/{id}":
      return answer(200, await store.revoke(pathParameters?.["id"] ?? "", { signal }))
    default:
      return answer(404, { problem: "no such route" })
  }
}

export const handler = async (event: Event, context: Context): Promise<APIGatewayProxyStructuredResultV2> => {
  const store = keys.forTenant(event.requestContext.authorizer.lambda.tenant)
  // An instance is frozen once it has answered: what is to be tidied up needs time before that.
  const signal = AbortSignal.timeout(Math.max(0, context.getRemainingTimeInMillis() - 2000))
  try {
    return await respond(store, event, signal)
  } catch (error) {
    if (!(error instanceof KeyStoreError)) throw error
    const { reason } = error
    return answer(reason._tag === "NotFound" ? 404 : 503, { reason: reason._tag, problem: reason.message })
  }
}
