/** ky alone, with what costs time and is not asked for switched off. */
import ky from "ky"
import { byExchange } from "../client.ts"

const client = ky.create({ retry: 0, timeout: false })

/** Opens it. */
export const open = byExchange((url, { body, headers, method }) =>
  client(url, { method, headers, ...(body === undefined ? {} : { body }) }).json()
)
