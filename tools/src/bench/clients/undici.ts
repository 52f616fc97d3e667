/** `undici.request`, and the whole body parsed at once. */
import { request } from "undici"
import { assertSuccess, byExchange } from "../client.ts"

/** Opens it. */
export const open = byExchange(async (url, { body, headers, method }) => {
  const answer = await request(url, { method, headers, ...(body === undefined ? {} : { body }) })
  assertSuccess(answer.statusCode)
  return answer.body.json()
})
