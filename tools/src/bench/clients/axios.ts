/** axios, over Node's own connections, which are kept. */
import axios from "axios"
import { byExchange } from "../client.ts"

/** Opens it. */
export const open = byExchange(async (url, { body, headers, method }) => {
  const { data } = await axios.request<unknown>({ url, method, headers: { ...headers }, data: body })
  return data
})
